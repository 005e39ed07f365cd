package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.train.Predictor;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StorageTimeoutException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The trainer on real Spark: reproducible, resumable, in every mode the same. */
class TrainJobTest {
  @TempDir static Path folder;

  @Test
  void twoRunsAndEveryModeAndAResumedRunGiveTheSameBits() throws Exception {
    PhiscaleConfiguration unbroken = configuration("unbroken", Map.of("train.epochs", "4"));
    PhiscaleConfiguration cluster =
        configuration(
            "cluster", Map.of("train.epochs", "4", "spark.master", "local-cluster[2,1,2048]"));
    TrainJob.Result expected;
    try (SparkSession session = LocalSpark.open(unbroken)) {
      new ShardJob(session, unbroken).run();
      expected = new TrainJob(session, unbroken).run(TrainingListener.SILENT);
    }
    assertThat(expected.metrics()).hasSize(4 * 3);
    assertThat(expected.metrics().get(11).loss()).isLessThan(expected.metrics().get(0).loss());

    // Killed after the first checkpoint, in the middle of a later epoch.
    PhiscaleConfiguration broken =
        configuration("broken", Map.of("train.epochs", "4", "spark.master", "local[*]"));
    try (SparkSession session = LocalSpark.open(broken)) {
      assertThatThrownBy(() -> new TrainJob(session, broken).run(new Killer(5)))
          .isInstanceOf(Killed.class);
      TrainJob.Result resumed = new TrainJob(session, broken).run(TrainingListener.SILENT);
      assertThat(losses(resumed)).isEqualTo(losses(expected));
      assertThat(resumed.checkpoint().parameters())
          .containsExactly(expected.checkpoint().parameters());
      assertThat(resumed.checkpoint().optimizerState())
          .containsExactly(expected.checkpoint().optimizerState());
      assertThat(resumed.checkpoint().movingAverage())
          .containsExactly(expected.checkpoint().movingAverage());
    }

    try (SparkSession session = LocalSpark.open(cluster)) {
      TrainJob.Result distributed = new TrainJob(session, cluster).run(TrainingListener.SILENT);
      assertThat(losses(distributed)).isEqualTo(losses(expected));
      assertThat(distributed.checkpoint().parameters())
          .containsExactly(expected.checkpoint().parameters());
      List<NetworkResult> rows = new EvaluateJob(session, cluster).run();
      assertThat(rows).hasSize(1);
      assertThat(rows.get(0).score().images()).isEqualTo(validationImages());
    }
  }

  @Test
  void aRunIsNotResumedWithAConfigurationThatComputesSomethingElse() throws Exception {
    PhiscaleConfiguration first = configuration("conflict", Map.of("train.epochs", "1"));
    try (SparkSession session = LocalSpark.open(first)) {
      new ShardJob(session, first).run();
      new TrainJob(session, first).run(TrainingListener.SILENT);
      PhiscaleConfiguration other =
          configuration("conflict", Map.of("train.epochs", "2", "train.learning-rate.base", "0.1"));
      assertThatThrownBy(() -> new TrainJob(session, other).run(TrainingListener.SILENT))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("train.learning-rate.base is 0.1, was 0.05");
      PhiscaleConfiguration longer =
          configuration("conflict", Map.of("train.epochs", "2", "train.workers", "3"));
      TrainJob.Result resumed = new TrainJob(session, longer).run(TrainingListener.SILENT);
      assertThat(resumed.checkpoint().info().progress().epoch()).isEqualTo(2);
      assertThat(resumed.checkpoint().info().progress().images()).isEqualTo(2 * trainImages());
    }
  }

  /** A file system that hangs: a pipe holds whoever opens it until somebody writes. */
  @Test
  void aFileSystemThatHangsIsNamedByTheDriver() throws Exception {
    PhiscaleConfiguration configuration =
        configuration("hanging", Map.of("train.epochs", "1", "storage.deadline", "2 s"));
    try (SparkSession session = LocalSpark.open(configuration)) {
      new ShardJob(session, configuration).run();
      Path pointer =
          Files.createDirectories(folder.resolve("hanging/checkpoints")).resolve("latest.json");
      assumeThat(new ProcessBuilder("mkfifo", pointer.toString()).start().waitFor()).isZero();
      assertThatThrownBy(() -> new TrainJob(session, configuration).run(TrainingListener.SILENT))
          .isInstanceOf(StorageTimeoutException.class)
          .hasMessageMatching(
              "Cannot (read|open) file:.*/hanging/checkpoints/latest.json: no answer within 2.0 s"
                  + " \\(storage.deadline\\); does the file system hang\\?");
      new RandomAccessFile(pointer.toFile(), "rw").close();
    }
  }

