package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.Retention;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.model.spec.ParameterLayout.Kind;
import io.phiscale.model.train.Replica;
import io.phiscale.model.train.TrainedPart;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Running statistics of checkpoints, estimated anew on real Spark. */
class BatchNormRecalibrationTest {
  /** Of 84 training images: two batches of 7 and one of 5. */
  private static final int IMAGES = 19;

  @TempDir static Path folder;

  private static TrainingGoal goal(int images) {
    return new TrainingGoal(
        "test",
        1,
        1,
        0,
        new Retention(1, 0),
        Optional.empty(),
        Optional.empty(),
        images,
        0,
        Duration.ofMinutes(2));
  }

  private static TrainingRecipe withWorkers(TrainingRecipe recipe, int workers) {
    return new TrainingRecipe(
        recipe.replica(),
        recipe.schedule(),
        recipe.transform(),
        recipe.augmentation(),
        recipe.storage(),
        recipe.rowGroups(),
        new EpochPlan(
            recipe.plan().samples(),
            workers,
            recipe.plan().localSteps(),
            recipe.plan().batchSize()),
        recipe.averaging(),
        recipe.targets(),
        recipe.seed(),
        recipe.loader());
  }

  @Test
  void checkpointsHoldTheStatisticsThatAPlainLoopFinds() throws Exception {
    PhiscaleConfiguration unbroken = configuration("unbroken");
    PhiscaleConfiguration broken = configuration("broken");
    PhiscaleConfiguration averaged =
        configuration("averaged", "train.averaging.batch-norm", "average");
    try (SparkSession session = LocalSpark.open(unbroken)) {
      new ShardJob(session, unbroken).run();
      Checkpoint checkpoint =
          new TrainJob(session, unbroken).run(TrainingListener.SILENT).checkpoint();
      ShardManifest manifest =
          ShardManifest.read(Storage.of(Map.of()), folder.resolve("shards").toUri());
      TrainingRecipe recipe =
          new TrainJob(session, unbroken)
              .recipe(manifest, NetworkPlan.of(unbroken.network(), manifest.labels().size()));
      TrainedPart statistics = recipe.replica().runningStatistics();

      for (float[] network : List.of(checkpoint.parameters(), checkpoint.movingAverage())) {
        double[] expected = plainLoop(recipe, network);
        float[] found = statistics.of(network);
        for (int i = 0; i < found.length; i++) {
          assertThat((double) found[i])
              .isCloseTo(expected[i], within(1e-6 * Math.max(1, Math.abs(expected[i]))));
        }
      }

      // They do not depend on what they were before, nor on who measures them.
      JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
      for (int workers : new int[] {1, 3}) {
        List<float[]> again =
            new BatchNormRecalibration(
                    spark, spark.broadcast(withWorkers(recipe, workers)), goal(IMAGES))
                .of(
                    List.of(
                        statistics.into(checkpoint.parameters(), new float[statistics.length()]),
                        checkpoint.movingAverage()),
                    7);
        assertThat(again.get(0)).as("%s workers", workers).isEqualTo(checkpoint.parameters());
        assertThat(again.get(1)).isEqualTo(checkpoint.movingAverage());
      }

      // Training does not look at them: all else is as without.
      Checkpoint without =
          new TrainJob(session, averaged).run(TrainingListener.SILENT).checkpoint();
      float[] blank = new float[statistics.length()];
      assertThat(statistics.into(without.parameters(), blank))
          .isEqualTo(statistics.into(checkpoint.parameters(), blank));
      assertThat(without.optimizerState()).isEqualTo(checkpoint.optimizerState());
      assertThat(statistics.of(without.parameters()))
          .isNotEqualTo(statistics.of(checkpoint.parameters()));

      // A run that dies between two checkpoints ends as the unbroken one.
      assertThatThrownBy(() -> new TrainJob(session, broken).run(new Killer()))
          .isInstanceOf(Killed.class);
      Checkpoint resumed = new TrainJob(session, broken).run(TrainingListener.SILENT).checkpoint();
      assertThat(resumed.parameters()).isEqualTo(checkpoint.parameters());
      assertThat(resumed.movingAverage()).isEqualTo(checkpoint.movingAverage());

      // More images than there are means all of them; what is not finite is not published.
      float[] spoilt = checkpoint.parameters().clone();
      spoilt[0] = Float.NaN;
      BatchNormRecalibration all =
          new BatchNormRecalibration(spark, spark.broadcast(recipe), goal(100_000));
      assertThat(all.of(List.of(checkpoint.parameters()), 7)).hasSize(1);
      assertThatThrownBy(() -> all.of(List.of(spoilt), 7))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("Cannot recalibrate batch norm after round 7: a running statistic is NaN");
      assertThat(RecalibrationPlan.of(recipe, 100_000).images()).isEqualTo(recipe.plan().samples());
    }
  }

