package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection;
import io.phiscale.jobs.config.TrainSection.Averaging.OptimizerState;
import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.jobs.run.SkippedImages;
import io.phiscale.jobs.train.Contribution.Divergence;
import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.model.train.Labels;
import io.phiscale.model.train.Replica;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.batch.SkippedSample;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.RowGroupSlice;
import io.phiscale.pipeline.shard.SoftTargets;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import scala.Tuple2;

/**
 * What one worker computes in one round: a pure function of (round state, recipe, epoch, round,
 * worker, its memory of the round before), so that Spark may run it again anywhere, any time, with
 * the same result.
 */
final class WorkerRound implements PairFlatMapFunction<Iterator<Integer>, SliceKey, Contribution> {
  private static final long serialVersionUID = 1L;

  private final Broadcast<TrainingRecipe> recipe;
  private final Broadcast<FloatVector> frozen;
  private final Broadcast<RoundState> state;
  private final int epoch;
  private final EpochPlan.Round round;
  private final long firstStep;
  private final WorkerMemories memories;
  private final int lastRound;
  private final int lastWorkers;

  /**
   * @param recipe the run
   * @param frozen whole parameters whose frozen values count; empty where nothing is frozen
   * @param state where the round starts from
   * @param epoch epochs completed
   * @param round the round's samples
   * @param firstStep local steps completed before the round
   * @param memories where workers' memories are
   * @param lastRound number of the round before
   * @param lastWorkers how many workers have a memory of it
   */
  WorkerRound(
      Broadcast<TrainingRecipe> recipe,
      Broadcast<FloatVector> frozen,
      Broadcast<RoundState> state,
      int epoch,
      EpochPlan.Round round,
      long firstStep,
      WorkerMemories memories,
      int lastRound,
      int lastWorkers) {
    this.recipe = recipe;
    this.frozen = frozen;
    this.state = state;
    this.epoch = epoch;
    this.round = round;
    this.firstStep = firstStep;
    this.memories = memories;
    this.lastRound = lastRound;
    this.lastWorkers = lastWorkers;
  }

  @Override
  public Iterator<Tuple2<SliceKey, Contribution>> call(Iterator<Integer> workers)
      throws IOException {
    int worker = workers.next();
    if (workers.hasNext()) {
      throw new IllegalStateException("More than one worker in a partition: " + workers.next());
    }
    TrainingRecipe run = recipe.value();
    EpochPlan.Share share = run.plan().share(round, worker);
    Optional<WorkerMemory> memory = recall(run, worker);
    if (share.count() == 0) {
      remember(run, worker, memory);
      return Stream.of(pair(SliceKey.REPORT, worker, Report.idle(worker))).iterator();
    }
    RoundState start = state.value();
    float[] parameters = new float[start.parameters().length()];
    float[] optimizerState;
    Report report;
    try (Replicas.Lease lease = Replicas.borrow(run.replica())) {
      Replica replica = lease.replica();
      optimizerState = optimizerState(run, start, memory, replica).clone();
      replica.load(
          replica.trainedPart().into(frozen.value().values(), start.parameters().values()),
          optimizerState);
      report = train(run, share, worker, replica, stepsBefore(run, memory));
      replica.store(parameters, optimizerState);
    }
    if (report.divergence() == null && !allFinite(parameters)) {
      report = report.diverged(new Divergence(share.steps() - 1, "parameters"));
    }
    Stream<Tuple2<SliceKey, Contribution>> reported =
        Stream.of(pair(SliceKey.REPORT, worker, report));
    if (report.divergence() != null) {
      return reported.iterator();
    }
    if (report.examples() == 0) {
      remember(run, worker, memory);
      return reported.iterator();
    }
    long stepsAfter = stepsBefore(run, memory) + report.steps();
    float[] sentState = run.averagesOptimizerState() ? optimizerState : new float[0];
    float[] keptState =
        run.averaging().optimizerState() == OptimizerState.KEEP ? optimizerState : new float[0];
    if (run.averaging().wire() != Wire.FP32) {
      float[] carried = memory.map(WorkerMemory::residual).orElse(new float[0]);
      PackedState packed =
          PackedState.pack(
              run.averaging().wire(),
              new WireOrder(run.replica().trainedPart().layout()),
              start.parameters().values(),
              parameters,
              sentState,
              carried,
              Slices.DEFAULT_SLICE_LENGTH);
      remember(
          run, worker, Optional.of(new WorkerMemory(stepsAfter, keptState, packed.residual())));
      return Stream.concat(
              reported,
              packed
                  .contributions(report.examples())
                  .map(slice -> pair(slice.slice(), worker, slice)))
          .iterator();
    }
    remember(run, worker, Optional.of(new WorkerMemory(stepsAfter, keptState, new float[0])));
    return Slices.of(start).contributions(report, parameters, sentState).iterator();
  }

