package io.phiscale.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.study.CellOutcome;
import io.phiscale.jobs.study.StudyCell;
import io.phiscale.jobs.study.StudyJob;
import io.phiscale.jobs.study.StudyListener;
import io.phiscale.jobs.support.EventFileReader;
import io.phiscale.jobs.support.EventFileReader.Event;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.jobs.train.TrainJob;
import io.phiscale.jobs.train.TrainingListener;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What can be watched while the whole chain runs: Spark's UI, Prometheus, TensorBoard. */
class ChainMetricsTest {
  @TempDir Path folder;

  @Test
  void everyJobIsDescribedAndEveryRoundIsSeenByPrometheusAndTensorBoard() throws Exception {
    PhiscaleConfiguration configuration = configuration();
    Jobs jobs = new Jobs();
    try (SparkSession session = LocalSpark.open(configuration)) {
      session.sparkContext().addSparkListener(jobs);
      Prometheus prometheus =
          new Prometheus(URI.create(session.sparkContext().uiWebUrl().get() + "/metrics/"));

      new ShardJob(session, configuration).run();
      assertThatThrownBy(
              () -> new TrainJob(session, configuration).run(new DiesInSecondEpoch(prometheus)))
          .isInstanceOf(Died.class);
      assertThat(prometheus.gauges()).as("after training").isEmpty();
      TrainJob.Result trained = new TrainJob(session, configuration).run(TrainingListener.SILENT);
      new EvaluateJob(session, configuration).run();
      Cells cells = new Cells(prometheus);
      StudyJob.Result study = new StudyJob(session, configuration).run(cells);
      assertThat(study.failures()).isEmpty();
      assertThat(cells.both).containsOnlyKeys("phi_0", "phi_1");
      assertThat(cells.afterFirst).containsOnlyKeys("phi_1");
      assertThat(prometheus.gauges("rounds")).as("after the study").isEmpty();

      assertThat(prometheus.scraped)
          .as("rounds before the death: three of the first epoch, one of the second")
          .hasSize(4);
      assertThat(events())
          .containsExactlyElementsOf(
              trained.metrics().stream().map(ChainMetricsTest::event).toList());
    }

    assertThat(jobs.descriptions)
        .hasSizeGreaterThan(20)
        .allSatisfy(description -> assertThat(description).isNotBlank().isNotEqualTo("none"));
    assertThat(jobs.descriptions)
        .contains(
            "Shard: write train",
            "Shard: write val",
            "Shard: write the rejects",
            "test phi-0: round 1 of training",
            "test phi-1: round 6 of training",
            "test: evaluate phi-0 (ema) on val",
            "test: evaluate phi-1 (ema) on val")
        .anyMatch(description -> description.startsWith("Shard: read, decode and shuffle "));
  }

