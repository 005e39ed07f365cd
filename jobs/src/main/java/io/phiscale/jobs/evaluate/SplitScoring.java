package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.EncodedPicture;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.Threads;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.image.Decoding;
import io.phiscale.pipeline.image.EvaluationCrop;
import io.phiscale.pipeline.image.EvaluationTransform;
import io.phiscale.pipeline.image.EvaluationViews;
import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What networks say of the images of a split of the shards: one Spark job a network, every image
 * once, in as many tasks as the cluster runs at a time. Results of tasks come back by the task that
 * Spark counts, so attempts that failed or were repeated leave nothing.
 */
final class SplitScoring {
  private static final Logger LOG = LoggerFactory.getLogger(SplitScoring.class);

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
   * @param classes how the labels of the split are its classes
   * @param damage FAIL: an image that cannot be read is an error; SKIP: up to {@code
   *     train.max-skipped-fraction} of them are left out, with a warning
   * @param deadline longest time in which no task ends
   * @param deadlineKey where it is configured, for the message
   * @return one prediction for each image of the split, in the order of their keys
   * @throws IllegalStateException if more images cannot be read, one was scored twice, a score is
   *     not finite, the job fails or the deadline passes
   */
  List<Prediction> score(
      String what,
      NetworkSpec network,
      float[] parameters,
      ClassMatch classes,
      DamagePolicy damage,
      Duration deadline,
      String deadlineKey) {
    EvaluateSection evaluate = configuration.evaluate();
    String shown = String.format("%s: evaluate %s on %s", configuration.name(), what, split);
    Broadcast<FloatVector> broadcast = spark.broadcast(new FloatVector(parameters));
    List<Prediction> predictions = new ArrayList<>();
    List<String> unreadable = new ArrayList<>();
    try {
      int tasks = Math.min(groups.size(), Math.max(1, spark.defaultParallelism()));
      JavaRDD<ScoredPart> scores =
          spark
              .parallelize(groups, tasks)
              .mapPartitions(
                  new ScorePartition(
                      broadcast,
                      network,
                      classes,
                      Threads.kernels(configuration.train().kernels()),
                      Threads.ofTask(spark.sc()),
                      Precision.valueOf(evaluate.precision().name()),
                      storage,
                      damage,
                      views(evaluate, network.resolutionPx()),
                      loader(configuration)));
      for (ScoredPart part : SparkJobs.run(spark, shown, deadline, deadlineKey, scores::collect)) {
        predictions.addAll(part.predictions());
        unreadable.addAll(part.unreadable());
      }
    } finally {
      broadcast.destroy();
    }
    predictions.sort(Comparator.comparing(Prediction::key));
    requireAll(predictions, unreadable, what, damage);
    return List.copyOf(predictions);
  }

  /**
   * Small pictures of some images of the split, as a network sees them (of several views the
   * centre): their row groups are read once more.
   *
   * @param keys of the images
   * @param sidePx of the pictures
   * @return by key
   * @throws IllegalStateException if an image is not there any more, the job fails or the deadline
   *     passes
   */
  Map<String, EncodedPicture> pictures(
      Set<String> keys, int sidePx, Duration deadline, String deadlineKey) {
    int tasks = Math.min(groups.size(), Math.max(1, spark.defaultParallelism()));
    JavaRDD<ReadPictures.Picture> pictures =
        spark
            .parallelize(groups, tasks)
            .mapPartitions(
                new ReadPictures(
                    storage,
                    keys,
                    EvaluationTransform.centreCrop(sidePx)
                        .withCrop(centre(configuration.evaluate().cropFraction())),
                    configuration.data().maxPixels()));
    String shown = String.format("%s: pictures of %s for the report", configuration.name(), split);
    Map<String, EncodedPicture> byKey = new HashMap<>();
    for (ReadPictures.Picture picture :
        SparkJobs.run(spark, shown, deadline, deadlineKey, pictures::collect)) {
      byKey.put(picture.key(), picture.picture());
    }
    for (String key : keys) {
      if (!byKey.containsKey(key)) {
        throw new IllegalStateException(
            String.format(
                "Image %s of split %s was scored, but is not there any more", key, split));
      }
    }
    return byKey;
  }

  /** How images are loaded. */
  static LoaderSettings loader(PhiscaleConfiguration configuration) {
    return LoaderSettings.ofBatchSize(configuration.evaluate().batchSize())
        .withThreads(configuration.train().loader().threads())
        .withMaxPixels(configuration.data().maxPixels());
  }

  /** What is looked at of each image: one crop, or several whose probabilities are averaged. */
  static List<EvaluationTransform> views(EvaluateSection evaluate, int resolutionPx) {
    EvaluationTransform transform =
        EvaluationTransform.centreCrop(resolutionPx)
            .withInterpolation(Interpolation.valueOf(evaluate.interpolation().name()))
            .withDecoding(Decoding.valueOf(evaluate.decode().name()));
    List<Double> fractions = evaluate.views().fractionsOr(evaluate.cropFraction());
    return switch (evaluate.views().crops()) {
      case TEN_CROP -> EvaluationViews.multiScale(transform, fractions);
      case CENTRE ->
          fractions.stream().map(fraction -> transform.withCrop(centre(fraction))).toList();
    };
  }

  private static EvaluationCrop centre(double fraction) {
    return fraction == 1
        ? new EvaluationCrop.WholeImage()
        : new EvaluationCrop.CentreCrop(fraction);
  }

  private void requireAll(
      List<Prediction> predictions, List<String> unreadable, String what, DamagePolicy damage) {
    long expected = manifest.split(split).images();
    if (predictions.size() + unreadable.size() != expected) {
      throw new IllegalStateException(
          String.format(
              "Evaluated %s images of split %s, which has %s",
              predictions.size() + unreadable.size(), split, expected));
    }
    if (!unreadable.isEmpty()) {
      String found =
          String.format(
              "%s of %s images of split %s could not be read any more (%s%s)",
              unreadable.size(),
              expected,
              split,
              unreadable.get(0),
              unreadable.size() > 1 ? ", ..." : "");
      double allowed =
          damage == DamagePolicy.SKIP ? configuration.train().maxSkippedFraction() * expected : 0;
      if (unreadable.size() > allowed || predictions.isEmpty()) {
        throw new IllegalStateException(found + ": shard the data set anew");
      }
      LOG.warn("{}: {} is scored on the others", found, what);
    }
    for (int i = 1; i < predictions.size(); i++) {
      if (predictions.get(i).key().equals(predictions.get(i - 1).key())) {
        throw new IllegalStateException(
            String.format(
                "Image %s of split %s was scored twice", predictions.get(i).key(), split));
      }
    }
    for (Prediction prediction : predictions) {
      if (!Double.isFinite(prediction.loss())) {
        throw new IllegalStateException(
            String.format(
                "The loss of %s is %s on image %s: the checkpoint holds values that are not finite,"
                    + " or too large",
                what, prediction.loss(), prediction.key()));
      }
    }
  }
}
