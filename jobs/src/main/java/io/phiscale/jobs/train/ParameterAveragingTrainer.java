package io.phiscale.jobs.train;

import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.Progress;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.run.SparkJobs;
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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaPairRDD;
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
 * <p>Every task is a pure function of broadcast values, so a lost executor costs a recomputation
 * and changes nothing. A resumed run continues from the counters of its checkpoint and computes
 * what the unbroken run would have.
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
  private final SparkJobs jobs;
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
    this.jobs = new SparkJobs(spark);
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
    List<RoundMetrics> unpublished = new ArrayList<>();
    int rounds = state.progress.round() + roundsLeft(state.progress);
    listener.started(state.progress.round() + 1, rounds);
    Broadcast<TrainingRecipe> shipped = spark.broadcast(recipe);
    Broadcast<FloatVector> frozen =
        spark.broadcast(new FloatVector(part.isWhole() ? new float[0] : start.parameters()));
    while (state.progress.epoch() < goal.epochs()) {
      EpochPlan.Round round = plan.round(state.progress.position());
      RoundMetrics metrics = run(shipped, frozen, state, round);
      unpublished.add(metrics);
      listener.completed(metrics);
      Progress now = state.progress;
      boolean epochEnded = now.position() == 0;
      if (epochEnded
          && (now.epoch() % goal.checkpointEveryEpochs() == 0 || now.epoch() == goal.epochs())) {
        publish(state, unpublished);
        unpublished.clear();
      }
    }
    shipped.destroy();
    frozen.destroy();
    jobs.close();
    return directory.checkpoints().location(state.progress.round());
  }

  private int roundsLeft(Progress progress) {
    int epochs = goal.epochs() - progress.epoch();
    if (epochs <= 0) {
      return 0;
    }
    EpochPlan plan = recipe.plan();
    return plan.roundsFrom(progress.position()) + (epochs - 1) * plan.roundsPerEpoch();
  }

  private RoundMetrics run(
      Broadcast<TrainingRecipe> shipped,
      Broadcast<FloatVector> frozen,
      State state,
      EpochPlan.Round round)
      throws InterruptedException {
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
    state.replace(results);
    EpochPlan plan = recipe.plan();
    int steps = plan.steps(round);
    long examples = reports.stream().mapToLong(Report::examples).sum();
    if (examples == 0) {
      throw new IllegalStateException(
          String.format(
              "No image of round %s could be decoded (positions %s to %s of epoch %s)",
              progress.round() + 1, round.start(), round.end(), progress.epoch()));
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
    state.average(steps);
    double compute = reports.stream().mapToLong(Report::computeNanos).sum() / 1e9 / plan.workers();
    double wait = reports.stream().mapToLong(Report::waitNanos).sum() / 1e9 / plan.workers();
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
        Math.max(0, seconds - compute - wait),
        reports.stream().mapToLong(Report::skipped).sum());
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
    int slices = new Slices(start.length(), Slices.DEFAULT_SLICE_LENGTH).count();
    spark.setJobGroup(group, what, true);
    JavaPairRDD<SliceKey, Contribution> trained =
        spark
            .parallelize(IntStream.range(0, plan.workers()).boxed().toList(), plan.workers())
            .mapPartitionsToPair(
                new WorkerRound(
                    shipped, frozen, broadcast, progress.epoch(), round, progress.step()))
            .repartitionAndSortWithinPartitions(
                new SliceKey.BySlice(Math.min(slices, plan.workers())));
    try {
      JavaFutureAction<List<Contribution>> job =
          trained.mapPartitions(new SliceAveraging()).collectAsync();
      try {
        List<Contribution> results = job.get(goal.deadline().toMillis(), TimeUnit.MILLISECONDS);
        // Not after a failure: the context then ends, and takes all of this with it.
        trained.rdd().cleanShuffleDependencies(false);
        broadcast.destroy();
        return results;
      } catch (TimeoutException e) {
        String waitedFor = jobs.waitedFor();
        spark.sc().cancelJobGroup(group);
        throw new IllegalStateException(
            String.format(
                "Round %s did not end within %s (train.deadline); waited for %s (in the first of a"
                    + " round's two stages task n is worker n). %s",
                number, goal.deadline(), waitedFor, lastCheckpoint),
            e);
      } catch (ExecutionException e) {
        throw new IllegalStateException(String.format("Round %s failed", number), e.getCause());
      }
    } finally {
      spark.clearJobGroup();
    }
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

  private void publish(State state, List<RoundMetrics> unpublished) throws IOException {
    directory.append(unpublished);
    listener.published(
        directory
            .checkpoints()
            .publish(
                state.info(),
                state.parameters,
                state.optimizerState,
                state.movingAverage,
                goal.checkpointsKept()));
    stays(directory.checkpoints().location(state.progress.round()));
  }

  private void stays(URI checkpoint) {
    lastCheckpoint = "The last good checkpoint stays: " + checkpoint;
  }

  /** The one model that the driver holds. */
  private final class State {
    private final CheckpointInfo info;
    private Progress progress;
    private float[] parameters;
    private float[] optimizerState;
    private final float[] movingAverage;

    State(Checkpoint start) {
      info = start.info();
      progress = start.info().progress();
      parameters = start.parameters();
      optimizerState = start.optimizerState();
      movingAverage = start.movingAverage().clone();
    }

    RoundState vectors() {
      return new RoundState(new FloatVector(part.of(parameters)), new FloatVector(optimizerState));
    }

    /** Takes over the averaged slices; into new arrays, as the old ones may still be shared. */
    void replace(List<Contribution> results) {
      float[] newParameters = new float[part.length()];
      float[] newOptimizerState = new float[optimizerState.length];
      Slices slices =
          new Slices(newParameters.length + optimizerState.length, Slices.DEFAULT_SLICE_LENGTH);
      int pasted = 0;
      for (Contribution result : results) {
        if (result instanceof Slice slice) {
          slices.paste(slice.slice(), slice.values(), newParameters, newOptimizerState);
          pasted++;
        }
      }
      if (pasted != slices.count()) {
        throw new IllegalStateException(
            String.format(
                "Round %s returned %s slices of %s", progress.round() + 1, pasted, slices.count()));
      }
      parameters = part.into(parameters, newParameters);
      optimizerState = newOptimizerState;
    }

    void average(int steps) {
      Optional<ExponentialMovingAverage> average = goal.movingAverage();
      if (average.isPresent()) {
        average.get().update(movingAverage, parameters, part, progress.step(), steps);
      }
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
          "");
    }
  }
}