  @Test
  void evaluationInBfloat16CountsEveryImageAndIsRefusedWhereItCannotBe() throws Exception {
    PhiscaleConfiguration training = configuration("reduced", Map.of("train.epochs", "1"));
    try (SparkSession session = LocalSpark.open(training)) {
      new ShardJob(session, training).run();
      new TrainJob(session, training).run(TrainingListener.SILENT);
      PhiscaleConfiguration portable =
          configuration(
              "reduced", Map.of("evaluate.precision", "bf16", "train.kernels", Kernels.ND4J));
      assertThatThrownBy(() -> new EvaluateJob(session, portable).run())
          .hasStackTraceContaining(
              "Cannot evaluate with evaluate.precision = bf16: kernels nd4j compute an inference in"
                  + " fp32 only");

      assumeThat(Predictor.problem(Kernels.AUTO, Precision.BF16)).isEmpty();
      NetworkResult exact = new EvaluateJob(session, training).run().get(0);
      NetworkResult reduced =
          new EvaluateJob(session, configuration("reduced", Map.of("evaluate.precision", "bf16")))
              .run()
              .get(0);
      assertThat(reduced.score().images()).isEqualTo(validationImages());
      assertThat(reduced.score().loss()).isCloseTo(exact.score().loss(), withinPercentage(3));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // The first step leaves parameters that the second one's loss is made of.
    "2, loss, 2, 1.000e+38",
    // One step a round: its loss is still that of the drawn parameters. As a float this rate is
    // infinite.
    "1, parameters, 1, 1.000e+300",
  })
  void divergenceNamesWorkerRoundAndStep(int localSteps, String what, int step, String rate)
      throws Exception {
    String run = "diverged-" + what;
    PhiscaleConfiguration configuration =
        configuration(
            run,
            Map.of(
                "train.learning-rate.base",
                rate,
                "train.averaging.local-steps",
                Integer.toString(localSteps)));
    try (SparkSession session = LocalSpark.open(configuration)) {
      new ShardJob(session, configuration).run();
      assertThatThrownBy(() -> new TrainJob(session, configuration).run(TrainingListener.SILENT))
          .isInstanceOf(TrainingDivergedException.class)
          .hasMessageStartingWith(
              "Training diverged: %s not finite on worker 0 in round 1, local step %s, at learning"
                  + " rate %s. There is no earlier checkpoint; try a lower",
              what, step, rate);
    }
    assertThat(folder.resolve(run).resolve("checkpoints/latest.json")).doesNotExist();
  }

  @Test
  void divergenceLeavesTheLastCheckpointAndNamesIt() throws Exception {
    // Each step multiplies the weights by a hundred: two epochs at most until they overflow.
    PhiscaleConfiguration configuration =
        configuration("overflowed", Map.of("train.epochs", "4", "train.weight-decay", "2000"));
    RunDirectory directory =
        new RunDirectory(Storage.of(Map.of()), folder.resolve("overflowed").toUri());
    try (SparkSession session = LocalSpark.open(configuration)) {
      new ShardJob(session, configuration).run();
      String first = divergence(session, configuration);
      Checkpoint checkpoint = directory.checkpoints().latest().orElseThrow();
      int round = checkpoint.info().progress().round();
      assertThat(first)
          .containsPattern(
              "(loss|parameters) not finite on worker \\d in round \\d+, local step \\d")
          .contains(
              "The last good checkpoint stays: " + directory.checkpoints().location(round) + ";");

      // Started again, it goes on from there, to the same end.
      assertThat(divergence(session, configuration)).isEqualTo(first);
      assertThat(directory.checkpoints().latest().orElseThrow().info())
          .isEqualTo(checkpoint.info());
    }
  }

  private static String divergence(SparkSession session, PhiscaleConfiguration configuration) {
    return catchThrowableOfType(
            TrainingDivergedException.class,
            () -> new TrainJob(session, configuration).run(TrainingListener.SILENT))
        .getMessage();
  }

  @Test
  void moreWorkersThanImagesAndThanRowGroups() throws Exception {
    PhiscaleConfiguration configuration =
        configuration(
            "crowded",
            Map.of(
                "train.epochs",
                "1",
                "train.workers",
                "100",
                "data.row-group-bytes",
                "1MiB",
                "data.shards",
                folder.resolve("one-group").toUri().toString()));
    try (SparkSession session = LocalSpark.open(configuration)) {
      ShardManifest manifest = new ShardJob(session, configuration).run().manifest();
      assertThat(manifest.rowGroups(configuration.data().shards(), "train")).hasSize(1);
      long images = manifest.split("train").images();
      assertThat(images).isLessThan(100);
      TrainJob.Result result = new TrainJob(session, configuration).run(TrainingListener.SILENT);
      // One round: sixteen and more workers have nothing to do.
      assertThat(result.metrics()).singleElement().returns(images, RoundMetrics::images);
      assertThat(result.metrics().get(0).loss()).isFinite();
    }
  }

  private static List<Double> losses(TrainJob.Result result) {
    return result.metrics().stream().map(RoundMetrics::loss).toList();
  }

  private static long trainImages() throws IOException {
    return manifestCount("train");
  }

  private static long validationImages() throws IOException {
    return manifestCount("val");
  }

  private static long manifestCount(String split) throws IOException {
    return ShardManifest.read(Storage.of(Map.of()), folder.resolve("shards").toUri())
        .split(split)
        .images();
  }

  private static PhiscaleConfiguration configuration(String run, Map<String, String> values)
      throws IOException {
    Path images = folder.resolve("images");
    if (!Files.exists(images)) {
      SmallImages.write(images, 40);
    }
    Map<String, String> all = new TreeMap<>(LocalSpark.tinyTraining());
    all.put("data.source.layout", "class-folders");
    all.put("data.source.train", images.toString());
    all.put("data.source.validation.uri", "null");
    all.put("data.source.validation-fraction", "0.3");
    all.put("data.row-group-bytes", "4KiB");
    all.put("train.output", folder.resolve(run).toUri().toString());
    all.put("evaluate.checkpoint", folder.resolve(run).toUri().toString());
    all.putAll(values);
    return LocalSpark.configuration(folder, all);
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Ends the driver's loop as a kill would: nothing is written after it. */
  private record Killer(int round) implements TrainingListener {
    @Override
    public void completed(RoundMetrics metrics) {
      if (metrics.round() == round) {
        throw new Killed();
      }
    }

    @Override
    public void published(URI checkpoint) {
      assertThat(Path.of(checkpoint)).exists();
    }
  }
}
