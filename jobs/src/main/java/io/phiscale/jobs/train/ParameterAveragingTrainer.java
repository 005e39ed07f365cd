package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection;
import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.Progress;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.run.SkippedImages;
import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.jobs.train.Contribution.Slice;
import io.phiscale.model.train.ExponentialMovingAverage;
import io.phiscale.model.train.TrainedPart;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;

/**
 * The driver's side of training: rounds of local steps and averaging until all epochs are done.
 *
 * <p>One round is one Spark job of two stages. In the first, each worker loads the round's state,
 * trains its share of the samples and emits its state in slices; in the second, slices are
 * averaged, weighted by examples. The driver holds one model and collects one, in slices; nobody
 * ever holds as many replicas as there are workers. The new state is broadcast with the next round.
 *
 * <p>What the average becomes is the {@link OuterOptimizer}'s choice. Where workers keep something
 * on their own account (optimizer state, residuals of compression) it goes through {@link
 * WorkerMemories}. Every task is a pure function of broadcast values and its worker's memory, so a
 * lost executor costs a recomputation and changes nothing. A resumed run continues from the
 * counters of its checkpoint and computes what the unbroken run would have.
 *
 * <p>What is frozen is broadcast once; rounds move and average the trained part alone.
 *
 * <p>The moving average is updated once a round, with the decay of as many steps as the round had.
 */
public final class ParameterAveragingTrainer {
  private final JavaSparkContext spark;
  private final TrainingRecipe recipe;
  private final TrainingGoal goal;
  private final RunDirectory directory;
  private final TrainingListener listener;
  private final TrainedPart part;
  private final OuterOptimizer outer;
  private final WorkerMemories memories;
  private final SkippedLimit skippedLimit;
  private int rememberingWorkers;
  private String lastCheckpoint = "There is no earlier checkpoint";

  /**
   * @param spark the context
   * @param recipe what workers need
   * @param goal how long, and what to keep
   * @param directory where checkpoints and metrics go
   * @param listener hears of progress
   */
  public ParameterAveragingTrainer(
      JavaSparkContext spark,
      TrainingRecipe recipe,
      TrainingGoal goal,
      RunDirectory directory,
      TrainingListener listener) {
    this.spark = spark;
    this.recipe = recipe;
    this.goal = goal;
    this.directory = directory;
    this.listener = listener;
    this.part = recipe.replica().trainedPart();
    TrainSection.Averaging averaging = recipe.averaging();
    this.outer =
        new OuterOptimizer(
            averaging.outer(), averaging.outerLearningRate(), averaging.outerMomentum());
    this.memories =
        new WorkerMemories(recipe.storage(), directory.root(), UUID.randomUUID().toString());
    this.skippedLimit = new SkippedLimit(goal.maxSkippedFraction(), recipe.plan().samples());
  }

  /**
   * Trains until the goal.
   *
   * @param start where to start from: a new state or a checkpoint's
   * @return where the last checkpoint lies
   * @throws TrainingDivergedException if a loss or parameter is not finite
   * @throws IOException if a checkpoint cannot be written
   */
  public URI train(Checkpoint start) throws IOException, InterruptedException {
    State state = new State(start);
    if (start.info().progress().round() > 0) {
      stays(directory.checkpoints().location(start.info().progress().round()));
    }
    EpochPlan plan = recipe.plan();
    Unpublished unpublished = new Unpublished();
    Progress begun = state.progress;
    int rounds = begun.round() + plan.roundsLeft(begun.epoch(), begun.position(), goal.epochs());
    recallWorkers(begun);
    if (begun.position() > 0) {
      // In the middle of an epoch: what it has left out so far counts.
      skippedLimit.count(
          directory.skipped(begun.round()).stream()
              .filter(skipped -> skipped.epoch() == begun.epoch())
              .toList());
    }
    listener.started(state.progress.round() + 1, rounds);
    Broadcast<TrainingRecipe> shipped = spark.broadcast(recipe);
    Broadcast<FloatVector> frozen =
        spark.broadcast(new FloatVector(part.isWhole() ? new float[0] : start.parameters()));
    if (state.progress.round() > 0) {
      scoreUnlessDone(start);
    }
    while (state.progress.epoch() < goal.epochs()) {
      EpochPlan.Round round = plan.round(state.progress.epoch(), state.progress.position());
      RoundMetrics metrics = run(shipped, frozen, state, round, unpublished);
      rememberingWorkers = plan.workers();
      forgetMemories(state.progress.round());
      unpublished.rounds.add(metrics);
      listener.completed(metrics);
      if (state.progress.position() == 0) {
        skippedLimit.reset();
      }
      if (goal.wantsCheckpoint(state.progress)) {
        recalibrate(shipped, state);
        publish(state, unpublished);
        unpublished = new Unpublished();
      }
    }
    shipped.destroy();
    frozen.destroy();
    return directory.checkpoints().location(state.progress.round());
  }

