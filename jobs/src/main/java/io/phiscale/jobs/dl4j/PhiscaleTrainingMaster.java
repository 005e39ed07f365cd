package io.phiscale.jobs.dl4j;

import io.phiscale.jobs.dl4j.Phases.Phase;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.jobs.train.AveragingRound;
import io.phiscale.jobs.train.Contribution;
import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.jobs.train.EpochPlan;
import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.LocalSteps;
import io.phiscale.jobs.train.RoundState;
import io.phiscale.jobs.train.Slices;
import io.phiscale.jobs.train.TrainingDivergedException;
import io.phiscale.pipeline.shard.CounterRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.rdd.PartitionPruningRDD;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.SerializableConfiguration;
import org.deeplearning4j.core.loader.DataSetLoader;
import org.deeplearning4j.core.loader.MultiDataSetLoader;
import org.deeplearning4j.core.storage.StatsStorageRouter;
import org.deeplearning4j.core.storage.listener.RoutingIterationListener;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.deeplearning4j.spark.api.RDDTrainingApproach;
import org.deeplearning4j.spark.api.Repartition;
import org.deeplearning4j.spark.api.RepartitionStrategy;
import org.deeplearning4j.spark.api.TrainingHook;
import org.deeplearning4j.spark.api.TrainingMaster;
import org.deeplearning4j.spark.api.TrainingResult;
import org.deeplearning4j.spark.api.TrainingWorker;
import org.deeplearning4j.spark.api.stats.SparkTrainingStats;
import org.deeplearning4j.spark.impl.graph.SparkComputationGraph;
import org.deeplearning4j.spark.impl.multilayer.SparkDl4jMultiLayer;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.shade.jackson.databind.ObjectMapper;
import org.nd4j.shade.jackson.databind.SerializationFeature;
import org.nd4j.shade.jackson.dataformat.yaml.YAMLFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * Trains any float32 network of Deeplearning4j on Spark by parameter averaging, in programs written
 * against dl4j-spark: they change {@code ParameterAveragingTrainingMaster.Builder} to {@link
 * Builder} and nothing else.
 *
 * <pre>{@code
 * TrainingMaster<?, ?> master =
 *     new PhiscaleTrainingMaster.Builder(examplesPerDataSet)
 *         .batchSizePerWorker(32)
 *         .averagingFrequency(10)
 *         .build();
 * new SparkComputationGraph(sc, configuration, master).fit(data);
 * }</pre>
 *
 * <p>Every worker makes {@code averagingFrequency} local steps from the same parameters; then
 * {@code x = sum(w_i x_i) / sum(w_i)} over parameters and updater state, w_i the examples that
 * worker i trained on, in double precision. Slices of the vector are averaged where a shuffle
 * brings them together; nobody holds the replicas of more than one worker, and the driver holds one
 * model.
 *
 * <p>What differs from dl4j-spark's own master:
 *
 * <ul>
 *   <li>An epoch trains on every example once. Partitions of the RDD may be uneven or empty,
 *       objects may hold different numbers of examples, nothing needs to divide. A worker whose
 *       examples do not fill its batches makes batches of nearly equal size.
 *   <li>The result depends on the data, the seed, the number of workers and the settings, and not
 *       on partitions, executors or repetitions of tasks. The order of the data is drawn for every
 *       epoch from (seed, epoch).
 *   <li>A loss or parameter that is not finite stops the training and names worker, round and step;
 *       the network keeps its last averaged parameters. A round that does not end within {@link
 *       Builder#roundDeadline} fails.
 *   <li>Updater state is averaged unless {@link OptimizerStatePolicy#RESET} is asked for (the
 *       original resets by default).
 *   <li>Data are read where the RDD has them and shuffled once an epoch, by Spark; nothing is
 *       exported to a temporary folder. The RDD is computed twice an epoch (counted, then
 *       shuffled): where that is dear, cache it or say {@link Builder#storageLevel}.
 *   <li>Listeners are called on the driver after every averaging, with the averaged network.
 * </ul>
 */
public final class PhiscaleTrainingMaster
    implements TrainingMaster<TrainingResult, TrainingWorker<TrainingResult>> {
  private static final Logger LOG = LoggerFactory.getLogger(PhiscaleTrainingMaster.class);

  private final Settings settings;
  private final List<TrainingHook> hooks;
  private final List<TrainingListener> listeners = new ArrayList<>();
  private Phases stats;

  private PhiscaleTrainingMaster(Settings settings, Collection<TrainingHook> hooks) {
    this.settings = settings;
    this.hooks = new ArrayList<>(hooks);
  }

  /**
   * Of the same name and with the same methods as that of the original. Those that choose how the
   * original moves data or replicas have no effect here, and say why; {@link #build} logs which of
   * them were called.
   */
  public static final class Builder {
    private final int workers;
    private final int examplesPerObject;
    private int batchSizePerWorker = 16;
    private int averagingFrequency = 5;
    private OptimizerStatePolicy optimizerState = OptimizerStatePolicy.AVERAGE;
    private int prefetchBatches;
    private long seed;
    private Duration roundDeadline = Duration.ofHours(1);
    private boolean collectTrainingStats;
    private StorageLevel storageLevel = StorageLevel.NONE();
    private final Set<String> withoutEffect = new TreeSet<>();
    private final List<TrainingHook> hooks = new ArrayList<>();

    /**
     * As many workers as Spark's default parallelism: the cores of the executors.
     *
     * @param rddDataSetNumExamples examples in each object of the RDD or in each file (&gt; 0);
     *     where they differ, about as many
     */
    public Builder(int rddDataSetNumExamples) {
      this(null, rddDataSetNumExamples);
    }

    /**
     * @param numWorkers replicas that train in parallel (&gt; 0); null: as many as Spark's default
     *     parallelism
     * @param rddDataSetNumExamples examples in each object of the RDD or in each file (&gt; 0)
     */
    public Builder(Integer numWorkers, int rddDataSetNumExamples) {
      if (numWorkers != null && numWorkers <= 0) {
        throw new IllegalArgumentException(
            String.format("Invalid number of workers: %s (must be > 0)", numWorkers));
      }
      workers = numWorkers == null ? 0 : numWorkers;
      examplesPerObject = rddDataSetNumExamples;
    }

    /** Examples of a local step, at most (&gt; 0; default 16). */
    public Builder batchSizePerWorker(int value) {
      batchSizePerWorker = value;
      return this;
    }

    /** Local steps between two averagings (&gt; 0; default 5). */
    public Builder averagingFrequency(int value) {
      averagingFrequency = value;
      return this;
    }

    /** What becomes of the updaters' state (default: averaged). */
    public Builder optimizerState(OptimizerStatePolicy policy) {
      optimizerState = policy;
      return this;
    }

    /** The original's name: true averages the updaters' state, false resets it. */
    public Builder saveUpdater(boolean saveUpdater) {
      return optimizerState(
          saveUpdater ? OptimizerStatePolicy.AVERAGE : OptimizerStatePolicy.RESET);
    }

    /**
     * Batches that a worker reads from files ahead of the one it trains on (default 0). Objects of
     * an RDD are at hand, and not read ahead.
     */
    public Builder workerPrefetchNumBatches(int value) {
      prefetchBatches = value;
      return this;
    }

    /** Seed of the order of the data and of dropout (default 0). */
    public Builder rngSeed(long value) {
      seed = value;
      return this;
    }

    /**
     * Longest time of a round, with that of shuffling the data in the first one (default 1 hour).
     */
    public Builder roundDeadline(Duration value) {
      roundDeadline = value;
      return this;
    }

    /** Whether {@link #getTrainingStats} has times to give (default false). */
    public Builder collectTrainingStats(boolean value) {
      collectTrainingStats = value;
      return this;
    }

    /**
     * Where Spark keeps an RDD of training data during {@code fit}, so that it is computed once and
     * not twice; null or {@code NONE} (the default): nowhere. An RDD that the program has cached
     * stays as it is. (The original keeps each of its splits so, where it trains directly.)
     */
    public Builder storageLevel(StorageLevel value) {
      storageLevel = value;
      return this;
    }

    /**
     * No effect: the RDD of {@code fitPaths} holds names, which are not worth keeping. (The
     * original keeps streams of files so.)
     */
    public Builder storageLevelStreams(StorageLevel value) {
      return withoutEffect("storageLevelStreams");
    }

    /**
     * No effect: data are neither exported to files, nor split by the driver, as either approach of
     * the original does, but shuffled by Spark once an epoch. What {@code Export} is chosen for, an
     * RDD that is dear to compute, {@link #storageLevel} of {@code DISK_ONLY} does here.
     */
    public Builder rddTrainingApproach(RDDTrainingApproach value) {
      return withoutEffect("rddTrainingApproach");
    }

    /** No effect: nothing is exported, and nothing is to be deleted there. */
    public Builder exportDirectory(String value) {
      return withoutEffect("exportDirectory");
    }

    /**
     * No effect: every round deals the data to the workers evenly, whatever the partitions are.
     * (The name is the original's.)
     */
    public Builder repartionData(Repartition value) {
      return withoutEffect("repartionData");
    }

    /** No effect, as {@link #repartionData}. */
    public Builder repartitionStrategy(RepartitionStrategy value) {
      return withoutEffect("repartitionStrategy");
    }

    /**
     * No effect: replicas are not added up in a tree, whose depth this is in the original, but
     * averaged in slices where a shuffle brings them together.
     */
    public Builder aggregationDepth(int value) {
      return withoutEffect("aggregationDepth");
    }

    private Builder withoutEffect(String method) {
      withoutEffect.add(method);
      return this;
    }

    /** Called on the workers before and after every local step. */
    public Builder trainingHooks(Collection<TrainingHook> values) {
      hooks.addAll(values);
      return this;
    }

    /** Called on the workers before and after every local step. */
    public Builder trainingHooks(TrainingHook... values) {
      return trainingHooks(Arrays.asList(values));
    }

    /**
     * The master.
     *
     * @throws IllegalArgumentException if a value is out of its range
     */
    public PhiscaleTrainingMaster build() {
      PhiscaleTrainingMaster master =
          new PhiscaleTrainingMaster(
              new Settings(
                  workers,
                  examplesPerObject,
                  batchSizePerWorker,
                  averagingFrequency,
                  optimizerState,
                  prefetchBatches,
                  seed,
                  roundDeadline,
                  storageLevel),
              hooks);
      if (!withoutEffect.isEmpty()) {
        LOG.info("Without effect on PhiscaleTrainingMaster: {}", String.join(", ", withoutEffect));
      }
      master.setCollectTrainingStats(collectTrainingStats);
      return master;
    }
  }

  private static ObjectMapper json() {
    return new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  }

  private static ObjectMapper yaml() {
    return new ObjectMapper(new YAMLFactory());
  }

  @Override
  public String toJson() {
    return settings.write(json());
  }

  @Override
  public String toYaml() {
    return settings.write(yaml());
  }

  /**
   * A master with the settings that {@link #toJson} wrote.
   *
   * @throws IllegalArgumentException if a setting is missing, unknown or out of its range
   */
  public static PhiscaleTrainingMaster fromJson(String json) {
    return new PhiscaleTrainingMaster(Settings.read(json(), json), List.of());
  }

  /**
   * A master with the settings that {@link #toYaml} wrote.
   *
   * @throws IllegalArgumentException if a setting is missing, unknown or out of its range
   */
  public static PhiscaleTrainingMaster fromYaml(String yaml) {
    return new PhiscaleTrainingMaster(Settings.read(yaml(), yaml), List.of());
  }

  @Override
  public void addHook(TrainingHook trainingHook) {
    hooks.add(trainingHook);
  }

  @Override
  public void removeHook(TrainingHook trainingHook) {
    hooks.remove(trainingHook);
  }

  /**
   * @throws UnsupportedOperationException always: workers are not asked for results of whole
   *     replicas, which such an object would give
   */
  @Override
  public TrainingWorker<TrainingResult> getWorkerInstance(SparkDl4jMultiLayer network) {
    throw noWorker();
  }

  /**
   * @throws UnsupportedOperationException always, see {@link
   *     #getWorkerInstance(SparkDl4jMultiLayer)}
   */
  @Override
  public TrainingWorker<TrainingResult> getWorkerInstance(SparkComputationGraph graph) {
    throw noWorker();
  }

  private static UnsupportedOperationException noWorker() {
    return new UnsupportedOperationException(
        "Cannot give a TrainingWorker: PhiscaleTrainingMaster's workers send slices to be averaged,"
            + " not results to the driver; use fit or fitPaths");
  }

  @Override
  public void setCollectTrainingStats(boolean collectTrainingStats) {
    if (!collectTrainingStats) {
      stats = null;
    } else if (stats == null) {
      stats = new Phases();
    }
  }

  @Override
  public boolean getIsCollectTrainingStats() {
    return stats != null;
  }

  /**
   * Times of the driver's phases by the names of the original: Count, CreateBroadcast, MapPart (a
   * whole round), Aggregate (local steps and averaging: one Spark job), ProcessParams, Fit. Export,
   * Split and Repartition stay empty, as there is nothing of the kind.
   *
   * @return null unless statistics are collected
   */
  @Override
  public SparkTrainingStats getTrainingStats() {
    return stats == null ? null : stats.stats();
  }

  @Override
  public void setListeners(Collection<TrainingListener> values) {
    setListeners(null, values);
  }

  /** Listeners on the driver, called after every averaging; routing ones write to the router. */
  @Override
  public void setListeners(StatsStorageRouter router, Collection<TrainingListener> values) {
    listeners.clear();
    if (values != null) {
      listeners.addAll(values);
    }
    if (router != null) {
      for (TrainingListener listener : listeners) {
        if (listener instanceof RoutingIterationListener routing) {
          routing.setStorageRouter(router);
        }
      }
    }
  }

  /** There are none. */
  @Override
  public boolean deleteTempFiles(JavaSparkContext sc) {
    return true;
  }

  /** There are none. */
  @Override
  public boolean deleteTempFiles(SparkContext sc) {
    return true;
  }

  @Override
  public void executeTraining(SparkDl4jMultiLayer network, JavaRDD<DataSet> trainingData) {
    train(
        network.getSparkContext(),
        Dl4jNetwork.of(network.getNetwork()),
        network::setScore,
        trainingData,
        new ObjectReader.DataSets());
  }

  @Override
  public void executeTraining(SparkComputationGraph graph, JavaRDD<DataSet> trainingData) {
    train(
        graph.getSparkContext(),
        Dl4jNetwork.of(graph.getNetwork()),
        graph::setScore,
        trainingData,
        new ObjectReader.DataSets());
  }

  @Override
  public void executeTrainingMDS(SparkComputationGraph graph, JavaRDD<MultiDataSet> trainingData) {
    train(
        graph.getSparkContext(),
        Dl4jNetwork.of(graph.getNetwork()),
        graph::setScore,
        trainingData,
        new ObjectReader.MultiDataSets());
  }

  @Override
  public void executeTrainingPaths(
      SparkDl4jMultiLayer network,
      SparkComputationGraph graph,
      JavaRDD<String> trainingDataPaths,
      DataSetLoader dsLoader,
      MultiDataSetLoader mdsLoader) {
    JavaSparkContext spark = network != null ? network.getSparkContext() : graph.getSparkContext();
    Broadcast<SerializableConfiguration> hadoop =
        spark.broadcast(new SerializableConfiguration(spark.hadoopConfiguration()));
    try {
      train(
          spark,
          network != null
              ? Dl4jNetwork.of(network.getNetwork())
              : Dl4jNetwork.of(graph.getNetwork()),
          network != null ? network::setScore : graph::setScore,
          trainingDataPaths,
          dsLoader != null
              ? new ObjectReader.DataSetFiles(dsLoader, hadoop)
              : new ObjectReader.MultiDataSetFiles(mdsLoader, hadoop));
    } finally {
      hadoop.destroy();
    }
  }

  private <T> void train(
      JavaSparkContext spark,
      Dl4jNetwork network,
      DoubleConsumer score,
      JavaRDD<T> data,
      ObjectReader<T> reader) {
    boolean kept =
        settings.storageLevel().isValid()
            && reader.cost() == ObjectReader.Cost.NONE
            && !data.getStorageLevel().isValid();
    if (kept) {
      data.persist(settings.storageLevel());
    }
    try {
      trainEpoch(spark, network, score, data, reader);
    } finally {
      if (kept) {
        data.unpersist(false);
      }
    }
  }

  private <T> void trainEpoch(
      JavaSparkContext spark,
      Dl4jNetwork network,
      DoubleConsumer score,
      JavaRDD<T> data,
      ObjectReader<T> reader) {
    long fitStart = System.currentTimeMillis();
    int workers = settings.workers() == 0 ? spark.defaultParallelism() : settings.workers();
    List<Long> counts = count(spark, data);
    long objects = counts.stream().mapToLong(Long::longValue).sum();
    EpochPlan plan =
        new EpochPlan(objects, workers, new LocalSteps.Constant(settings.objectsPerWorker()), 1);
    CounterRandom order = CounterRandom.of(settings.seed(), network.epoch());
    JavaPairRDD<Long, T> placed =
        JavaPairRDD.fromJavaRDD(
                data.mapPartitionsWithIndex(new PlaceObjects<T>(counts, order), false))
            .repartitionAndSortWithinPartitions(new ByRoundAndWorker(plan));
    Broadcast<Dl4jNetwork.Architecture> architecture = spark.broadcast(network.architecture());
    try {
      for (int round = 0; round < ByRoundAndWorker.roundsPerEpoch(plan); round++) {
        long roundStart = System.currentTimeMillis();
        run(new Epoch<>(spark, plan, placed, reader, architecture), network, round, score);
        note(Phase.MAP_PARTITIONS, roundStart);
      }
    } finally {
      architecture.destroy();
      placed.rdd().cleanShuffleDependencies(false);
    }
    note(Phase.FIT, fitStart);
  }

  /** What all rounds of an epoch share. */
  private record Epoch<T>(
      JavaSparkContext spark,
      EpochPlan plan,
      JavaPairRDD<Long, T> placed,
      ObjectReader<T> reader,
      Broadcast<Dl4jNetwork.Architecture> architecture) {}

  private <T> List<Long> count(JavaSparkContext spark, JavaRDD<T> data) {
    long countStart = System.currentTimeMillis();
    List<Long> counts =
        SparkJobs.run(
            spark,
            "count the training data",
            settings.roundDeadline(),
            "Builder.roundDeadline",
            data.mapPartitions(new CountObjects<T>())::collect);
    note(Phase.COUNT, countStart);
    long objects = counts.stream().mapToLong(Long::longValue).sum();
    if (objects == 0) {
      throw new IllegalArgumentException("Cannot train: the RDD of training data is empty");
    }
    if (objects > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          String.format(
              "Cannot train: %s objects in the RDD of training data (must be <= %s): put more"
                  + " examples into each",
              objects, Integer.MAX_VALUE));
    }
    return counts;
  }

  private <T> void run(Epoch<T> epoch, Dl4jNetwork network, int index, DoubleConsumer score) {
    JavaSparkContext spark = epoch.spark();
    EpochPlan plan = epoch.plan();
    float[] updaterState =
        settings.optimizerState() == OptimizerStatePolicy.AVERAGE
            ? network.updaterState()
            : new float[0];
    RoundState start =
        new RoundState(new FloatVector(network.parameters()), new FloatVector(updaterState));
    long broadcastStart = System.currentTimeMillis();
    Broadcast<RoundState> state = spark.broadcast(start);
    note(Phase.BROADCAST, broadcastStart);
    EpochPlan.Round round = plan.round(0, index * ByRoundAndWorker.objectsPerRound(plan));
    long[] objects =
        IntStream.range(0, plan.workers())
            .mapToLong(worker -> plan.share(round, worker).count())
            .toArray();
    LocalFit<T> steps =
        new LocalFit<>(
            epoch.architecture(),
            state,
            epoch.reader(),
            settings,
            hooks,
            network.iteration(),
            network.epoch(),
            objects);
    String what =
        String.format(
            "dl4j: round %s of %s of an epoch", index + 1, ByRoundAndWorker.roundsPerEpoch(plan));
    long aggregateStart = System.currentTimeMillis();
    List<Contribution> results;
    try {
      results =
          new AveragingRound(
                  spark,
                  "phiscale-dl4j",
                  settings.roundDeadline(),
                  "Builder.roundDeadline",
                  "The network is as it was before the round")
              .run(
                  index + 1,
                  what,
                  Slices.of(start),
                  state,
                  plan.workers(),
                  () ->
                      JavaPairRDD.fromJavaRDD(
                          partitions(epoch, index).mapPartitionsWithIndex(steps, false)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted in round " + (index + 1), e);
    }
    note(Phase.AGGREGATE, aggregateStart);
    long takeStart = System.currentTimeMillis();
    score.accept(take(network, start, results, index));
    note(Phase.PROCESS_PARAMETERS, takeStart);
    network.tell(listeners);
  }

  private static <T> JavaRDD<Tuple2<Long, T>> partitions(Epoch<T> epoch, int round) {
    ClassTag<Tuple2<Long, T>> tag = ClassTag$.MODULE$.apply(Tuple2.class);
    return JavaRDD.fromRDD(
        new PartitionPruningRDD<>(
            epoch.placed().rdd(), new ByRoundAndWorker.OfRound(round, epoch.plan().workers()), tag),
        tag);
  }

  /** The network takes over what a round gave; returns the mean loss. */
  private static double take(
      Dl4jNetwork network, RoundState start, List<Contribution> results, int index) {
    List<Report> reports =
        results.stream()
            .filter(Report.class::isInstance)
            .map(Report.class::cast)
            .sorted(Comparator.comparingInt(Report::worker))
            .toList();
    for (Report report : reports) {
      if (report.divergence() != null) {
        throw new TrainingDivergedException(
            report.divergence().what(),
            report.worker(),
            index + 1,
            report.divergence().step() + 1,
            "The network keeps the parameters of the last averaging");
      }
    }
    float[] parameters = new float[start.parameters().length()];
    float[] updaterState = new float[start.optimizerState().length()];
    Slices.of(start).assemble(results, parameters, updaterState);
    network.load(parameters, updaterState);
    double mean =
        reports.stream().mapToDouble(Report::lossSum).sum()
            / reports.stream().mapToLong(Report::examples).sum();
    network.advance(reports.stream().mapToInt(Report::steps).max().orElseThrow(), mean);
    return mean;
  }

  private void note(Phase phase, long startMillis) {
    if (stats != null) {
      stats.ended(phase, startMillis);
    }
  }
}