  /** One replica, batch after batch, then the mean and the total variance in two passes. */
  private static double[] plainLoop(TrainingRecipe recipe, float[] network) {
    TrainedPart statistics = recipe.replica().runningStatistics();
    List<float[]> batches = new ArrayList<>();
    List<Integer> counts = new ArrayList<>();
    EpochOrder order = new EpochOrder(recipe.rowGroups(), recipe.seed(), 0);
    try (Replica replica = new Replica(recipe.replica());
        BatchLoader loader =
            Loaders.open(
                recipe.storage(),
                order.slice(0, IMAGES),
                0,
                DamagePolicy.FAIL,
                recipe.transform(),
                recipe.augmentation(),
                recipe.seed(),
                0,
                recipe.loader().withBatchSize(7))) {
      for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
        try (Batch batch = next.get()) {
          float[] out = new float[statistics.length()];
          replica.batchStatistics(network, batch.images(), batch.count(), out);
          batches.add(out);
          counts.add(batch.count());
        }
      }
    }
    assertThat(counts).containsExactly(7, 7, 5);
    double[] expected = new double[statistics.length()];
    statistics
        .layout()
        .segments()
        .forEach(
            segment -> {
              if (segment.kind() != Kind.RUNNING_MEAN) {
                return;
              }
              for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
                // The variances of a batch norm follow its means.
                int variance = i + segment.length();
                for (int b = 0; b < batches.size(); b++) {
                  expected[i] += counts.get(b) * (double) batches.get(b)[i] / IMAGES;
                }
                for (int b = 0; b < batches.size(); b++) {
                  double distance = batches.get(b)[i] - expected[i];
                  expected[variance] +=
                      counts.get(b) * (batches.get(b)[variance] + distance * distance) / IMAGES;
                }
              }
            });
    return expected;
  }

  private static PhiscaleConfiguration configuration(String run, String... more)
      throws IOException {
    Path images = folder.resolve("images");
    if (!images.toFile().exists()) {
      SmallImages.write(images, 40);
    }
    Map<String, String> all = new TreeMap<>(LocalSpark.tinyTraining());
    all.put("data.source.layout", "class-folders");
    all.put("data.source.train", images.toString());
    all.put("data.source.validation.uri", "null");
    all.put("data.source.validation-fraction", "0.3");
    all.put("data.row-group-bytes", "4KiB");
    all.put("train.output", folder.resolve(run).toUri().toString());
    all.put("train.batch-size", "7");
    all.put("train.averaging.batch-norm", "recalibrate");
    all.put("train.averaging.recalibration-images", String.valueOf(IMAGES));
    for (int i = 0; i < more.length; i += 2) {
      all.put(more[i], more[i + 1]);
    }
    return LocalSpark.configuration(folder, all);
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Ends the driver's loop as a kill would: nothing is written after it. */
  private record Killer() implements TrainingListener {
    @Override
    public void completed(RoundMetrics metrics) {
      if (metrics.epoch() > 1) {
        throw new Killed();
      }
    }
  }
}