  /** Finds what the workers of the last round have left, and removes what came after it. */
  private void recallWorkers(Progress progress) throws IOException {
    if (recipe.needsMemories()) {
      for (int round : memories.rounds()) {
        if (round > progress.round()) {
          memories.forget(round);
        }
      }
      boolean trains = progress.round() > 0 && progress.epoch() < goal.epochs();
      rememberingWorkers = trains ? memories.workers(progress.round()) : 0;
    }
  }

  /**
   * Leaves the last two rounds, of which a late twin of a task may still read, and checkpoints'.
   */
  private void forgetMemories(int newest) throws IOException {
    if (recipe.needsMemories()) {
      for (int round : memories.rounds()) {
        if (round < newest - 1
            && !recipe.storage().exists(directory.checkpoints().location(round))) {
          memories.forget(round);
        }
      }
    }
  }

  private RoundMetrics run(
      Broadcast<TrainingRecipe> shipped,
      Broadcast<FloatVector> frozen,
      State state,
      EpochPlan.Round round,
      Unpublished unpublished)
      throws IOException, InterruptedException {
    long began = System.nanoTime();
    Progress progress = state.progress;
    List<Contribution> results = collect(shipped, frozen, state.vectors(), progress, round);
    List<Report> reports =
        results.stream()
            .filter(Report.class::isInstance)
            .map(Report.class::cast)
            .sorted(Comparator.comparingInt(Report::worker))
            .toList();
    requireFinite(reports, progress, round);
    List<SkippedImages> skipped = skipped(reports);
    requireEachImageOnce(reports, progress, round);
    unpublished.skipped.addAll(skipped);
    requireFewSkipped(skipped, progress, unpublished);
    long examples = reports.stream().mapToLong(Report::examples).sum();
    EpochPlan plan = recipe.plan();
    // Where all of a round's images are damaged the network stays what it is.
    int steps = examples == 0 ? 0 : plan.steps(round);
    if (examples > 0) {
      state.replace(results, recipe.meanLearningRate(progress.epoch(), round));
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    boolean epochEnded = round.end() == plan.samples();
    state.progress =
        new Progress(
            progress.round() + 1,
            progress.epoch() + (epochEnded ? 1 : 0),
            epochEnded ? 0 : round.end(),
            progress.step() + steps,
            progress.images() + examples,
            progress.trainMillis() + Math.round(seconds * 1e3));
    if (examples > 0) {
      state.average(steps);
    }
    double compute = reports.stream().mapToLong(Report::computeNanos).sum() / 1e9 / plan.workers();
    double wait = reports.stream().mapToLong(Report::waitNanos).sum() / 1e9 / plan.workers();
    double slowest = reports.stream().mapToLong(Report::busyNanos).max().orElse(0) / 1e9;
    double straggle = Math.max(0, slowest - compute - wait);
    return new RoundMetrics(
        state.progress.round(),
        progress.epoch() + (double) round.end() / plan.samples(),
        state.progress.images(),
        reports.stream().mapToDouble(Report::lossSum).sum() / examples,
        recipe.learningRate(progress.epoch(), round, Math.max(0, steps - 1)),
        seconds,
        examples / seconds,
        compute,
        wait,
        straggle,
        Math.max(0, seconds - compute - wait - straggle),
        count(skipped),
        (double) reports.stream().mapToLong(Report::correct).sum() / examples,
        steps,
        System.currentTimeMillis() / 1e3);
  }

  private List<Contribution> collect(
      Broadcast<TrainingRecipe> shipped,
      Broadcast<FloatVector> frozen,
      RoundState start,
      Progress progress,
      EpochPlan.Round round)
      throws InterruptedException {
    EpochPlan plan = recipe.plan();
    int number = progress.round() + 1;
    String what = String.format("%s: round %s of training", goal.name(), number);
    String group = "phiscale-train-" + goal.name();
    Broadcast<RoundState> broadcast = spark.broadcast(start);
    AveragingRound averaging =
        new AveragingRound(spark, group, goal.deadline(), "train.deadline", lastCheckpoint);
    return averaging.run(
        number,
        what,
        Slices.of(start),
        broadcast,
        plan.workers(),
        () ->
            spark
                .parallelize(IntStream.range(0, plan.workers()).boxed().toList(), plan.workers())
                .mapPartitionsToPair(
                    new WorkerRound(
                        shipped,
                        frozen,
                        broadcast,
                        progress.epoch(),
                        round,
                        progress.step(),
                        memories,
                        progress.round(),
                        rememberingWorkers)));
  }

  private void requireFinite(List<Report> reports, Progress progress, EpochPlan.Round round) {
    for (Report report : reports) {
      if (report.divergence() != null) {
        throw new TrainingDivergedException(
            report.divergence().what(),
            report.worker(),
            progress.round() + 1,
            report.divergence().step() + 1,
            recipe.learningRate(progress.epoch(), round, report.divergence().step()),
            lastCheckpoint);
      }
    }
  }

  private static List<SkippedImages> skipped(List<Report> reports) {
    return reports.stream().flatMap(report -> report.skipped().stream()).toList();
  }

  private static long count(List<SkippedImages> skipped) {
    return skipped.stream().mapToLong(SkippedImages::images).sum();
  }

  /** A run that ends here leaves the list of what is damaged, which is why it ends. */
  private void requireFewSkipped(
      List<SkippedImages> skipped, Progress progress, Unpublished unpublished) throws IOException {
    try {
      skippedLimit.count(skipped);
    } catch (IllegalStateException e) {
      int first =
          unpublished.rounds.isEmpty() ? progress.round() + 1 : unpublished.rounds.get(0).round();
      directory.appendSkipped(first, unpublished.skipped);
      throw new IllegalStateException(
          String.format("%s (all: %s)", e.getMessage(), directory.skippedFolder()), e);
    }
  }

  private static void requireEachImageOnce(
      List<Report> reports, Progress progress, EpochPlan.Round round) {
    long skipped = count(skipped(reports));
    long examples = reports.stream().mapToLong(Report::examples).sum();
    long positions = reports.stream().mapToLong(Report::positions).sum();
    boolean planned =
        examples + skipped == round.count()
            && positions == Positions.digest(round.start(), round.end());
    if (!planned) {
      throw new IllegalStateException(
          String.format(
              "Round %s did not train on each image of positions %s to %s of epoch %s once: %s"
                  + " images, %s skipped; were the shards changed during the run?",
              progress.round() + 1,
              round.start(),
              round.end(),
              progress.epoch(),
              examples,
              skipped));
    }
  }

  /** Estimates the running statistics of the averaged networks anew, where that is wanted. */
  private void recalibrate(Broadcast<TrainingRecipe> shipped, State state)
      throws InterruptedException {
    if (goal.recalibrationImages() > 0) {
      state.recalibrate(new BatchNormRecalibration(spark, shipped, goal));
    }
  }

  private void publish(State state, Unpublished unpublished)
      throws IOException, InterruptedException {
    directory.append(unpublished.rounds);
    directory.appendSkipped(unpublished.rounds.get(0).round(), unpublished.skipped);
    CheckpointStore checkpoints = directory.checkpoints();
    CheckpointInfo published = checkpoints.publish(state.checkpoint(state.info()));
    listener.published(checkpoints.location(published.progress().round()));
    stays(checkpoints.location(published.progress().round()));
    scoreUnlessDone(state.checkpoint(published));
    checkpoints.retain(goal.retention());
    forgetMemories(state.progress.round());
  }

  /** Also when a run resumes: the one before may have ended between publishing and scoring. */
  private void scoreUnlessDone(Checkpoint published) throws IOException, InterruptedException {
    CheckpointStore checkpoints = directory.checkpoints();
    if (goal.scorer().isPresent() && checkpoints.score(published.info()).isEmpty()) {
      MinivalScore score = goal.scorer().get().score(published);
      checkpoints.record(score);
      listener.scored(score);
    }
  }

  private void stays(URI checkpoint) {
    lastCheckpoint = "The last good checkpoint stays: " + checkpoint;
  }

  /** What the rounds since the last checkpoint have to say. */
  private static final class Unpublished {
    private final List<RoundMetrics> rounds = new ArrayList<>();
    private final List<SkippedImages> skipped = new ArrayList<>();
  }

  /** The one model that the driver holds. */
  private final class State {
    private final CheckpointInfo info;
    private Progress progress;
    private float[] parameters;
    private float[] optimizerState;
    private final float[] movingAverage;
    private final float[] outerState;

    State(Checkpoint start) {
      info = start.info();
      progress = start.info().progress();
      parameters = start.parameters();
      optimizerState = recipe.averagesOptimizerState() ? start.optimizerState() : new float[0];
      movingAverage = start.movingAverage().clone();
      boolean before = start.outerState().length > 0;
      outerState =
          before ? start.outerState().clone() : new float[outer.hasState() ? part.length() : 0];
    }

    RoundState vectors() {
      return new RoundState(new FloatVector(part.of(parameters)), new FloatVector(optimizerState));
    }

    /**
     * Takes over the averaged slices; into new arrays, as the old ones may still be shared.
     *
     * @param rate mean local learning rate of the round
     */
    void replace(List<Contribution> results, double rate) {
      float[] newOptimizerState = new float[optimizerState.length];
      Slices slices =
          new Slices(part.length() + optimizerState.length, Slices.DEFAULT_SLICE_LENGTH);
      List<Slice> averaged =
          results.stream().filter(Slice.class::isInstance).map(Slice.class::cast).toList();
      if (averaged.size() != slices.count()) {
        throw new IllegalStateException(
            String.format(
                "Round %s returned %s slices of %s",
                progress.round() + 1, averaged.size(), slices.count()));
      }
      float[] start = part.of(parameters);
      float[] newParameters;
      if (recipe.averaging().wire() == Wire.FP32) {
        newParameters = new float[part.length()];
        for (Slice slice : averaged) {
          slices.paste(slice.slice(), slice.values(), newParameters, newOptimizerState);
        }
      } else {
        newParameters =
            PackedState.unpack(
                new WireOrder(part.layout()), start, averaged, slices, newOptimizerState);
      }
      outer.update(start, newParameters, outerState, part.layout(), rate);
      requireFiniteUpdate(newParameters);
      parameters = part.into(parameters, newParameters);
      optimizerState = newOptimizerState;
    }

    /** The workers' parameters were finite; deltas or momentum may have taken them beyond. */
    private void requireFiniteUpdate(float[] updated) {
      for (float value : updated) {
        if (!Float.isFinite(value)) {
          throw new TrainingDivergedException(progress.round() + 1, outer.rule(), lastCheckpoint);
        }
      }
    }

    void average(int steps) {
      Optional<ExponentialMovingAverage> average = goal.movingAverage();
      if (average.isPresent()) {
        average.get().update(movingAverage, parameters, part, progress.step(), steps);
      }
    }

    void recalibrate(BatchNormRecalibration recalibration) throws InterruptedException {
      if (movingAverage.length == 0) {
        parameters = recalibration.of(List.of(parameters), progress.round()).get(0);
        return;
      }
      List<float[]> both = recalibration.of(List.of(parameters, movingAverage), progress.round());
      parameters = both.get(0);
      System.arraycopy(both.get(1), 0, movingAverage, 0, movingAverage.length);
    }

    Checkpoint checkpoint(CheckpointInfo described) {
      return new Checkpoint(described, parameters, optimizerState, movingAverage, outerState);
    }

    CheckpointInfo info() {
      return new CheckpointInfo(
          info.schemaVersion(),
          info.network(),
          info.identity(),
          info.classNames(),
          progress,
          info.seed(),
          info.manifestDigest(),
          info.configurationDigest(),
          info.origin(),
          parameters.length,
          optimizerState.length,
          movingAverage.length,
          outerState.length,
          "");
    }
  }
}