  private Optional<WorkerMemory> recall(TrainingRecipe run, int worker) throws IOException {
    return run.needsMemories() && worker < lastWorkers
        ? Optional.of(memories.recall(lastRound, worker, lastWorkers))
        : Optional.empty();
  }

  /**
   * Also where there was nothing to train on: what a worker remembers must not end with a pause.
   */
  private void remember(TrainingRecipe run, int worker, Optional<WorkerMemory> memory)
      throws IOException {
    if (run.needsMemories()) {
      memories.remember(
          lastRound + 1,
          worker,
          run.plan().workers(),
          memory.orElseGet(() -> new WorkerMemory(0, new float[0], new float[0])));
    }
  }

  private static float[] optimizerState(
      TrainingRecipe run, RoundState start, Optional<WorkerMemory> memory, Replica replica) {
    return switch (run.averaging().optimizerState()) {
      case AVERAGE -> start.optimizerState().values();
      case RESET -> replica.initialOptimizerState();
      case KEEP ->
          memory
              .map(WorkerMemory::optimizerState)
              .filter(kept -> kept.length > 0)
              .orElseGet(replica::initialOptimizerState);
    };
  }

  /** What bias corrections count: steps since the optimizer's state was new. */
  private long stepsBefore(TrainingRecipe run, Optional<WorkerMemory> memory) {
    return switch (run.averaging().optimizerState()) {
      case AVERAGE -> firstStep;
      case RESET -> 0;
      case KEEP -> memory.map(WorkerMemory::steps).orElse(0L);
    };
  }

  private static Tuple2<SliceKey, Contribution> pair(
      int slice, int worker, Contribution contribution) {
    return new Tuple2<>(new SliceKey(slice, worker), contribution);
  }

  private Report train(
      TrainingRecipe run, EpochPlan.Share share, int worker, Replica replica, long stepsBefore) {
    List<RowGroupSlice> slices =
        new EpochOrder(run.rowGroups(), run.seed(), epoch).slice(share.start(), share.count());
    long examples = 0;
    double lossSum = 0;
    long positions = 0;
    long correct = 0;
    long compute = 0;
    long wait = 0;
    int step = 0;
    try (BatchLoader loader =
        Loaders.open(
            run.storage(),
            slices,
            share.start(),
            DamagePolicy.SKIP,
            run.transform(),
            run.augmentation(),
            run.seed(),
            epoch,
            run.loader().withBatchSize(share.batchSize()))) {
      while (true) {
        long asked = System.nanoTime();
        Optional<Batch> next = loader.next();
        long arrived = System.nanoTime();
        wait += arrived - asked;
        if (next.isEmpty()) {
          List<SkippedSample> damaged = loader.skipped();
          for (SkippedSample sample : damaged) {
            positions += Positions.digest(sample.position());
          }
          List<SkippedImages> skipped =
              SkippedShare.of(lastRound + 1, epoch, share.start(), slices, damaged);
          return new Report(
              worker, examples, step, lossSum, correct, skipped, positions, compute, wait, null);
        }
        try (Batch batch = next.get()) {
          double loss =
              replica.step(
                  batch.images(),
                  labels(batch, run.targets()),
                  run.learningRate(epoch, round, step),
                  stepsBefore + step,
                  stepSeed(run.seed(), epoch, share.start(), step));
          compute += System.nanoTime() - arrived;
          if (!Double.isFinite(loss)) {
            String what =
                run.replica().gradientClipping().isOff() ? "loss" : "loss or gradient norm";
            return new Report(
                worker,
                examples,
                step,
                lossSum,
                correct,
                List.of(),
                0,
                compute,
                wait,
                new Divergence(step, what));
          }
          examples += batch.count();
          lossSum += loss * batch.count();
          correct += replica.correct();
          for (int i = 0; i < batch.count(); i++) {
            positions += Positions.digest(batch.position(i));
          }
        }
        step++;
      }
    }
  }

  static Labels labels(Batch batch, TrainSection.Targets which) {
    List<Labels.Target> targets = new ArrayList<>(batch.count());
    List<Labels.Target> others = new ArrayList<>(batch.count());
    float[] shares = new float[batch.count()];
    for (int i = 0; i < shares.length; i++) {
      targets.add(target(batch.label(i), batch.softTargets(i), which));
      others.add(target(batch.otherLabel(i), batch.otherSoftTargets(i), which));
      shares[i] = batch.labelShare(i);
    }
    return Labels.mixed(targets, others, shares);
  }

  private static Labels.Target target(
      int label, Optional<SoftTargets> soft, TrainSection.Targets which) {
    return soft.isEmpty() || which == TrainSection.Targets.STRONGEST
        ? Labels.Target.of(label)
        : Labels.Target.weighted(soft.get().labels(), soft.get().weights());
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

  private static boolean allFinite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }
}
