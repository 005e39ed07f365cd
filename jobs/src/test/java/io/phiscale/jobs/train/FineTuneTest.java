package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.Origin;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.ParameterLayout.Segment;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Transfer learning on real Spark: from a trained run to a classifier on its frozen features. */
class FineTuneTest {
  @TempDir static Path folder;

  /** A short training, whose features the tests start from. */
  private static Checkpoint pretrained;

  @BeforeAll
  static void pretrain() throws Exception {
    PhiscaleConfiguration configuration =
        configuration("pretrained", Map.of("train.epochs", "3", "network.classes", "4"));
    try (SparkSession session = LocalSpark.open(configuration)) {
      new ShardJob(session, configuration).run();
      pretrained = new TrainJob(session, configuration).run(TrainingListener.SILENT).checkpoint();
    }
  }

  @ParameterizedTest
  @EnumSource(FrozenBatchNorm.class)
  void theClassifierLearnsAndTheFeaturesKeepTheirBitsInEveryModeAndWhenResumed(
      FrozenBatchNorm batchNorm) throws Exception {
    String name = batchNorm.name().toLowerCase(Locale.ROOT);
    Map<String, String> values =
        new TreeMap<>(Map.of("train.epochs", "3", "train.frozen-batch-norm", name));
    Listener listener = new Listener(Integer.MAX_VALUE);
    PhiscaleConfiguration unbroken = frozen("unbroken-" + name, values);
    TrainJob.Result expected;
    try (SparkSession session = LocalSpark.open(unbroken)) {
      expected = new TrainJob(session, unbroken).run(listener);
      List<NetworkResult> rows = new EvaluateJob(session, unbroken).run();
      assertThat(rows).hasSize(1);
    }
    assertThat(listener.lines)
        .containsExactly(
            "initial weights from "
                + folder.resolve("pretrained")
                + " (the moving average of a checkpoint), a new classifier for 3 classes (there 4)",
            "features frozen, batch norm in " + name + " mode: training 99 of 3,587 parameters");
    List<Double> losses = losses(expected);
    assertThat(losses.get(losses.size() - 1)).isLessThan(0.8 * losses.get(0));
    Checkpoint end = expected.checkpoint();
    assertThat(end.info().origin())
        .isEqualTo(
            new Origin(
                "file://" + folder.resolve("pretrained"),
                pretrained.info().stateSha256(),
                Origin.Classifier.NEW,
                Freeze.FEATURES,
                batchNorm));
    for (Segment segment : EfficientNets.parameterLayout(end.info().network()).segments()) {
      int from = segment.offset();
      int to = from + segment.length();
      if (EfficientNets.isClassifier(segment.name())) {
        assertThat(end.movingAverage()).isNotEqualTo(end.parameters());
        continue;
      }
      int[] start = bits(pretrained.movingAverage(), from, to);
      if (batchNorm == FrozenBatchNorm.TRAINING && segment.kind().runningStatistic()) {
        assertThat(bits(end.parameters(), from, to)).as(segment.name()).isNotEqualTo(start);
      } else {
        assertThat(bits(end.parameters(), from, to)).as(segment.name()).isEqualTo(start);
        assertThat(bits(end.movingAverage(), from, to)).as(segment.name()).isEqualTo(start);
      }
    }

    // Killed after the first checkpoint; resumed where the initial weights are no more.
    PhiscaleConfiguration broken =
        frozen("broken-" + name, with(values, "spark.master", "local[*]"));
    try (SparkSession session = LocalSpark.open(broken)) {
      assertThatThrownBy(() -> new TrainJob(session, broken).run(new Listener(5)))
          .isInstanceOf(Killed.class);
      Path hidden = folder.resolve("hidden");
      Files.move(folder.resolve("pretrained"), hidden);
      try {
        TrainJob.Result resumed = new TrainJob(session, broken).run(TrainingListener.SILENT);
        assertSame(resumed, expected);
      } finally {
        Files.move(hidden, folder.resolve("pretrained"));
      }
    }

    if (batchNorm == FrozenBatchNorm.INFERENCE) {
      PhiscaleConfiguration cluster =
          frozen("cluster-" + name, with(values, "spark.master", "local-cluster[2,1,2048]"));
      try (SparkSession session = LocalSpark.open(cluster)) {
        assertSame(new TrainJob(session, cluster).run(TrainingListener.SILENT), expected);
      }
    }
  }

  private static void assertSame(TrainJob.Result result, TrainJob.Result expected) {
    assertThat(losses(result)).isEqualTo(losses(expected));
    Checkpoint end = result.checkpoint();
    assertThat(end.parameters()).containsExactly(expected.checkpoint().parameters());
    assertThat(end.optimizerState()).containsExactly(expected.checkpoint().optimizerState());
    assertThat(end.movingAverage()).containsExactly(expected.checkpoint().movingAverage());
    assertThat(end.info().origin()).isEqualTo(expected.checkpoint().info().origin());
  }

