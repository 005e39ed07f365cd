package io.phiscale.jobs.train;

import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import scala.Tuple2;

/**
 * One task's part of a recalibration: passes some batches forward and emits by which means and
 * variances batch norm has normalised them. A pure function of broadcast values and the task's
 * index.
 */
final class BatchMeasurement
    implements PairFlatMapFunction<Iterator<Integer>, SliceKey, BatchMoments> {
  private static final long serialVersionUID = 1L;

  /** Batches whose moments a task holds before they go to the shuffle. */
  private static final int AT_ONCE = 16;

  private final Broadcast<TrainingRecipe> recipe;
  private final List<Broadcast<FloatVector>> networks;
  private final RecalibrationPlan plan;
  private final int tasks;

  /**
   * @param recipe the run
   * @param networks whole parameter vectors
   * @param plan which images, in which batches
   * @param tasks among which all batches of all networks are shared
   */
  BatchMeasurement(
      Broadcast<TrainingRecipe> recipe,
      List<Broadcast<FloatVector>> networks,
      RecalibrationPlan plan,
      int tasks) {
    this.recipe = recipe;
    this.networks = new ArrayList<>(networks);
    this.plan = plan;
    this.tasks = tasks;
  }

  /**
   * Some batches of one network.
   *
   * @param from first batch
   * @param to batch after the last
   */
  private record Batches(int network, int from, int to) {}

  @Override
  public Iterator<Tuple2<SliceKey, BatchMoments>> call(Iterator<Integer> indices) {
    List<Batches> shares = new ArrayList<>();
    while (indices.hasNext()) {
      int task = indices.next();
      int end = (int) ((long) plan.batches() * (task + 1) / tasks);
      for (int network = 0; network < networks.size(); network++) {
        int from = (int) ((long) plan.batches() * task / tasks);
        for (; from < end; from += AT_ONCE) {
          shares.add(new Batches(network, from, Math.min(end, from + AT_ONCE)));
        }
      }
    }
    return shares.stream().flatMap(share -> measure(share).stream()).iterator();
  }

  private List<Tuple2<SliceKey, BatchMoments>> measure(Batches share) {
    List<Tuple2<SliceKey, BatchMoments>> moments = new ArrayList<>();
    TrainingRecipe run = recipe.value();
    float[] parameters = networks.get(share.network()).value().values();
    float[] statistics = new float[plan.statistics().length()];
    long start = (long) share.from() * plan.batchSize();
    long count = Math.min(plan.images(), (long) share.to() * plan.batchSize()) - start;
    EpochOrder order = new EpochOrder(run.rowGroups(), run.seed(), 0);
    int batch = share.from();
    try (Replicas.Lease lease = Replicas.borrow(run.replica());
        BatchLoader loader =
            Loaders.open(
                run.storage(),
                order.slice(start, count),
                start,
                DamagePolicy.SKIP,
                run.transform(),
                run.augmentation(),
                run.seed(),
                0,
                run.loader().withBatchSize(plan.batchSize()))) {
      for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
        try (Batch images = next.get()) {
          lease.replica().batchStatistics(parameters, images.images(), images.count(), statistics);
          for (BatchMoments slice : plan.cut(statistics, share.network(), images.count())) {
            moments.add(new Tuple2<>(new SliceKey(slice.slice(), batch), slice));
          }
        }
        batch++;
      }
    }
    return moments;
  }
}
