package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.Loaders;
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
import io.phiscale.pipeline.storage.Storage;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;

/** Scores the images of some row groups with one network: a pure function, run by one task. */
final class ScorePartition implements FlatMapFunction<Iterator<RowGroup>, TopKAccuracy> {
  private static final long serialVersionUID = 1L;

  private final Broadcast<FloatVector> parameters;
  private final NetworkSpec network;
  private final String kernels;
  private final int threads;
  private final Precision precision;
  private final Storage storage;
  private final EvaluationTransform transform;
  private final LoaderSettings loader;
  private final List<Integer> ranks;

  ScorePartition(
      Broadcast<FloatVector> parameters,
      NetworkSpec network,
      String kernels,
      int threads,
      Precision precision,
      Storage storage,
      EvaluationTransform transform,
      LoaderSettings loader,
      List<Integer> ranks) {
    this.parameters = parameters;
    this.network = network;
    this.kernels = kernels;
    this.threads = threads;
    this.precision = precision;
    this.storage = storage;
    this.transform = transform;
    this.loader = loader;
    this.ranks = List.copyOf(ranks);
  }

  @Override
  public Iterator<TopKAccuracy> call(Iterator<RowGroup> rowGroups) {
    List<RowGroup> groups = new ArrayList<>();
    rowGroups.forEachRemaining(groups::add);
    TopKAccuracy counts = TopKAccuracy.none(ranks);
    if (groups.isEmpty()) {
      return List.of(counts).iterator();
    }
    TaskDevice.bind();
    requirePrecision(kernels, precision);
    EpochOrder order = new EpochOrder(groups, 0, 0);
    try (Predictor predictor = new Predictor(network, kernels, threads, precision);
        BatchLoader batches =
            Loaders.open(
                storage,
                order.slice(0, order.size()),
                0,
                DamagePolicy.FAIL,
                transform,
                Augmentation.NONE,
                0,
                0,
                loader)) {
      predictor.load(parameters.value().values());
      for (Optional<Batch> next = batches.next(); next.isPresent(); next = batches.next()) {
        try (Batch batch = next.get()) {
          List<Integer> labels = new ArrayList<>(batch.count());
          for (int i = 0; i < batch.count(); i++) {
            labels.add(batch.label(i));
          }
          counts =
              counts.plus(
                  TopKAccuracy.of(
                      ranks,
                      predictor.logits(batch.images(), batch.count()),
                      network.classes(),
                      labels,
                      batch.count()));
        }
      }
      return List.of(counts.withUnreadable(batches.statistics().totalSkipped())).iterator();
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