  @Test
  void aRunIsNotResumedWithAnotherFreeze() throws Exception {
    PhiscaleConfiguration first = frozen("refrozen", Map.of("train.epochs", "1"));
    try (SparkSession session = LocalSpark.open(first)) {
      TrainJob.Result result = new TrainJob(session, first).run(TrainingListener.SILENT);
      // Momentum of what is trained, and of nothing else.
      assertThat(result.checkpoint().optimizerState()).hasSize(99);
      PhiscaleConfiguration thawed =
          frozen("refrozen", Map.of("train.epochs", "2", "train.freeze", "none"));
      assertThatThrownBy(() -> new TrainJob(session, thawed).run(TrainingListener.SILENT))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("Cannot resume")
          .hasMessageContaining("train.freeze is none, was features");
    }
  }

  /** Thawing: a second run from the first, its classifier taken over, everything trained. */
  @Test
  void aFineTunedRunIsWhereTheNextStarts() throws Exception {
    PhiscaleConfiguration head = frozen("head", Map.of("train.epochs", "1"));
    PhiscaleConfiguration all =
        configuration(
            "all",
            Map.of(
                "train.epochs", "1", "train.initial-weights", folder.resolve("head").toString()));
    try (SparkSession session = LocalSpark.open(head)) {
      new TrainJob(session, head).run(TrainingListener.SILENT);
      Listener listener = new Listener(Integer.MAX_VALUE);
      TrainJob.Result result = new TrainJob(session, all).run(listener);
      assertThat(listener.lines)
          .containsExactly(
              "initial weights from "
                  + folder.resolve("head")
                  + " (the moving average of a checkpoint), the classifier too (3 classes)");
      assertThat(result.checkpoint().info().origin().classifier())
          .isEqualTo(Origin.Classifier.LOADED);
      assertThat(result.checkpoint().info().origin().freeze()).isEqualTo(Freeze.NONE);
    }
  }

  @Test
  void anImportedCheckpointIsAStartAndNotSomethingToResume() throws Exception {
    Storage storage = Storage.of(Map.of());
    URI imported = folder.resolve("imported").toUri();
    new CheckpointStore(storage, imported)
        .publish(
            new Checkpoint(
                pretrained.info(),
                pretrained.parameters(),
                new float[0],
                new float[0],
                new float[0]));
    PhiscaleConfiguration resumed = configuration("imported", Map.of("network.classes", "4"));
    PhiscaleConfiguration started =
        configuration(
            "from-imported",
            Map.of(
                "train.epochs", "1",
                "network.classes", "4",
                "train.initial-weights", imported.toString()));
    try (SparkSession session = LocalSpark.open(resumed)) {
      assertThatThrownBy(() -> new TrainJob(session, resumed).run(TrainingListener.SILENT))
          .isInstanceOf(ConfigurationException.class)
          .hasMessage(
              "Cannot resume %s: its checkpoint was written by convert or checkpoints average, not"
                  + " by a training (there is no run.json); to start from its weights set"
                  + " train.initial-weights to it, and train.output to another folder",
              imported);
      Listener listener = new Listener(Integer.MAX_VALUE);
      new TrainJob(session, started).run(listener);
      assertThat(listener.lines)
          .containsExactly(
              "initial weights from "
                  + folder.resolve("imported")
                  + " (a checkpoint), the classifier too (4 classes)");
    }
  }

  private static int[] bits(float[] values, int from, int to) {
    int[] bits = new int[to - from];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[from + i]));
    return bits;
  }

  private static List<Double> losses(TrainJob.Result result) {
    return result.metrics().stream().map(RoundMetrics::loss).toList();
  }

  private static Map<String, String> with(Map<String, String> values, String key, String value) {
    Map<String, String> all = new TreeMap<>(values);
    all.put(key, value);
    return all;
  }

  private static PhiscaleConfiguration frozen(String run, Map<String, String> values)
      throws IOException {
    Map<String, String> all = new TreeMap<>();
    all.put("train.initial-weights", folder.resolve("pretrained").toString());
    all.put("train.freeze", "features");
    all.put("train.learning-rate.base", "0.3");
    all.putAll(values);
    return configuration(run, all);
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

  /** Remembers what is said, and ends the driver's loop after a round. */
  private static final class Listener implements TrainingListener {
    private final int lastRound;
    private final List<String> lines = new ArrayList<>();

    Listener(int lastRound) {
      this.lastRound = lastRound;
    }

    @Override
    public void said(String line) {
      lines.add(line);
    }

    @Override
    public void completed(RoundMetrics metrics) {
      if (metrics.round() == lastRound) {
        throw new Killed();
      }
    }
  }
}
