package io.phiscale.jobs.train;

import io.phiscale.jobs.run.SparkJobs;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;

/**
 * The Spark job of one round: workers train and send slices, slices are averaged where the shuffle
 * brings them together, the averages come to the driver. The wait has a deadline.
 *
 * @param spark the context
 * @param group job group by which a round that hangs is cancelled
 * @param deadline longest time that a round may take (&gt; 0)
 * @param deadlineName where the user sets it, for the message
 * @param consequence what a round that fails leaves, for the message: one sentence
 */
public record AveragingRound(
    JavaSparkContext spark,
    String group,
    Duration deadline,
    String deadlineName,
    String consequence) {

  /**
   * Runs a round. What it left in the cluster is removed after it.
   *
   * @param number of the round, from 1, for messages
   * @param what description of the job in Spark's web interface
   * @param slices how the workers cut their vectors
   * @param state where the round starts from; destroyed
   * @param workers number of workers, whose order the averaging keeps
   * @param replicas what workers send, one partition a worker; asked for once the job has its name
   * @return averaged slices and the workers' reports, in no order
   * @throws IllegalStateException if the round fails or its deadline passes
   */
  public List<Contribution> run(
      int number,
      String what,
      Slices slices,
      Broadcast<RoundState> state,
      int workers,
      Supplier<JavaPairRDD<SliceKey, Contribution>> replicas)
      throws InterruptedException {
    spark.setJobGroup(group, what, true);
    SparkJobs jobs = new SparkJobs(spark, group);
    try {
      JavaPairRDD<SliceKey, Contribution> sorted =
          replicas
              .get()
              .repartitionAndSortWithinPartitions(
                  new SliceKey.BySlice(Math.min(slices.count(), workers)));
      JavaFutureAction<List<Contribution>> job =
          sorted.mapPartitions(new SliceAveraging()).collectAsync();
      List<Contribution> results = job.get(deadline.toMillis(), TimeUnit.MILLISECONDS);
      // Not after a failure: the context then ends, and takes all of this with it.
      forgetShuffle(sorted);
      state.destroy();
      return results;
    } catch (TimeoutException e) {
      String waitedFor = jobs.waitedFor();
      spark.sc().cancelJobGroup(group);
      throw new IllegalStateException(
          String.format(
              "Round %s did not end within %s (%s); waited for %s (in the first of a round's two"
                  + " stages task n is worker n). %s",
              number, deadline, deadlineName, waitedFor, consequence),
          e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(String.format("Round %s failed", number), e.getCause());
    } finally {
      jobs.close();
      spark.clearJobGroup();
    }
  }

  /**
   * Removes the files of one shuffle, and not those of the shuffles before it, which {@code
   * RDD.cleanShuffleDependencies} would remove too: the data of the next rounds may lie there.
   */
  private void forgetShuffle(JavaPairRDD<SliceKey, Contribution> shuffled) {
    if (shuffled.rdd().dependencies().head() instanceof ShuffleDependency<?, ?, ?> dependency
        && spark.sc().cleaner().isDefined()) {
      spark.sc().cleaner().get().doCleanupShuffle(dependency.shuffleId(), false);
    }
  }
}
