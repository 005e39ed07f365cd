package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.Threads;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.image.EvaluationCrop;
import io.phiscale.pipeline.image.EvaluationTransform;
import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;

/**
 * Counts how often networks are right on a split of the shards: one Spark job a network, every
 * image once, in as many tasks as the cluster runs at a time.
 */
final class SplitScoring {
  private final JavaSparkContext spark;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;
  private final ShardManifest manifest;
  private final String split;
  private final List<RowGroup> groups;

  /**
   * @param session the Spark session
   * @param configuration its {@code evaluate} section says how images are cut and scored
   * @param storage where the shards lie
   * @param manifest of the shards
   * @param shards their folder
   * @param split one that has images
   */
  SplitScoring(
      SparkSession session,
      PhiscaleConfiguration configuration,
      Storage storage,
      ShardManifest manifest,
      URI shards,
      String split) {
    this.spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    this.configuration = configuration;
    this.storage = storage;
    this.manifest = manifest;
    this.split = split;
    this.groups = manifest.rowGroups(shards, split);
  }

  /**
   * Scores one network.
   *
   * @param what it is, for messages
   * @param ranks the k of top-k, ascending
   * @param deadline longest time in which no task ends
   * @param deadlineKey where it is configured, for the message
   * @throws IllegalStateException if an image cannot be read, a score is not finite, the job fails
   *     or the deadline passes
   */
  TopKAccuracy count(
      String what,
      NetworkSpec network,
      float[] parameters,
      List<Integer> ranks,
      Duration deadline,
      String deadlineKey) {
    EvaluateSection evaluate = configuration.evaluate();
    EvaluationTransform transform =
        EvaluationTransform.centreCrop(network.resolutionPx())
            .withCrop(
                evaluate.cropFraction() == 1
                    ? new EvaluationCrop.WholeImage()
                    : new EvaluationCrop.CentreCrop(evaluate.cropFraction()))
            .withInterpolation(Interpolation.valueOf(evaluate.interpolation().name()));
    LoaderSettings loader =
        LoaderSettings.ofBatchSize(evaluate.batchSize())
            .withThreads(configuration.train().loader().threads())
            .withMaxPixels(configuration.data().maxPixels());
    String shown = String.format("%s: evaluate %s on %s", configuration.name(), what, split);
    Broadcast<FloatVector> broadcast = spark.broadcast(new FloatVector(parameters));
    TopKAccuracy counts = TopKAccuracy.none(ranks);
    try {
      int tasks = Math.min(groups.size(), Math.max(1, spark.defaultParallelism()));
      JavaRDD<TopKAccuracy> scores =
          spark
              .parallelize(groups, tasks)
              .mapPartitions(
                  new ScorePartition(
                      broadcast,
                      network,
                      Threads.kernels(configuration.train().kernels()),
                      Threads.ofTask(spark.sc()),
                      Precision.valueOf(evaluate.precision().name()),
                      storage,
                      transform,
                      loader,
                      ranks));
      for (TopKAccuracy part :
          SparkJobs.run(spark, shown, deadline, deadlineKey, scores::collect)) {
        counts = counts.plus(part);
      }
    } finally {
      broadcast.destroy();
    }
    requireAll(counts, what);
    return counts;
  }

  private void requireAll(TopKAccuracy counts, String what) {
    long expected = manifest.split(split).images();
    if (counts.images() + counts.unreadable() != expected) {
      throw new IllegalStateException(
          String.format(
              "Evaluated %s images of split %s, which has %s",
              counts.images() + counts.unreadable(), split, expected));
    }
    if (counts.unreadable() > 0) {
      throw new IllegalStateException(
          String.format(
              "%s of %s images of split %s could not be decoded any more: shard the data set anew",
              counts.unreadable(), expected, split));
    }
    if (!Double.isFinite(counts.loss())) {
      throw new IllegalStateException(
          String.format(
              "The loss of %s is %s: the checkpoint holds values that are not finite",
              what, counts.loss()));
    }
  }
}