  private List<Event> events() throws IOException {
    List<Event> events = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder.resolve("train/tensorboard"))) {
      for (Path file : files.sorted().toList()) {
        events.addAll(EventFileReader.read(Files.readAllBytes(file)));
      }
    }
    return events;
  }

  private static Event event(RoundMetrics round) {
    assertThat(round.accuracy()).isBetween(0.0, 1.0);
    assertThat(round.localSteps()).isEqualTo(2);
    assertThat(round.straggleSeconds()).isNotNegative();
    assertThat(
            round.computeSeconds()
                + round.waitSeconds()
                + round.straggleSeconds()
                + round.averagingSeconds())
        .isCloseTo(round.seconds(), within(1e-9));
    Map<String, Float> scalars = new TreeMap<>();
    scalars.put("train/loss", (float) round.loss());
    scalars.put("train/accuracy", (float) round.accuracy());
    scalars.put("train/learning_rate", (float) round.learningRate());
    scalars.put("train/epoch", (float) round.epoch());
    scalars.put("train/skipped", (float) round.skipped());
    scalars.put("speed/images_per_second", (float) round.imagesPerSecond());
    scalars.put("round/number", (float) round.round());
    scalars.put("round/local_steps", (float) round.localSteps());
    scalars.put("round/seconds", (float) round.seconds());
    scalars.put("round/compute_seconds", (float) round.computeSeconds());
    scalars.put("round/data_wait_seconds", (float) round.waitSeconds());
    scalars.put("round/straggle_seconds", (float) round.straggleSeconds());
    scalars.put("round/averaging_seconds", (float) round.averagingSeconds());
    return new Event(round.unixSeconds(), round.images(), scalars);
  }

  private PhiscaleConfiguration configuration() throws IOException {
    Path images = SmallImages.write(folder.resolve("images"), 40);
    Files.writeString(images.resolve("bar/damaged.png"), "no image");
    Map<String, String> values = new TreeMap<>(LocalSpark.tinyTraining());
    values.put("data.source.layout", "class-folders");
    values.put("data.source.train", images.toString());
    values.put("data.source.validation.uri", "null");
    values.put("data.source.validation-fraction", "0.3");
    values.put("data.max-reject-fraction", "0.1");
    values.put("evaluate.checkpoint", folder.resolve("train").toUri().toString());
    values.put("study.phi", "0,1");
    values.put("study.concurrent", "2");
    values.put("spark.properties.\"spark.ui.port\"", "0");
    new ConfigurationLoader()
        .file("../conf/spark/prometheus.conf")
        .load()
        .sparkProperties()
        .forEach((key, value) -> values.put("spark.properties.\"" + key + "\"", value));
    return LocalSpark.configuration(folder, values);
  }

  /** Descriptions of all jobs. */
  private static final class Jobs extends SparkListener {
    private final Queue<String> descriptions = new ConcurrentLinkedQueue<>();

    @Override
    public void onJobStart(SparkListenerJobStart start) {
      descriptions.add(start.properties().getProperty("spark.job.description", "none"));
    }
  }

  /** Reads the servlet as Prometheus does. */
  private static final class Prometheus {
    private static final Pattern GAUGE =
        Pattern.compile(
            "metrics_training_driver_phiscale_(\\w+)_Value\\{type=\"gauges\"\\} (\\S+)");

    private final HttpClient client = HttpClient.newHttpClient();
    private final URI root;
    private final List<Map<String, Double>> scraped = new ArrayList<>();

    Prometheus(URI root) {
      this.root = root;
    }

    private String page() throws IOException, InterruptedException {
      HttpResponse<String> response =
          client.send(
              HttpRequest.newBuilder(root.resolve("prometheus/"))
                  .timeout(Duration.ofSeconds(30))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(response.statusCode()).isEqualTo(200);
      return response.body();
    }

    /** The gauges of the only run. */
    Map<String, Double> gauges() throws IOException, InterruptedException {
      return found(GAUGE.matcher(page()));
    }

    /** One gauge of each cell that has it. */
    Map<String, Double> gauges(String name) throws IOException, InterruptedException {
      return found(
          Pattern.compile(
                  "metrics_training_driver_(phi\\w+)_phiscale_"
                      + name
                      + "_Value\\{type=\"gauges\"\\} (\\S+)")
              .matcher(page()));
    }

    private static Map<String, Double> found(Matcher gauge) {
      Map<String, Double> gauges = new TreeMap<>();
      while (gauge.find()) {
        gauges.put(gauge.group(1), Double.valueOf(gauge.group(2)));
      }
      return gauges;
    }
  }

  /**
   * Two cells that train at the same time: the first round of φ = 0 ends when φ = 1 has begun, and
   * that of φ = 1 when φ = 0 has ended.
   */
  private static final class Cells implements StudyListener {
    private final Prometheus prometheus;
    private final CountDownLatch secondBegan = new CountDownLatch(1);
    private final CountDownLatch firstEnded = new CountDownLatch(1);
    private volatile Map<String, Double> both = Map.of();
    private volatile Map<String, Double> afterFirst = Map.of();

    Cells(Prometheus prometheus) {
      this.prometheus = prometheus;
    }

    @Override
    public void planned(List<StudyCell> cells) {
      assertThat(cells).extracting(StudyCell::name).containsExactly("phi-0", "phi-1");
    }

    @Override
    public TrainingListener started(StudyCell cell) {
      boolean first = cell.name().equals("phi-0");
      return new TrainingListener() {
        @Override
        public void started(int firstRound, int rounds) {
          if (!first) {
            secondBegan.countDown();
          }
        }

        @Override
        public void completed(RoundMetrics round) {
          if (first && round.round() == 1) {
            await(secondBegan);
            both = rounds();
          } else if (!first && round.round() == 1) {
            await(firstEnded);
            afterFirst = rounds();
          }
        }
      };
    }

    @Override
    public void ended(CellOutcome outcome) {
      if (outcome.cell().name().equals("phi-0")) {
        firstEnded.countDown();
      }
    }

    private Map<String, Double> rounds() {
      try {
        return prometheus.gauges("rounds");
      } catch (IOException | InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    private static void await(CountDownLatch latch) {
      try {
        assertThat(latch.await(2, TimeUnit.MINUTES)).as("the other cell").isTrue();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  private static final class Died extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Compares the servlet with every round, and ends the run in the second epoch. */
  private record DiesInSecondEpoch(Prometheus prometheus) implements TrainingListener {
    @Override
    public void started(int firstRound, int rounds) {
      assertThat(scrape())
          .containsEntry("rounds", (double) rounds)
          .containsEntry("loss", Double.NaN);
    }

    @Override
    public void completed(RoundMetrics round) {
      Map<String, Double> gauges = scrape();
      prometheus.scraped.add(gauges);
      assertThat(gauges)
          .containsOnly(
              Map.entry("round", (double) round.round()),
              Map.entry("rounds", 6.0),
              Map.entry("epoch", round.epoch()),
              Map.entry("images", (double) round.images()),
              Map.entry("loss", round.loss()),
              Map.entry("accuracy", round.accuracy()),
              Map.entry("learningRate", 0.05),
              Map.entry("imagesPerSecond", round.imagesPerSecond()),
              Map.entry("localSteps", 2.0),
              Map.entry("seconds", round.seconds()),
              Map.entry("computeSeconds", round.computeSeconds()),
              Map.entry("waitSeconds", round.waitSeconds()),
              Map.entry("straggleSeconds", round.straggleSeconds()),
              Map.entry("averagingSeconds", round.averagingSeconds()),
              Map.entry("unixSeconds", round.unixSeconds()),
              Map.entry("minivalTop1", Double.NaN),
              Map.entry("skippedTotal", 0.0));
      if (round.round() == 4) {
        throw new Died();
      }
    }

    private Map<String, Double> scrape() {
      try {
        return prometheus.gauges();
      } catch (IOException e) {
        throw new AssertionError(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError(e);
      }
    }
  }
}
