package io.phiscale.jobs.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.report.EvaluationReport;
import io.phiscale.jobs.report.Latency;
import io.phiscale.jobs.report.NetworkDetail;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.report.Reference;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.study.ReportFiles;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.jobs.train.TrainJob;
import io.phiscale.jobs.train.TrainingListener;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import javax.imageio.ImageIO;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Evaluation on Spark: two trained networks, several sets, tasks that fail. */
class EvaluateJobTest {
  @TempDir static Path folder;
  private static SparkSession session;
  private static ShardManifest manifest;

  /** Reads of shards of the scheme "flaky" fail the first time that a file is opened. */
  public static final class Flaky extends RawLocalFileSystem {
    private static final Set<String> OPENED = ConcurrentHashMap.newKeySet();

    @Override
    public String getScheme() {
      return "flaky";
    }

    @Override
    public URI getUri() {
      return URI.create("flaky:///");
    }

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path path, int bufferSize)
        throws IOException {
      String file = path.toUri().getPath();
      if (file.endsWith(".parquet") && OPENED.add(file)) {
        throw new IOException("flaky: first opening of " + file);
      }
      return super.open(path, bufferSize);
    }
  }

  @BeforeAll
  static void train() throws Exception {
    PhiscaleConfiguration first = configuration("first", Map.of());
    session = LocalSpark.open(first);
    manifest = new ShardJob(session, first).run().manifest();
    new TrainJob(session, first).run(TrainingListener.SILENT);
    new TrainJob(session, configuration("second", Map.of("train.seed", "1")))
        .run(TrainingListener.SILENT);
  }

  @AfterAll
  static void close() {
    session.close();
  }

  private static long images() {
    return manifest.split("val").images();
  }

  @Test
  void twoNetworksOnTwoSetsAreScoredComparedAndWritten() throws Exception {
    PhiscaleConfiguration configuration =
        configuration(
            "first",
            Map.of(
                "evaluate.compare-with", "[\"" + run("second") + "\"]",
                "evaluate.sets", "[\"mini=" + folder.resolve("shards") + "#minival\"]",
                "evaluate.weights", "both",
                "evaluate.real-labels", realLabels().toString(),
                "evaluate.latency.measure", "on",
                "evaluate.latency.runs", "2",
                "evaluate.latency.batch-size", "4",
                "evaluate.latency.price-per-hour", "3.6"));
    Evaluation evaluation = new EvaluateJob(session, configuration).evaluate();

    assertThat(evaluation.rows())
        .extracting(row -> row.name() + " " + row.weights())
        .containsExactly(
            "phi-0@runs/first EMA",
            "phi-0@runs/first RAW",
            "phi-0@runs/second EMA",
            "phi-0@runs/second RAW");
    assertThat(evaluation.details()).hasSize(8);
    assertThat(evaluation.details().get(7).set()).isEqualTo("mini");
    for (int i = 0; i < 4; i++) {
      NetworkResult row = evaluation.rows().get(i);
      NetworkDetail detail = evaluation.details().get(i);
      assertThat(row.score().images()).isEqualTo(images());
      assertThat(detail.top1()).isEqualTo(row.score().top1());
      assertThat(detail.loss()).isEqualTo(row.score().loss());
      // The file calls every class right.
      assertThat(detail.real()).contains(new NetworkDetail.Real(images(), images()));
      Latency latency = row.latency().orElseThrow();
      assertThat(latency.singleMillis()).isPositive();
      // Counted: the same for the same network.
      assertThat(latency.nativeMebibytes())
          .isEqualTo(evaluation.rows().get(0).latency().orElseThrow().nativeMebibytes())
          .isBetween(0.05, 50.0);
      assertThat(latency.batchSize()).isEqualTo(4);
      requireExamples(detail);
      assertThat(latency.costPerMillion() * latency.imagesPerSecond())
          .isCloseTo(1000, within(1e-6));
    }
    assertThat(evaluation.differences()).hasSize(3);
    assertThat(evaluation.differences())
        .allSatisfy(
            difference -> {
              assertThat(difference.images()).isEqualTo(images());
              assertThat(difference.difference()).isNotNegative();
            });

    Dataset<Row> written =
        session.read().parquet(folder.resolve("evaluation/predictions").toString());
    written.createOrReplaceTempView("predictions");
    assertThat(written.count()).isEqualTo(4 * (images() + manifest.split("minival").images()));
    for (NetworkResult row : evaluation.rows()) {
      Row counted =
          session
              .sql(
                  String.format(
                      "select count(distinct key), avg(cast(right as int)), avg(loss),"
                          + " count_if(right = (label = guess)) from predictions"
                          + " where network = '%s' and weights = '%s' and `set` = 'val'",
                      row.name(), row.weights().label()))
              .first();
      assertThat(counted.getLong(0)).isEqualTo(images());
      assertThat(counted.getDouble(1)).isCloseTo(row.score().top1(), within(1e-12));
      assertThat(counted.getDouble(2)).isCloseTo(row.score().loss(), within(1e-9));
      assertThat(counted.getLong(3)).isEqualTo(images());
    }

    EvaluationReport report =
        ReportFiles.report(configuration, manifest.contentDigest(), evaluation, List.of());
    URI output = folder.resolve("report").toUri();
    ReportFiles.write(Storage.of(Map.of()), output, report);
    assertThat(Files.readString(folder.resolve("report/report.html")))
        .contains("Is the best one better?")
        .contains("On every set of images")
        .contains("calibration")
        .contains("1 image, ms", "native MiB", "cost/million")
        .contains("id=\"accuracy-by-latency-heading\"")
        .contains("What they look like")
        .doesNotContain("as published")
        .hasSizeLessThan(3_000_000);
    assertThat(Files.readAllLines(folder.resolve("report/sets.csv"))).hasSize(9);
    assertThat(folder.resolve("report/confusion.csv")).exists();
    assertThat(folder.resolve("report/plots/calibration.svg")).exists();
    assertThat(folder.resolve("report/plots/accuracy-by-latency.png")).exists();
    assertThat(Files.readAllLines(folder.resolve("report/report.csv")).get(1))
        .matches(".*,[0-9.]+,[0-9.]+,[0-9.]+,[0-9.]+,file:.*");
    assertThat(evaluation.reference(EvaluateSection.Published.SHOW)).isEqualTo(Reference.IMAGENET);
    assertThat(evaluation.reference(EvaluateSection.Published.HIDE)).isEqualTo(Reference.NONE);
  }

  @Test
  void anEvaluationIsTimedOverItsParts() throws Exception {
    EvaluationBenchmark.Result result =
        EvaluationBenchmark.run(session, configuration("first", Map.of()), 3);

    assertThat(result.images()).isEqualTo(images());
    assertThat(result.turns())
        .hasSize(3)
        .allSatisfy(
            turn -> {
              assertThat(turn.inference()).isPositive();
              assertThat(turn.loading()).isPositive();
              assertThat(turn.scoring()).isPositive().isLessThan(turn.evaluation());
              assertThat(turn.ratio())
                  .isEqualTo(turn.evaluation() / (turn.inference() + turn.loading()));
            });
    assertThat(result.line())
        .matches(
            "evaluate custom-phi-0 res=16 batch=16 fp32 tasks=\\d threads=1 loader=\\d: "
                + images()
                + " images in [0-9.]+ s, [0-9.]+ times inference \\+ loading \\([0-9.]+ \\+ [0-9.]+ s\\);"
                + " median of 3 turns, [0-9.]+ to [0-9.]+");
    PhiscaleConfiguration two =
        configuration("first", Map.of("evaluate.compare-with", "[\"" + run("second") + "\"]"));
    assertThatThrownBy(() -> EvaluationBenchmark.run(session, two, 1))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("Cannot measure more than one network on one set of images: ");
  }

  /** Pictures of every class, of its own images, which the network got as it says below them. */
  private static void requireExamples(NetworkDetail detail) throws IOException {
    for (NetworkDetail.ClassResult result : detail.classes()) {
      List<NetworkDetail.Example> examples =
          detail.examples().stream().filter(e -> e.actual().equals(result.name())).toList();
      assertThat(examples).hasSize((int) Math.min(4, result.images()));
      assertThat(examples.stream().filter(NetworkDetail.Example::isRight).count())
          .isLessThanOrEqualTo(result.right());
      assertThat(examples).extracting(NetworkDetail.Example::key).doesNotHaveDuplicates();
    }
    for (NetworkDetail.Example example : detail.examples()) {
      assertThat(example.key()).startsWith(example.actual() + "/");
      byte[] bytes = new byte[example.encoded().remaining()];
      example.encoded().duplicate().get(bytes);
      BufferedImage seen = ImageIO.read(new ByteArrayInputStream(bytes));
      BufferedImage stored = ImageIO.read(folder.resolve("images/" + example.key()).toFile());
      // At a crop fraction of 1 and the images' own size the network sees them as they are.
      assertThat(pixels(seen)).isEqualTo(pixels(stored));
    }
  }

  private static int[] pixels(BufferedImage image) {
    int width = image.getWidth();
    return image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
  }

  /** Partitioning, batch size and repeated attempts change nothing, to the last bit. */
  @Test
  void everyImageCountsOnceHoweverTasksAreCutAndFail() throws Exception {
    List<NetworkDetail> expected =
        new EvaluateJob(session, configuration("first", Map.of())).evaluate().details();
    session.close();
    PhiscaleConfiguration flaky =
        configuration(
            "first",
            Map.of(
                "data.shards",
                "flaky://" + folder.resolve("shards"),
                "evaluate.batch-size",
                "7",
                "storage.properties.\"fs.flaky.impl\"",
                Flaky.class.getName(),
                "spark.master",
                "local[3,4]"));
    session = LocalSpark.open(flaky);
    assertThat(Flaky.OPENED).isEmpty();
    List<NetworkDetail> repeated = new EvaluateJob(session, flaky).evaluate().details();
    assertThat(Flaky.OPENED).isNotEmpty();
    assertThat(repeated.get(0).images()).isEqualTo(images());
    assertThat(repeated.get(0).classes()).isEqualTo(expected.get(0).classes());
    assertThat(repeated.get(0).examples())
        .extracting(NetworkDetail.Example::key)
        .containsExactlyElementsOf(
            expected.get(0).examples().stream().map(NetworkDetail.Example::key).toList());
    assertThat(repeated.get(0).confusions()).isEqualTo(expected.get(0).confusions());
    assertThat(repeated.get(0).loss()).isCloseTo(expected.get(0).loss(), within(1e-6));
    assertThat(session.read().parquet(folder.resolve("evaluation/predictions").toString()).count())
        .isEqualTo(images());
  }

  @Test
  void severalViewsAreAveraged() throws Exception {
    NetworkDetail centre = detail(Map.of());
    // One view of the average is the view itself, twice the same as well.
    NetworkDetail twice = detail(Map.of("evaluate.views.fractions", "[1, 1]"));
    assertThat(twice.loss()).isCloseTo(centre.loss(), within(1e-5));
    assertThat(twice.classes()).isEqualTo(centre.classes());
    NetworkDetail ten =
        detail(
            Map.of(
                "evaluate.views.crops", "ten-crop", "evaluate.views.fractions", "[0.875, 0.75]"));
    assertThat(ten.images()).isEqualTo(images());
    assertThat(ten.loss()).isNotCloseTo(centre.loss(), within(1e-6));
    NetworkDetail dense = detail(Map.of("evaluate.resolution", "24"));
    assertThat(dense.images()).isEqualTo(images());
    assertThat(dense.loss()).isNotCloseTo(centre.loss(), within(1e-6));
  }

  @Test
  void someOfTheClassesCanBeEvaluatedAlone() throws Exception {
    Path two = folder.resolve("two");
    SmallImages.write(two, 20);
    try (var files = Files.walk(two.resolve("bar"))) {
      for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.delete(file);
      }
    }
    PhiscaleConfiguration shards =
        configuration(
            "first",
            Map.of(
                "data.source.train", two.toString(),
                "data.source.minival-fraction", "0",
                "data.shards", folder.resolve("two-shards").toString()));
    new ShardJob(session, shards).run();
    String set = "[\"two=" + folder.resolve("two-shards") + "\"]";
    assertThatThrownBy(() -> detail(Map.of("evaluate.sets", set)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("all are among the network's; set evaluate.class-match = subset or");
    for (String match : List.of("subset", "restricted")) {
      List<NetworkDetail> details =
          new EvaluateJob(
                  session,
                  configuration(
                      "first", Map.of("evaluate.sets", set, "evaluate.class-match", match)))
              .evaluate()
              .details();
      NetworkDetail some = details.get(1);
      assertThat(some.set()).isEqualTo("two");
      assertThat(some.classes()).extracting(c -> c.name()).containsExactly("disc", "frame");
      if (match.equals("restricted")) {
        assertThat(some.confusions()).noneMatch(confusion -> confusion.guessed().equals("bar"));
        assertThat(some.top5()).isEqualTo(1);
      }
    }
  }

  @Test
  void whatDoesNotFitIsNamed() throws Exception {
    assertRefused(
        Map.of("evaluate.real-labels", folder.resolve("foreign.json").toString()),
        ConfigurationException.class,
        "knows no image of [val]");
    assertRefused(
        Map.of("evaluate.sets", "[\"x=" + folder.resolve("shards") + "#test\"]"),
        ConfigurationException.class,
        "Nothing to evaluate: split test of data set test is not there (it has minival, train, val)");
    assertRefused(
        Map.of("network.phi", "3"),
        ConfigurationException.class,
        "is not the network that the configuration describes");
    Storage storage = Storage.of(Map.of());
    Checkpoint whole = CheckpointStore.open(storage, folder.resolve("runs/first").toUri());
    float[] values = whole.parameters().clone();
    Arrays.fill(values, values.length / 2, values.length, Float.NaN);
    new CheckpointStore(storage, folder.resolve("runs/broken").toUri())
        .publish(new Checkpoint(whole.info(), values, new float[0], new float[0], new float[0]));
    assertThatThrownBy(() -> new EvaluateJob(session, configuration("broken", Map.of())).evaluate())
        .hasStackTraceContaining("has the value NaN (must be finite)");
    Arrays.fill(values, 1e30f);
    new CheckpointStore(storage, folder.resolve("runs/huge").toUri())
        .publish(new Checkpoint(whole.info(), values, new float[0], new float[0], new float[0]));
    assertThatThrownBy(() -> new EvaluateJob(session, configuration("huge", Map.of())).evaluate())
        .hasStackTraceContaining("has the value Infinity (must be finite)");
    new CheckpointStore(storage, folder.resolve("runs/short").toUri())
        .publish(
            new Checkpoint(whole.info(), new float[7], new float[0], new float[0], new float[0]));
    assertThatThrownBy(() -> new EvaluateJob(session, configuration("short", Map.of())).evaluate())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("holds 7 values, but the network that it describes");
  }

  private static void assertRefused(
      Map<String, String> values, Class<? extends Throwable> type, String message)
      throws IOException {
    Files.writeString(folder.resolve("foreign.json"), "{\"other.png\": [0]}");
    assertThatThrownBy(() -> detail(values)).isInstanceOf(type).hasMessageContaining(message);
  }

  private static NetworkDetail detail(Map<String, String> values) throws Exception {
    Map<String, String> all = new TreeMap<>(values);
    all.put("evaluate.predictions", "none");
    return new EvaluateJob(session, configuration("first", all)).evaluate().details().get(0);
  }

  private static Path realLabels() throws IOException {
    StringBuilder json = new StringBuilder("{");
    for (String name : List.of("bar", "disc", "frame")) {
      for (int i = 0; i < 30; i++) {
        json.append(i == 0 && name.equals("bar") ? "" : ",")
            .append("\"" + name + "/" + i + ".png\": [0, 1, 2]");
      }
    }
    return Files.writeString(folder.resolve("real.json"), json.append("}"));
  }

  private static String run(String name) {
    return folder.resolve("runs").resolve(name).toString();
  }

  private static PhiscaleConfiguration configuration(String run, Map<String, String> values)
      throws IOException {
    Path images = folder.resolve("images");
    if (!Files.exists(images)) {
      SmallImages.write(images, 30);
    }
    Map<String, String> all = new TreeMap<>(LocalSpark.tinyTraining());
    all.put("data.source.layout", "class-folders");
    all.put("data.source.train", images.toString());
    all.put("data.source.validation.uri", "null");
    all.put("data.source.validation-fraction", "0.2");
    all.put("data.source.minival-fraction", "0.2");
    all.put("data.row-group-bytes", "4KiB");
    all.put("train.epochs", "1");
    all.put("train.output", run(run));
    all.putAll(values);
    return LocalSpark.configuration(folder, all);
  }
}
