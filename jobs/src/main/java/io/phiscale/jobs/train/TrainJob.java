package io.phiscale.jobs.train;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.config.TrainSection;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.Origin;
import io.phiscale.jobs.run.Progress;
import io.phiscale.jobs.run.Provenance;
import io.phiscale.jobs.run.Retention;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.run.SkippedImages;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSummary;
import io.phiscale.model.train.ExponentialMovingAverage;
import io.phiscale.model.train.GradientClipping;
import io.phiscale.model.train.LearningRateSchedule;
import io.phiscale.model.train.OptimizerSpec;
import io.phiscale.model.train.Replica;
import io.phiscale.model.train.ReplicaSpec;
import io.phiscale.model.train.WeightDecay;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardSplit;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Trains the network of a configuration on its shards: resolves the configuration, records
 * provenance, starts or resumes the {@link ParameterAveragingTrainer}.
 */
public final class TrainJob {
  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;
  private final Optional<CheckpointScorer> scorer;
  private final Optional<String> run;

  /**
   * A job that cannot keep the best checkpoint, as it has nobody to score them.
   *
   * @param session the Spark session
   * @param configuration all of it
   */
  public TrainJob(SparkSession session, PhiscaleConfiguration configuration) {
    this(session, configuration, Optional.empty(), Optional.empty());
  }

  /**
   * @param session the Spark session
   * @param configuration all of it
   * @param scorer scores checkpoints where {@code train.checkpoint.keep-best} wants it
   */
  public TrainJob(
      SparkSession session, PhiscaleConfiguration configuration, CheckpointScorer scorer) {
    this(session, configuration, Optional.of(scorer), Optional.empty());
  }

  private TrainJob(
      SparkSession session,
      PhiscaleConfiguration configuration,
      Optional<CheckpointScorer> scorer,
      Optional<String> run) {
    this.session = session;
    this.configuration = configuration;
    this.scorer = scorer;
    this.run = run;
    this.storage = DriverStorage.of(configuration);
  }

  /**
   * The same as one of several runs at a time, which need names to be told apart in Spark's metrics
   * system.
   *
   * @param name of this one, among them
   */
  public TrainJob named(String name) {
    return new TrainJob(session, configuration, scorer, Optional.of(name));
  }

  /**
   * What became of the job.
   *
   * @param directory the run
   * @param checkpoint the last checkpoint
   * @param metrics every round
   * @param skipped what every round left out
   */
  public record Result(
      RunDirectory directory,
      Checkpoint checkpoint,
      List<RoundMetrics> metrics,
      List<SkippedImages> skipped) {
    public Result {
      metrics = List.copyOf(metrics);
      skipped = List.copyOf(skipped);
    }
  }

