package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.TaskDevice;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.train.Predictor;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.image.EvaluationTransform;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupSlice;
import io.phiscale.pipeline.shard.ShardSamples;
import io.phiscale.pipeline.storage.Storage;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;

/**
 * Scores the images of some row groups with one network: a pure function, run by one task. Of
 * several views of an image the probabilities are averaged.
 */
final class ScorePartition implements FlatMapFunction<Iterator<RowGroup>, ScoredPart> {
  private static final long serialVersionUID = 1L;

  private final Broadcast<FloatVector> parameters;
  private final NetworkSpec network;
  private final ClassMatch classes;
  private final String kernels;
  private final int threads;
  private final Precision precision;
  private final Storage storage;
  private final DamagePolicy damage;
  private final List<EvaluationTransform> views;
  private final LoaderSettings loader;

  ScorePartition(
      Broadcast<FloatVector> parameters,
      NetworkSpec network,
      ClassMatch classes,
      String kernels,
      int threads,
      Precision precision,
      Storage storage,
      DamagePolicy damage,
      List<EvaluationTransform> views,
      LoaderSettings loader) {
    this.parameters = parameters;
    this.network = network;
    this.classes = classes;
    this.kernels = kernels;
    this.threads = threads;
    this.precision = precision;
    this.storage = storage;
    this.damage = damage;
    this.views = List.copyOf(views);
    this.loader = loader;
  }

  @Override
  public Iterator<ScoredPart> call(Iterator<RowGroup> rowGroups) {
    List<RowGroup> groups = new ArrayList<>();
    rowGroups.forEachRemaining(groups::add);
    if (groups.isEmpty()) {
      return List.of(new ScoredPart(List.of(), List.of())).iterator();
    }
    TaskDevice.bind();
    requirePrecision(kernels, precision);
    EpochOrder order = new EpochOrder(groups, 0, 0);
    List<RowGroupSlice> slices = order.slice(0, order.size());
    List<KeyedSamples> samples = new ArrayList<>();
    List<BatchLoader> loaders = new ArrayList<>();
    try (Predictor predictor = new Predictor(network, kernels, threads, precision)) {
      predictor.load(parameters.value().values());
      for (EvaluationTransform view : views) {
        KeyedSamples keyed = new KeyedSamples(new ShardSamples(storage, slices, 0, damage));
        samples.add(keyed);
        loaders.add(new BatchLoader(keyed, view, Augmentation.NONE, 0, 0, loader));
      }
      List<Prediction> predictions = new ArrayList<>();
      boolean more = true;
      while (more) {
        more = score(predictor, loaders, samples, predictions);
      }
      return List.of(new ScoredPart(predictions, samples.get(0).rest())).iterator();
    } finally {
      loaders.forEach(BatchLoader::close);
    }
  }

  /** One batch, in all views; false after the last one. Every loader gives the same images. */
  private boolean score(
      Predictor predictor,
      List<BatchLoader> loaders,
      List<KeyedSamples> samples,
      List<Prediction> predictions) {
    List<String> keys = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    double[] sums = new double[0];
    float[][] scores = new float[0][];
    for (int view = 0; view < loaders.size(); view++) {
      Optional<Batch> next = loaders.get(view).next();
      if (next.isEmpty()) {
        return false;
      }
      try (Batch batch = next.get()) {
        if (view == 0) {
          scores = new float[batch.count()][network.classes()];
          sums = new double[batch.count() * network.classes()];
        }
        FloatBuffer logits = predictor.logits(batch.images(), batch.count());
        for (int i = 0; i < batch.count(); i++) {
          String key = samples.get(view).take(batch.position(i));
          if (view == 0) {
            keys.add(key);
            labels.add(classes.classOfLabel().get(batch.label(i)));
          } else if (!key.equals(keys.get(i))) {
            throw new IllegalStateException(
                String.format("View %s shows %s where view 0 shows %s", view, key, keys.get(i)));
          }
          logits.get(i * network.classes(), scores[i]);
          if (loaders.size() > 1) {
            addSoftmax(scores[i], sums, i * network.classes());
          }
        }
      }
    }
    for (int i = 0; i < keys.size(); i++) {
      if (loaders.size() > 1) {
        for (int c = 0; c < network.classes(); c++) {
          scores[i][c] = (float) Math.log(sums[i * network.classes() + c] / loaders.size());
        }
      }
      predictions.add(Prediction.of(keys.get(i), labels.get(i), scores[i], classes.among()));
    }
    return true;
  }

  private static void addSoftmax(float[] scores, double[] sums, int offset) {
    double maximum = Double.NEGATIVE_INFINITY;
    for (float score : scores) {
      maximum = Math.max(maximum, score);
    }
    double sum = 0;
    for (float score : scores) {
      sum += Math.exp(score - maximum);
    }
    for (int c = 0; c < scores.length; c++) {
      sums[offset + c] += Math.exp(scores[c] - maximum) / sum;
    }
  }

  /**
   * @throws IllegalStateException if this executor cannot compute in this precision
   */
  private static void requirePrecision(String kernels, Precision precision) {
    String problem = Predictor.problem(kernels, precision);
    if (!problem.isEmpty()) {
      throw new IllegalStateException(
          String.format(
              "Cannot evaluate with evaluate.precision = %s: %s", precision.key(), problem));
    }
  }
}
