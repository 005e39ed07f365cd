package io.phiscale.jobs.train;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;

/**
 * Estimates running means and variances of averaged networks anew, over a fixed set of training
 * images: the first of epoch 0's order, cropped and flipped as in that epoch.
 *
 * <p>An average of running variances is the spread within the replicas; the averaged network's own
 * activations are distributed otherwise, since it is another network. Here each batch norm
 * normalises by the batch, as in training, but without stochastic depth, as in inference, and what
 * it normalises by is merged by {@link MomentsMerging}. So the estimate is a function of the
 * parameters and the run: neither of the old running statistics, nor of the number of workers,
 * partitions or threads of decoding.
 *
 * <p>One Spark job for all networks. Tasks emit one vector of statistics per batch, in slices,
 * which are merged behind a shuffle; the driver receives one vector per network.
 *
 * <p>Source: "precise batch norm", Wu and Johnson, arXiv 2105.07576, section 3; the variance is
 * biased there as well.
 */
final class BatchNormRecalibration {
  private final JavaSparkContext spark;
  private final Broadcast<TrainingRecipe> recipe;
  private final TrainingGoal goal;

  /**
   * @param spark the context
   * @param recipe the run
   * @param goal how many images, and how long to wait
   */
  BatchNormRecalibration(
      JavaSparkContext spark, Broadcast<TrainingRecipe> recipe, TrainingGoal goal) {
    this.spark = spark;
    this.recipe = recipe;
    this.goal = goal;
  }

  /**
   * The networks with new running statistics; all else keeps its bits.
   *
   * @param networks whole parameter vectors, not changed
   * @param round rounds completed, for messages
   * @throws IllegalStateException if it fails, or does not end within the deadline of a round
   */
  List<float[]> of(List<float[]> networks, int round) throws InterruptedException {
    RecalibrationPlan plan = RecalibrationPlan.of(recipe.value(), goal.recalibrationImages());
    List<Broadcast<FloatVector>> broadcasts = new ArrayList<>();
    for (float[] network : networks) {
      broadcasts.add(spark.broadcast(new FloatVector(network)));
    }
    List<BatchMoments> slices = collect(broadcasts, plan, round);
    broadcasts.forEach(Broadcast::destroy);
    List<float[]> recalibrated = new ArrayList<>();
    for (int network = 0; network < networks.size(); network++) {
      float[] statistics = plan.paste(slices, network);
      for (float value : statistics) {
        if (!Float.isFinite(value)) {
          throw new IllegalStateException(
              String.format(
                  "Cannot recalibrate batch norm after round %s: a running statistic is %s",
                  round, value));
        }
      }
      recalibrated.add(plan.statistics().into(networks.get(network), statistics));
    }
    return recalibrated;
  }

  private List<BatchMoments> collect(
      List<Broadcast<FloatVector>> networks, RecalibrationPlan plan, int round)
      throws InterruptedException {
    String group = "phiscale-recalibrate-" + goal.name();
    int tasks = Math.min(recipe.value().plan().workers(), plan.batches());
    spark.setJobGroup(
        group,
        String.format(
            "%s: batch norm over %s images after round %s", goal.name(), plan.images(), round),
        true);
    try {
      JavaPairRDD<SliceKey, BatchMoments> measured =
          spark
              .parallelize(IntStream.range(0, tasks).boxed().toList(), tasks)
              .mapPartitionsToPair(new BatchMeasurement(recipe, networks, plan, tasks))
              .repartitionAndSortWithinPartitions(
                  new SliceKey.BySlice(Math.min(tasks, plan.slices() * networks.size())));
      List<BatchMoments> slices =
          measured
              .mapPartitions(new MomentsMerging())
              .collectAsync()
              .get(goal.deadline().toMillis(), TimeUnit.MILLISECONDS);
      measured.rdd().cleanShuffleDependencies(false);
      return slices;
    } catch (TimeoutException e) {
      spark.sc().cancelJobGroup(group);
      throw new IllegalStateException(
          String.format(
              "Recalibration of batch norm after round %s did not end within %s (train.deadline):"
                  + " a worker hangs, or train.averaging.recalibration-images = %s is too many for"
                  + " it; the last checkpoint stays",
              round, goal.deadline(), goal.recalibrationImages()),
          e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(
          String.format("Recalibration of batch norm after round %s failed", round), e.getCause());
    } finally {
      spark.clearJobGroup();
    }
  }
}
