package io.phiscale.jobs.train;

import io.phiscale.jobs.train.Contribution.Divergence;
import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.model.train.Replica;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.shard.EpochOrder;
import java.util.Iterator;
import java.util.Optional;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import scala.Tuple2;

/**
 * What one worker computes in one round: a pure function of (round state, recipe, epoch, round,
 * worker), so that Spark may run it again anywhere, any time, with the same result.
 */
final class WorkerRound implements PairFlatMapFunction<Iterator<Integer>, SliceKey, Contribution> {
  private static final long serialVersionUID = 1L;

  private final Broadcast<TrainingRecipe> recipe;
  private final Broadcast<FloatVector> frozen;
  private final Broadcast<RoundState> state;
  private final int epoch;
  private final EpochPlan.Round round;
  private final long firstStep;

  /**
   * @param recipe the run
   * @param frozen whole parameters whose frozen values count; empty where nothing is frozen
   * @param state where the round starts from
   * @param epoch epochs completed
   * @param round the round's samples
   * @param firstStep local steps completed before the round
   */
  WorkerRound(
      Broadcast<TrainingRecipe> recipe,
      Broadcast<FloatVector> frozen,
      Broadcast<RoundState> state,
      int epoch,
      EpochPlan.Round round,
      long firstStep) {
    this.recipe = recipe;
    this.frozen = frozen;
    this.state = state;
    this.epoch = epoch;
    this.round = round;
    this.firstStep = firstStep;
  }

  @Override
  public Iterator<Tuple2<SliceKey, Contribution>> call(Iterator<Integer> workers) {
    int worker = workers.next();
    if (workers.hasNext()) {
      throw new IllegalStateException("More than one worker in a partition: " + workers.next());
    }
    TrainingRecipe run = recipe.value();
    EpochPlan.Share share = run.plan().share(round, worker);
    if (share.count() == 0) {
      return Slices.report(new Report(worker, 0, 0, 0, 0, 0, 0, null)).iterator();
    }
    RoundState start = state.value();
    float[] parameters = new float[start.parameters().length()];
    float[] optimizerState = new float[start.optimizerState().length()];
    Report report;
    try (Replicas.Lease lease = Replicas.borrow(run.replica())) {
      Replica replica = lease.replica();
      replica.load(
          replica.trainedPart().into(frozen.value().values(), start.parameters().values()),
          start.optimizerState().values());
      report = train(run, share, worker, replica);
      replica.store(parameters, optimizerState);
    }
    if (report.divergence() == null && !allFinite(parameters)) {
      report = diverged(report, new Divergence(share.steps() - 1, "parameters"));
    }
    if (report.divergence() != null || report.examples() == 0) {
      return Slices.report(report).iterator();
    }
    return Slices.of(start).contributions(report, parameters, optimizerState).iterator();
  }

  private Report train(TrainingRecipe run, EpochPlan.Share share, int worker, Replica replica) {
    EpochOrder order = new EpochOrder(run.rowGroups(), run.seed(), epoch);
    long examples = 0;
    double lossSum = 0;
    long compute = 0;
    long wait = 0;
    int step = 0;
    try (BatchLoader loader =
        Loaders.open(
            run.storage(),
            order.slice(share.start(), share.count()),
            share.start(),
            run.transform(),
            run.seed(),
            epoch,
            run.loader().withBatchSize(share.batchSize()))) {
      while (true) {
        long asked = System.nanoTime();
        Optional<Batch> next = loader.next();
        long arrived = System.nanoTime();
        wait += arrived - asked;
        if (next.isEmpty()) {
          long skipped = share.count() - examples;
          return new Report(worker, examples, step, lossSum, skipped, compute, wait, null);
        }
        try (Batch batch = next.get()) {
          double loss =
              replica.step(
                  batch.images(),
                  labels(batch),
                  run.learningRate(epoch, round, step),
                  firstStep + step,
                  stepSeed(run.seed(), epoch, share.start(), step));
          compute += System.nanoTime() - arrived;
          if (!Double.isFinite(loss)) {
            return new Report(
                worker, examples, step, lossSum, 0, compute, wait, new Divergence(step, "loss"));
          }
          examples += batch.count();
          lossSum += loss * batch.count();
        }
        step++;
      }
    }
  }

  static int[] labels(Batch batch) {
    int[] labels = new int[batch.count()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = batch.label(i);
    }
    return labels;
  }

  /** Seed of a step's masks (dropout, stochastic depth): from what it trains on, not from who. */
  private static long stepSeed(long seed, int epoch, long start, int step) {
    long mixed = seed;
    for (long part : new long[] {epoch, start, step}) {
      mixed = (mixed ^ part) * 0x9E3779B97F4A7C15L;
      mixed ^= mixed >>> 32;
    }
    return mixed;
  }

  private static Report diverged(Report report, Divergence divergence) {
    return new Report(
        report.worker(),
        report.examples(),
        report.steps(),
        report.lossSum(),
        report.skipped(),
        report.computeNanos(),
        report.waitNanos(),
        divergence);
  }

  private static boolean allFinite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }
}
