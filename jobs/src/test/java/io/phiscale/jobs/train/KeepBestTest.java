package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.evaluate.MinivalScoring;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.StoredCheckpoint;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What stays of a run's checkpoints, and that a damaged one costs a repetition only. */
class KeepBestTest {
  @TempDir Path folder;

  /** Remembers what it hears. */
  private static final class Listener implements TrainingListener {
    private final List<MinivalScore> scores = new ArrayList<>();
    private final List<String> lines = new ArrayList<>();

    @Override
    public void scored(MinivalScore score) {
      scores.add(score);
    }

    @Override
    public void said(String line) {
      lines.add(line);
    }
  }

  @Test
  void theBestOnMinivalStaysAndADamagedCheckpointIsTrainedAnew() throws Exception {
    PhiscaleConfiguration five = configuration("run", Map.of("train.epochs", "5"));
    try (SparkSession session = LocalSpark.open(five)) {
      ShardManifest manifest = new ShardJob(session, five).run().manifest();
      assertThat(manifest.splits()).containsOnlyKeys("train", "val", "minival");
      assertThat(
              manifest.split("train").images()
                  + manifest.split("val").images()
                  + manifest.split("minival").images())
          .isEqualTo(90);
      assertThat(manifest.split("minival").images()).isBetween(5L, 40L);
      // Nobody can have looked at the validation images: they are not there.
      Path validation = folder.resolve("shards/val");
      Path aside = Files.move(validation, folder.resolve("val"));

      Listener listener = new Listener();
      train(session, five, listener);
      assertThat(listener.scores).hasSize(5);
      assertThat(listener.scores)
          .allMatch(score -> score.images() == manifest.split("minival").images());
      MinivalScore best =
          listener.scores.stream()
              .max(
                  Comparator.comparingDouble(MinivalScore::top1)
                      .thenComparing(MinivalScore::checkpoint, Comparator.reverseOrder()))
              .orElseThrow();
      CheckpointStore store = new CheckpointStore(Storage.of(Map.of()), run("run").toUri());
      List<String> expected =
          List.of(
              best.checkpoint(),
              listener.scores.get(1).checkpoint(),
              listener.scores.get(3).checkpoint(),
              listener.scores.get(4).checkpoint());
      assertThat(store.stored())
          .extracting(StoredCheckpoint::name)
          .containsExactlyInAnyOrderElementsOf(expected.stream().distinct().toList());
      assertThat(Files.readString(run("run").resolve("checkpoints/best.json")))
          .contains(best.checkpoint());
      Files.move(aside, validation);

      // The score is what evaluate measures.
      List<NetworkResult> rows =
          new EvaluateJob(
                  session,
                  configuration(
                      "run", Map.of("evaluate.checkpoint", "best", "evaluate.split", "minival")))
              .run();
      assertThat(rows).hasSize(1);
      assertThat(rows.get(0).score().top1()).isEqualTo(best.top1());

      // A damaged newest checkpoint: from the one before, to the same bits.
      float[] before = store.latest().orElseThrow().parameters();
      Path state =
          run("run").resolve("checkpoints/" + listener.scores.get(4).checkpoint() + "/state.bin");
      Files.write(state, new byte[] {1});
      Listener again = new Listener();
      TrainJob.Result resumed = train(session, five, again);
      assertThat(again.lines)
          .singleElement()
          .asString()
          .contains(
              listener.scores.get(4).checkpoint() + "/state.bin: it does not start with PHISTATE",
              "taking ",
              listener.scores.get(3).checkpoint() + " instead");
      assertThat(resumed.checkpoint().parameters()).containsExactly(before);
      assertThat(resumed.metrics().stream().map(metrics -> metrics.round()).toList())
          .isSorted()
          .doesNotHaveDuplicates()
          .hasSize(resumed.checkpoint().info().progress().round());

      damagedMinivalImagesAreLeftOut(session, manifest);
    }
  }

  /** As many as train.max-skipped-fraction lets be, and not one more. */
  private void damagedMinivalImagesAreLeftOut(SparkSession session, ShardManifest manifest)
      throws Exception {
    long images = manifest.split("minival").images();
    RowGroup group = manifest.rowGroups(folder.resolve("shards").toUri(), "minival").get(0);
    Path shard = Path.of(group.file());
    byte[] intact = Files.readAllBytes(shard);
    byte[] place = RowGroupReader.read(Storage.of(Map.of()), group).get(0).image();
    DamagedShardsTest.flip(group, place, place.length / 2);

    Listener listener = new Listener();
    train(session, configuration("damaged", Map.of("train.max-skipped-fraction", "0.9")), listener);
    assertThat(listener.scores)
        .isNotEmpty()
        .allSatisfy(score -> assertThat(score.images()).isBetween(1L, images - 1));

    assertThatThrownBy(
            () ->
                train(
                    session,
                    configuration("strict", Map.of("train.max-skipped-fraction", "0")),
                    new Listener()))
        .hasStackTraceContaining(" images of split minival could not be read any more (")
        .hasStackTraceContaining("shard the data set anew");
    Files.write(shard, intact);
  }

  @Test
  void withoutMinivalImagesTheBestCannotBeKept() throws Exception {
    PhiscaleConfiguration none =
        configuration("none", Map.of("data.source.minival-fraction", "0", "train.epochs", "1"));
    try (SparkSession session = LocalSpark.open(none)) {
      new ShardJob(session, none).run();
      assertThatThrownBy(() -> train(session, none, new Listener()))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageStartingWith(
              "Cannot keep the best checkpoint (train.checkpoint.keep-best): the data set in ")
          .hasMessageEndingWith(
              " has no minival images; shard it with data.source.minival-fraction > 0");
      assertThat(run("none").resolve("checkpoints")).doesNotExist();
    }
  }

  private static TrainJob.Result train(
      SparkSession session, PhiscaleConfiguration configuration, TrainingListener listener)
      throws IOException, InterruptedException {
    return new TrainJob(session, configuration, new MinivalScoring(session, configuration))
        .run(listener);
  }

  private Path run(String name) {
    return folder.resolve(name);
  }

  private PhiscaleConfiguration configuration(String run, Map<String, String> values)
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
    all.put("data.source.minival-fraction", "0.25");
    all.put("data.row-group-bytes", "4KiB");
    all.put("train.checkpoint.keep", "1");
    all.put("train.checkpoint.keep-every-epochs", "2");
    all.put("train.checkpoint.keep-best", "true");
    all.put("train.output", run(run).toUri().toString());
    all.putAll(values);
    return LocalSpark.configuration(folder, all);
  }
}