  /**
   * Trains until {@code train.epochs}, from the newest checkpoint where there is one.
   *
   * @throws IOException if shards cannot be read or the run cannot be written
   * @throws ConfigurationException if a checkpoint is in the way, or was made by a configuration
   *     that computes something else
   */
  public Result run(TrainingListener listener) throws IOException, InterruptedException {
    TrainSection train = configuration.train();
    URI shards = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, shards, configuration.data().version());
    NetworkPlan network = NetworkPlan.of(configuration.network(), manifest.labels().size());
    if (network.spec().classes() < manifest.labels().size()) {
      throw new ConfigurationException(
          String.format(
              "Invalid network.classes: %s (the data set in %s has %s classes)",
              network.spec().classes(), shards, manifest.labels().size()));
    }
    TrainingRecipe recipe = recipe(manifest, network);
    ReplicaSpec replica = recipe.replica();
    RunDirectory directory = new RunDirectory(storage, Storage.uri(train.output().toString()));
    Checkpoint start = start(directory, manifest, network, replica, listener);
    if (replica.freeze() == Freeze.FEATURES) {
      NetworkSummary summary = new NetworkSummary(network.spec(), replica.freeze());
      listener.said(
          String.format(
              Locale.ROOT,
              "features frozen, batch norm in %s mode: training %,d of %,d parameters",
              train.frozenBatchNorm().name().toLowerCase(Locale.ROOT),
              summary.trainableParameters(),
              summary.totalParameters()));
    }
    TrainingGoal goal =
        new TrainingGoal(
            configuration.name() + " " + network.identity().name(),
            train.epochs(),
            train.checkpoint().everyEpochs(),
            train.checkpoint().everyRounds(),
            new Retention(train.checkpoint().keep(), train.checkpoint().keepEveryEpochs()),
            scorer(manifest),
            train.emaDecay() == 0
                ? Optional.empty()
                : Optional.of(new ExponentialMovingAverage(train.emaDecay())),
            train.averaging().batchNorm() == TrainSection.Averaging.BatchNorm.RECALIBRATE
                ? train.averaging().recalibrationImages()
                : 0,
            train.maxSkippedFraction(),
            train.deadline());
    directory.forgetAfter(start.info().progress().round());
    try (TrainingSource source = TrainingSource.register(run)) {
      List<TrainingListener> listeners = new ArrayList<>(List.of(source));
      if (train.metrics().tensorboard()) {
        listeners.add(new EventFiles(directory));
      }
      // Last, as it may end the run.
      listeners.add(listener);
      new ParameterAveragingTrainer(
              JavaSparkContext.fromSparkContext(session.sparkContext()),
              recipe,
              goal,
              directory,
              TrainingListener.all(listeners))
          .train(start);
    }
    Checkpoint last =
        directory
            .checkpoints()
            .latest()
            .orElseThrow(() -> new IllegalStateException("No checkpoint in " + directory.root()));
    int rounds = last.info().progress().round();
    List<SkippedImages> skipped = directory.skipped(rounds);
    SkippedSummary.of(skipped, last.info().progress().images(), directory.skippedFolder())
        .forEach(listener::said);
    return new Result(directory, last, directory.metrics(rounds), skipped);
  }

  /** What workers need to train a network on the data set of a manifest. */
  TrainingRecipe recipe(ShardManifest manifest, NetworkPlan network) {
    TrainSection train = configuration.train();
    URI shards = Storage.uri(configuration.data().shards().toString());
    LearningRateSchedule schedule = schedule(train);
    TrainingShare share = TrainingShare.of(manifest, shards, train.dataFraction());
    return new TrainingRecipe(
        replica(network, train),
        schedule,
        TrainingPictures.transform(network.spec().resolutionPx(), train.augment()),
        TrainingPictures.augmentation(train.augment()),
        storage,
        share.rowGroups(),
        new EpochPlan(
            share.images(),
            train.workers(),
            localSteps(train.averaging(), schedule),
            train.batchSize()),
        train.averaging(),
        train.targets(),
        train.seed(),
        LoaderSettings.ofBatchSize(train.batchSize())
            .withThreads(train.loader().threads())
            .withQueueDepth(train.loader().queueBatches())
            .withMaxPixels(configuration.data().maxPixels())
            .withWaitLimit(train.deadline()));
  }

  private Optional<CheckpointScorer> scorer(ShardManifest manifest) {
    if (!configuration.train().checkpoint().keepBest()) {
      return Optional.empty();
    }
    ShardSplit minival = manifest.splits().get("minival");
    if (minival == null || minival.images() == 0) {
      throw new ConfigurationException(
          String.format(
              "Cannot keep the best checkpoint (train.checkpoint.keep-best): the data set in %s has"
                  + " no minival images; shard it with data.source.minival-fraction > 0",
              configuration.data().shards()));
    }
    if (scorer.isEmpty()) {
      throw new IllegalStateException("train.checkpoint.keep-best needs a scorer of checkpoints");
    }
    return scorer;
  }

  private Checkpoint start(
      RunDirectory directory,
      ShardManifest manifest,
      NetworkPlan network,
      ReplicaSpec replica,
      TrainingListener listener)
      throws IOException {
    Provenance provenance = Provenance.of(configuration, manifest.contentDigest());
    Optional<Provenance> earlier = directory.provenance();
    Optional<Checkpoint> checkpoint = directory.checkpoints().latest(listener::said);
    if (checkpoint.isPresent()) {
      if (configuration.train().resume() == TrainSection.Resume.NEVER) {
        throw new ConfigurationException(
            String.format(
                "A checkpoint lies in %s and train.resume = never: set train.output to another"
                    + " folder",
                directory.root()));
      }
      if (earlier.isEmpty()) {
        throw new ConfigurationException(
            String.format(
                "Cannot resume %s: its checkpoint was written by convert or checkpoints average,"
                    + " not by a training (there is no run.json); to start from its weights set"
                    + " train.initial-weights to it, and train.output to another folder",
                directory.root()));
      }
      List<String> conflicts = earlier.get().conflicts(provenance);
      if (!conflicts.isEmpty()) {
        throw new ConfigurationException(
            String.format(
                "Cannot resume %s with another configuration: %s; undo that, or set train.output to"
                    + " another folder",
                directory.root(), String.join("; ", conflicts)));
      }
      return checkpoint.get();
    }
    TrainSection train = configuration.train();
    try (Replica fresh = new Replica(replica)) {
      float[] parameters = fresh.initialParameters(train.seed());
      Origin origin = Origin.DRAWN;
      if (train.hasInitialWeights()) {
        InitialWeights initial = InitialWeights.read(storage, train, network, parameters);
        parameters = initial.parameters();
        origin = initial.origin();
        listener.said(initial.description());
      }
      directory.record(provenance);
      return new Checkpoint(
          new CheckpointInfo(
              CheckpointInfo.SCHEMA_VERSION,
              network.spec(),
              network.identity(),
              manifest.labels().names(),
              Progress.START,
              train.seed(),
              manifest.contentDigest(),
              configuration.digest(),
              origin,
              parameters.length,
              0,
              0,
              0,
              ""),
          parameters,
          fresh.initialOptimizerState(),
          train.emaDecay() == 0 ? new float[0] : parameters.clone(),
          new float[0]);
    }
  }

  private ReplicaSpec replica(NetworkPlan network, TrainSection train) {
    TrainSection.Optimizer optimizer = train.optimizer();
    OptimizerSpec spec =
        switch (optimizer.name()) {
          case SGD -> new OptimizerSpec.Sgd(optimizer.momentum(), variant(optimizer));
          case RMSPROP ->
              new OptimizerSpec.RmsPropTf(
                  optimizer.decay(), optimizer.momentum(), optimizer.epsilon());
          case ADAMW ->
              new OptimizerSpec.AdamW(optimizer.beta1(), optimizer.beta2(), optimizer.epsilon());
          case LAMB ->
              new OptimizerSpec.Lamb(optimizer.beta1(), optimizer.beta2(), optimizer.epsilon());
          case LARS ->
              new OptimizerSpec.Lars(
                  optimizer.momentum(),
                  variant(optimizer),
                  optimizer.trustCoefficient(),
                  optimizer.epsilon());
        };
    WeightDecay.Exclusion exclusion =
        switch (train.weightDecayExclusion()) {
          case BATCH_NORM -> WeightDecay.Exclusion.BATCH_NORM;
          case ONE_DIMENSIONAL -> WeightDecay.Exclusion.ALL_ONE_DIMENSIONAL;
          case NONE -> WeightDecay.Exclusion.NONE;
        };
    return new ReplicaSpec(
        network.spec(),
        spec,
        new WeightDecay(train.weightDecay(), exclusion),
        new GradientClipping(train.gradientClipNorm()),
        train.labelSmoothing(),
        Freeze.valueOf(train.freeze().name()),
        FrozenBatchNorm.valueOf(train.frozenBatchNorm().name()),
        Threads.kernels(train.kernels()),
        Precision.valueOf(train.precision().name()),
        Threads.ofTask(session.sparkContext()));
  }

  private static OptimizerSpec.Sgd.Variant variant(TrainSection.Optimizer optimizer) {
    return optimizer.nesterov()
        ? OptimizerSpec.Sgd.Variant.NESTEROV
        : OptimizerSpec.Sgd.Variant.CLASSICAL;
  }

  static LearningRateSchedule schedule(TrainSection train) {
    TrainSection.LearningRate rate = train.learningRate();
    double peak = rate.peak(train.globalBatchSize());
    LearningRateSchedule schedule =
        switch (rate.schedule()) {
          case COSINE -> new LearningRateSchedule.Cosine(peak, train.epochs());
          case EXPONENTIAL ->
              new LearningRateSchedule.ExponentialStaircase(
                  peak, rate.decayRate(), rate.decayEpochs());
          case STEP ->
              new LearningRateSchedule.Step(peak, rate.milestoneFactor(), rate.milestones());
          case CONSTANT -> new LearningRateSchedule.Constant(peak);
        };
    return new LearningRateSchedule.Warmup(rate.warmupEpochs(), schedule);
  }

  private static LocalSteps localSteps(
      TrainSection.Averaging averaging, LearningRateSchedule schedule) {
    LocalSteps steps =
        switch (averaging.schedule()) {
          case CONSTANT -> new LocalSteps.Constant(averaging.localSteps());
          case QSR ->
              new LocalSteps.Quadratic(
                  averaging.localSteps(),
                  averaging.qsrAlpha(),
                  averaging.maxLocalSteps(),
                  schedule);
        };
    return averaging.synchronousEpochs() == 0
        ? steps
        : new LocalSteps.PostLocal(averaging.synchronousEpochs(), steps);
  }
}
