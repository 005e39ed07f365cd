package io.phiscale.jobs.dl4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.support.EmbeddedS3;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.train.TrainingDivergedException;
import java.io.OutputStream;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.graph.util.ComputationGraphUtil;
import org.deeplearning4j.optimize.api.BaseTrainingListener;
import org.deeplearning4j.spark.api.RDDTrainingApproach;
import org.deeplearning4j.spark.api.Repartition;
import org.deeplearning4j.spark.api.RepartitionStrategy;
import org.deeplearning4j.spark.api.TrainingHook;
import org.deeplearning4j.spark.api.TrainingMaster;
import org.deeplearning4j.spark.impl.graph.SparkComputationGraph;
import org.deeplearning4j.spark.impl.multilayer.SparkDl4jMultiLayer;
import org.deeplearning4j.spark.impl.paramavg.ParameterAveragingTrainingMaster;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.evaluation.classification.Evaluation;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.Sgd;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Ordinary graphs of Deeplearning4j, trained as programs of dl4j-spark train them. */
class PhiscaleTrainingMasterTest {
  private static final int FEATURES = 4;
  private static final int CLASSES = 3;

  @TempDir static Path folder;
  private static SparkSession session;
  private static JavaSparkContext spark;

  @BeforeAll
  static void open() {
    session = LocalSpark.open(LocalSpark.configuration(folder, Map.of()));
    spark = new JavaSparkContext(session.sparkContext());
  }

  @AfterAll
  static void close() {
    session.close();
  }

  /** Points around one centre a class. */
  private static List<DataSet> examples(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<DataSet> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = random.nextInt(CLASSES);
      float[] features = new float[FEATURES];
      for (int j = 0; j < FEATURES; j++) {
        features[j] = (float) ((j == label ? 2 : 0) + random.nextGaussian() * 0.5);
      }
      float[] labels = new float[CLASSES];
      labels[label] = 1;
      examples.add(
          new DataSet(
              Nd4j.createFromArray(features).reshape(1, FEATURES),
              Nd4j.createFromArray(labels).reshape(1, CLASSES)));
    }
    return examples;
  }

  private static NeuralNetConfiguration.Builder start(IUpdater updater) {
    return new NeuralNetConfiguration.Builder().seed(7).updater(updater).l2(1e-4);
  }

  private static OutputLayer output(int inputs) {
    return new OutputLayer.Builder(LossFunction.MCXENT)
        .nIn(inputs)
        .nOut(CLASSES)
        .activation(Activation.SOFTMAX)
        .build();
  }

  private static DenseLayer hidden() {
    return new DenseLayer.Builder().nIn(FEATURES).nOut(8).activation(Activation.TANH).build();
  }

  private static ComputationGraphConfiguration graph(IUpdater updater) {
    return start(updater)
        .graphBuilder()
        .addInputs("in")
        .addLayer("hidden", hidden(), "in")
        .addLayer("out", output(8), "hidden")
        .setOutputs("out")
        .build();
  }

  /** With dropout and batch norm: random numbers, and parameters that are statistics. */
  private static ComputationGraphConfiguration graphWithDropout() {
    return start(new Adam(0.01))
        .dropOut(0.8)
        .graphBuilder()
        .addInputs("in")
        .addLayer("hidden", hidden(), "in")
        .addLayer("norm", new BatchNormalization.Builder().nIn(8).nOut(8).build(), "hidden")
        .addLayer("out", output(8), "norm")
        .setOutputs("out")
        .build();
  }

  private static PhiscaleTrainingMaster.Builder master(int workers) {
    return new PhiscaleTrainingMaster.Builder(workers, 1)
        .batchSizePerWorker(8)
        .averagingFrequency(2);
  }

  private static float[] fit(
      ComputationGraphConfiguration conf,
      TrainingMaster<?, ?> master,
      JavaRDD<DataSet> data,
      int epochs) {
    SparkComputationGraph network = new SparkComputationGraph(spark, conf, master);
    for (int epoch = 0; epoch < epochs; epoch++) {
      network.fit(data);
    }
    return network.getNetwork().params().toFloatVector();
  }

  private static double accuracy(ComputationGraph network, List<DataSet> examples) {
    DataSet all = DataSet.merge(examples);
    Evaluation evaluation = new Evaluation(CLASSES);
    evaluation.eval(all.getLabels(), network.outputSingle(all.getFeatures()));
    return evaluation.accuracy();
  }

  /** What a user's program does; only the master differs. */
  private static double program(TrainingMaster<?, ?> master) {
    JavaRDD<DataSet> data = spark.parallelize(examples(400, 1), 3);
    SparkComputationGraph network =
        new SparkComputationGraph(spark, graph(new Nesterovs(0.1, 0.9)), master);
    for (int epoch = 0; epoch < 3; epoch++) {
      network.fit(data);
    }
    return accuracy(network.getNetwork(), examples(300, 2));
  }

  @Test
  void aProgramOfDl4jSparkChangesOneConstructor() {
    assertThat(
            program(
                new ParameterAveragingTrainingMaster.Builder(2, 1)
                    .batchSizePerWorker(10)
                    .averagingFrequency(10)
                    .workerPrefetchNumBatches(0)
                    .saveUpdater(true)
                    .rngSeed(1)
                    .rddTrainingApproach(RDDTrainingApproach.Direct)
                    .build()))
        .isGreaterThan(0.9);
    assertThat(
            program(
                new PhiscaleTrainingMaster.Builder(2, 1)
                    .batchSizePerWorker(10)
                    .averagingFrequency(10)
                    .workerPrefetchNumBatches(0)
                    .saveUpdater(true)
                    .rngSeed(1)
                    .rddTrainingApproach(RDDTrainingApproach.Direct)
                    .build()))
        .isGreaterThan(0.9);
  }

  /** Every method that the original's builder has, so that any program of it compiles. */
  @Test
  void theBuilderHasTheMethodsOfTheOriginal() {
    for (Method method : ParameterAveragingTrainingMaster.Builder.class.getMethods()) {
      if (method.getDeclaringClass() == ParameterAveragingTrainingMaster.Builder.class) {
        assertThat(PhiscaleTrainingMaster.Builder.class)
            .satisfies(
                builder ->
                    assertThat(
                            builder
                                .getMethod(method.getName(), method.getParameterTypes())
                                .getReturnType())
                        .isEqualTo(
                            method.getName().equals("build")
                                ? PhiscaleTrainingMaster.class
                                : PhiscaleTrainingMaster.Builder.class));
      }
    }
    assertThat(parameters(PhiscaleTrainingMaster.Builder.class))
        .containsExactlyInAnyOrderElementsOf(
            parameters(ParameterAveragingTrainingMaster.Builder.class));
  }

  private static List<List<Class<?>>> parameters(Class<?> builder) {
    return Stream.of(builder.getConstructors())
        .map(constructor -> List.of(constructor.getParameterTypes()))
        .toList();
  }

  @Test
  void whatMovesDataElsewhereChangesNoResultHere() {
    List<DataSet> examples = examples(40, 12);
    float[] expected =
        fit(graph(new Adam(0.01)), master(2).build(), spark.parallelize(examples, 3), 1);
    PhiscaleTrainingMaster.Builder builder =
        master(2)
            .rddTrainingApproach(RDDTrainingApproach.Export)
            .exportDirectory(folder.resolve("export").toUri().toString())
            .repartionData(Repartition.Always)
            .repartitionStrategy(RepartitionStrategy.Balanced)
            .aggregationDepth(3)
            .storageLevelStreams(StorageLevel.MEMORY_ONLY());

    assertThat(fit(graph(new Adam(0.01)), builder.build(), spark.parallelize(examples, 3), 1))
        .containsExactly(expected);
    assertThat(folder.resolve("export")).doesNotExist();
  }

  @Test
  void keptDataAreComputedOnceAFit() {
    List<DataSet> examples = examples(40, 13);
    LongAccumulator computed = spark.sc().longAccumulator("computed");
    JavaRDD<DataSet> data = spark.parallelize(examples, 3).map(new Computed(computed));
    float[] expected = fit(graph(new Adam(0.01)), master(2).build(), data, 1);
    assertThat(computed.value()).as("counted, then shuffled").isEqualTo(80);

    computed.reset();
    assertThat(
            fit(
                graph(new Adam(0.01)),
                master(2).storageLevel(StorageLevel.DISK_ONLY()).build(),
                data,
                1))
        .containsExactly(expected);
    assertThat(computed.value()).isEqualTo(40);
    assertThat(data.getStorageLevel()).as("afterwards").isEqualTo(StorageLevel.NONE());

    // What the program has cached stays so.
    data.persist(StorageLevel.MEMORY_ONLY_SER());
    fit(graph(new Adam(0.01)), master(2).storageLevel(StorageLevel.DISK_ONLY()).build(), data, 1);
    assertThat(data.getStorageLevel()).isEqualTo(StorageLevel.MEMORY_ONLY_SER());
    data.unpersist();
  }

  /** Counts how often an example is computed. */
  private record Computed(LongAccumulator count) implements Function<DataSet, DataSet> {
    @Override
    public DataSet call(DataSet example) {
      count.add(1);
      return example;
    }
  }

  @Test
  void oneStepOfSgdEqualsOneMachineOnTheUnionBatch() {
    List<DataSet> examples = examples(37, 3);
    ComputationGraph alone = new ComputationGraph(graph(new Sgd(0.5)));
    alone.init();
    for (int epoch = 0; epoch < 6; epoch++) {
      alone.fit(DataSet.merge(examples));
    }

    float[] together =
        fit(
            graph(new Sgd(0.5)),
            // 37 examples for 3 workers: 12, 12 and 13, weighted so.
            master(3).batchSizePerWorker(13).averagingFrequency(1).build(),
            spark.parallelize(examples, 4),
            6);

    assertThat(together).containsExactly(alone.params().toFloatVector(), within(2e-6f));
  }

  @Test
  void theResultDependsNeitherOnPartitionsNorOnTheRun() {
    List<DataSet> examples = examples(101, 4);

    float[] expected =
        fit(graphWithDropout(), master(3).build(), spark.parallelize(examples, 1), 2);

    assertThat(fit(graphWithDropout(), master(3).build(), spark.parallelize(examples, 1), 2))
        .containsExactly(expected);
    // More partitions than examples: most have none.
    for (int partitions : new int[] {4, 150}) {
      assertThat(
              fit(
                  graphWithDropout(),
                  master(3).build(),
                  spark.parallelize(examples, partitions),
                  2))
          .containsExactly(expected);
    }
    assertThat(
            fit(
                graphWithDropout(),
                master(3).rngSeed(1).build(),
                spark.parallelize(examples, 1),
                2))
        .isNotEqualTo(expected);
  }

  @Test
  void everyExampleIsTrainedOnOnceAnEpochWhateverDivides() {
    // Objects of 1 to 5 examples; 3 announced; batches of 4.
    List<DataSet> examples = examples(60, 5);
    List<DataSet> objects = new ArrayList<>();
    for (int from = 0, size = 1; from < 60; from += size, size = size % 5 + 1) {
      objects.add(DataSet.merge(examples.subList(from, Math.min(60, from + size))));
    }
    CountingHook.reset();

    fit(
        graph(new Sgd(0.1)),
        new PhiscaleTrainingMaster.Builder(2, 3)
            .batchSizePerWorker(4)
            .averagingFrequency(2)
            .trainingHooks(new CountingHook())
            .build(),
        spark.parallelize(objects, 3),
        1);

    assertThat(CountingHook.SIZES.stream().mapToInt(Integer::intValue).sum()).isEqualTo(60);
    assertThat(CountingHook.SIZES).allMatch(size -> size <= 4);
  }

  @Test
  void moreWorkersThanExamples() {
    List<DataSet> examples = examples(3, 6);
    float[] five = fit(graph(new Adam(0.01)), master(5).build(), spark.parallelize(examples, 2), 1);
    float[] three =
        fit(graph(new Adam(0.01)), master(3).build(), spark.parallelize(examples, 2), 1);

    assertThat(five).containsExactly(three);
  }

  @Test
  void updaterStateAndCountersGoOnInTheNetwork() {
    List<DataSet> examples = examples(64, 7);
    SparkComputationGraph averaged =
        new SparkComputationGraph(spark, graph(new Adam(0.01)), master(2).build());
    averaged.fit(spark.parallelize(examples, 2));
    SparkComputationGraph reset =
        new SparkComputationGraph(
            spark,
            graph(new Adam(0.01)),
            master(2).optimizerState(OptimizerStatePolicy.RESET).build());
    reset.fit(spark.parallelize(examples, 2));

    // 64 examples, 2 workers, batches of 8: 4 steps of each.
    assertThat(averaged.getNetwork().getConfiguration().getIterationCount()).isEqualTo(4);
    assertThat(averaged.getNetwork().getConfiguration().getEpochCount()).isEqualTo(1);
    assertThat(averaged.getNetwork().updaterState().norm2Number().doubleValue()).isPositive();
    assertThat(averaged.getScore()).isEqualTo(averaged.getNetwork().score()).isBetween(0.1, 3.0);
    assertThat(reset.getNetwork().updaterState().norm2Number().doubleValue()).isZero();
    assertThat(reset.getNetwork().params()).isNotEqualTo(averaged.getNetwork().params());
  }

  @Test
  void multiDataSetsAndStacksOfLayers() {
    List<DataSet> examples = examples(101, 8);
    List<MultiDataSet> multi = new ArrayList<>();
    examples.forEach(example -> multi.add(ComputationGraphUtil.toMultiDataSet(example)));
    float[] expected =
        fit(graph(new Nesterovs(0.1, 0.9)), master(2).build(), spark.parallelize(examples, 3), 1);
    SparkComputationGraph graph =
        new SparkComputationGraph(spark, graph(new Nesterovs(0.1, 0.9)), master(2).build());
    MultiLayerConfiguration layers =
        start(new Nesterovs(0.1, 0.9)).list().layer(hidden()).layer(output(8)).build();
    SparkDl4jMultiLayer stack = new SparkDl4jMultiLayer(spark, layers, master(2).build());

    assertThat(graph.fitMultiDataSet(spark.parallelize(multi, 2)).params().toFloatVector())
        .containsExactly(expected);
    assertThat(stack.fit(spark.parallelize(examples, 2)).params().toFloatVector())
        .containsExactly(expected);
    assertThat(stack.getScore()).isEqualTo(graph.getScore());
  }

  @Test
  void filesHereAndInAnObjectStore() throws Exception {
    List<DataSet> objects = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      objects.add(DataSet.merge(examples(5, 100 + i)));
    }
    Path local = Files.createDirectories(folder.resolve("objects"));
    List<String> here = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      Path file = local.resolve("object-" + i + ".bin");
      objects.get(i).save(file.toFile());
      here.add(file.toUri().toString());
    }
    PhiscaleTrainingMaster.Builder master =
        new PhiscaleTrainingMaster.Builder(2, 5).batchSizePerWorker(4).averagingFrequency(3);
    float[] expected = fit(graph(new Adam(0.01)), master.build(), spark.parallelize(objects, 2), 1);

    for (int ahead : new int[] {0, 2}) {
      SparkComputationGraph network =
          new SparkComputationGraph(
              spark, graph(new Adam(0.01)), master.workerPrefetchNumBatches(ahead).build());
      assertThat(network.fitPaths(spark.parallelize(here, 3)).params().toFloatVector())
          .containsExactly(expected);
    }
    try (EmbeddedS3 store = new EmbeddedS3(folder.resolve("s3"))) {
      Configuration hadoop = spark.hadoopConfiguration();
      LocalSpark.configuration(folder, store.configuration())
          .storage()
          .hadoopProperties()
          .forEach(hadoop::set);
      List<String> there = new ArrayList<>();
      for (int i = 0; i < 9; i++) {
        org.apache.hadoop.fs.Path file =
            new org.apache.hadoop.fs.Path(EmbeddedS3.uri("object-" + i + ".bin"));
        try (OutputStream out = file.getFileSystem(hadoop).create(file)) {
          objects.get(i).save(out);
        }
        there.add(file.toString());
      }
      SparkComputationGraph network =
          new SparkComputationGraph(spark, graph(new Adam(0.01)), master.build());
      assertThat(network.fitPaths(spark.parallelize(there, 3)).params().toFloatVector())
          .containsExactly(expected);
    }
    for (int ahead : new int[] {0, 2}) {
      SparkComputationGraph network =
          new SparkComputationGraph(
              spark, graph(new Adam(0.01)), master.workerPrefetchNumBatches(ahead).build());
      assertThatThrownBy(() -> network.fitPaths(spark.parallelize(List.of("file:/no/such.bin"))))
          .hasMessage("Round 1 failed")
          .rootCause()
          .hasMessageContaining("/no/such.bin");
    }
  }

  @Test
  void whatIsNotFiniteStopsTheTrainingAndLeavesTheNetwork() {
    List<DataSet> examples = examples(32, 9);
    examples.get(17).getFeatures().putScalar(0, Float.NaN);
    SparkComputationGraph network =
        new SparkComputationGraph(
            spark, graph(new Sgd(0.1)), master(2).averagingFrequency(1).build());
    float[] before = network.getNetwork().params().toFloatVector();

    assertThatThrownBy(() -> network.fit(spark.parallelize(examples, 2)))
        .isInstanceOf(TrainingDivergedException.class)
        .hasMessageMatching(
            "Training diverged: loss not finite on worker [01] in round [12], local step 1\\."
                + " The network keeps the parameters of the last averaging");
    assertThat(Nd4j.createFromArray(network.getNetwork().params().toFloatVector()).isNaN().any())
        .isFalse();
    assertThat(before).doesNotContain(Float.NaN);
  }

  @Test
  void aRoundHasADeadline() {
    SparkComputationGraph network =
        new SparkComputationGraph(
            spark, graph(new Sgd(0.1)), master(2).roundDeadline(Duration.ofMillis(1)).build());

    assertThatThrownBy(() -> network.fit(spark.parallelize(examples(32, 10), 2)))
        .isInstanceOf(IllegalStateException.class)
        .message()
        .containsPattern(
            "^(Round 1 did not end|count the training data: no task ended) within PT0.001S"
                + " \\(Builder.roundDeadline\\)");
  }

  @Test
  void listenersHearOfEveryAveragingAndStatisticsAreTimes() {
    List<Integer> heard = new ArrayList<>();
    PhiscaleTrainingMaster master = master(2).collectTrainingStats(true).build();
    SparkComputationGraph network = new SparkComputationGraph(spark, graph(new Sgd(0.1)), master);
    network.setListeners(
        new BaseTrainingListener() {
          @Override
          public void iterationDone(Model model, int iteration, int epoch) {
            assertThat(model).isSameAs(network.getNetwork());
            heard.add(iteration);
          }
        });

    network.fit(spark.parallelize(examples(96, 11), 2));

    // Three rounds of two steps.
    assertThat(heard).containsExactly(2, 4, 6);
    assertThat(network.getSparkTrainingStats().statsAsString()).contains("Aggregate");
    assertThat(network.getSparkTrainingStats().getValue("ParameterAveragingMasterAggregateTimesMs"))
        .hasSize(3)
        .allMatch(event -> event.getDurationMs() >= 0);
    network.setCollectTrainingStats(false);
    assertThat(network.getSparkTrainingStats()).isNull();
  }

  @Test
  void settingsAsText() {
    PhiscaleTrainingMaster master =
        master(2)
            .optimizerState(OptimizerStatePolicy.RESET)
            .workerPrefetchNumBatches(3)
            .rngSeed(-5)
            .roundDeadline(Duration.ofMinutes(3))
            .storageLevel(StorageLevel.MEMORY_AND_DISK_SER_2())
            .build();

    assertThat(master.toJson())
        .contains("\"averagingFrequency\" : 2", "\"PT3M\"", "\"disk, memory, 2 replicas\"");
    assertThat(PhiscaleTrainingMaster.fromJson(master(2).build().toJson()).toJson())
        .contains("\"storageLevel\" : \"\"");
    assertThatThrownBy(
            () -> PhiscaleTrainingMaster.fromJson(master.toJson().replace("disk, ", "tape, ")))
        .hasMessage(
            "Invalid storageLevel: tape, memory, 2 replicas (must be empty, or as \"disk, memory, 1"
                + " replicas\")");
    assertThat(PhiscaleTrainingMaster.fromJson(master.toJson()).toJson())
        .isEqualTo(master.toJson());
    assertThat(PhiscaleTrainingMaster.fromYaml(master.toYaml()).toJson())
        .isEqualTo(master.toJson());
    assertThatThrownBy(
            () -> PhiscaleTrainingMaster.fromJson(master.toJson().replace("seed", "sead")))
        .hasMessage("Cannot read the training master's settings: no value of seed");
    assertThatThrownBy(
            () ->
                PhiscaleTrainingMaster.fromJson(
                    master.toJson().replace("\"seed\"", "\"x\" : 1, \"seed\"")))
        .hasMessage("Cannot read the training master's settings: unknown [x]");
    assertThatThrownBy(() -> PhiscaleTrainingMaster.fromJson("{"))
        .hasMessageStartingWith("Cannot read the training master's settings: ");
    assertThatThrownBy(
            () -> PhiscaleTrainingMaster.fromJson(master.toJson().replace("RESET", "KEEP")))
        .hasMessage("Invalid optimizerState: KEEP (must be AVERAGE or RESET)");
  }

  @Test
  void refusals() {
    assertThatThrownBy(() -> new PhiscaleTrainingMaster.Builder(0, 1))
        .hasMessage("Invalid number of workers: 0 (must be > 0)");
    assertThatThrownBy(() -> new PhiscaleTrainingMaster.Builder(0).build())
        .hasMessage("Invalid number of examples per object: 0 (must be >= 1)");
    assertThatThrownBy(() -> master(1).batchSizePerWorker(0).build())
        .hasMessage("Invalid batch size per worker: 0 (must be >= 1)");
    assertThatThrownBy(() -> master(1).averagingFrequency(0).build())
        .hasMessage("Invalid averaging frequency: 0 (must be >= 1)");
    assertThatThrownBy(() -> master(1).workerPrefetchNumBatches(-1).build())
        .hasMessage("Invalid number of prefetched batches: -1 (must be >= 0)");
    assertThatThrownBy(() -> master(1).roundDeadline(Duration.ZERO).build())
        .hasMessage("Invalid round deadline: PT0S (must be > 0)");
    SparkComputationGraph network =
        new SparkComputationGraph(spark, graph(new Sgd(0.1)), master(1).build());
    assertThatThrownBy(() -> network.fit(spark.parallelize(List.<DataSet>of(), 2)))
        .hasMessage("Cannot train: the RDD of training data is empty");
    assertThatThrownBy(() -> network.getTrainingMaster().getWorkerInstance(network))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageStartingWith("Cannot give a TrainingWorker: ");
    ComputationGraphConfiguration doubles = graph(new Sgd(0.1));
    doubles.setDataType(DataType.DOUBLE);
    SparkComputationGraph wide = new SparkComputationGraph(spark, doubles, master(1).build());
    assertThatThrownBy(() -> wide.fit(spark.parallelize(examples(3, 1), 1)))
        .hasMessage("Invalid data type of the network: DOUBLE (must be FLOAT)");
  }

  /** Partitions and shares agree for every place of the order. */
  @Test
  void placesBelongToTheSharesOfThePlan() {
    for (int objects = 1; objects < 70; objects++) {
      io.phiscale.jobs.train.EpochPlan plan =
          new io.phiscale.jobs.train.EpochPlan(
              objects, 5, new io.phiscale.jobs.train.LocalSteps.Constant(3), 1);
      ByRoundAndWorker partitioner = new ByRoundAndWorker(plan);
      for (int round = 0; round < ByRoundAndWorker.roundsPerEpoch(plan); round++) {
        for (int worker = 0; worker < 5; worker++) {
          io.phiscale.jobs.train.EpochPlan.Share share =
              plan.share(plan.round(0, round * ByRoundAndWorker.objectsPerRound(plan)), worker);
          int partition = round * 5 + worker;
          assertThat(IntStream.range((int) share.start(), (int) (share.start() + share.count())))
              .allMatch(place -> partitioner.getPartition((long) place) == partition);
        }
      }
    }
  }

  /** Counts the examples of every step, in this JVM. */
  private static final class CountingHook implements TrainingHook {
    private static final long serialVersionUID = 1L;
    static final List<Integer> SIZES = new java.util.concurrent.CopyOnWriteArrayList<>();

    static void reset() {
      SIZES.clear();
    }

    @Override
    public void preUpdate(org.nd4j.linalg.dataset.api.DataSet minibatch, Model model) {}

    @Override
    public void postUpdate(org.nd4j.linalg.dataset.api.DataSet minibatch, Model model) {}

    @Override
    public void preUpdate(MultiDataSet minibatch, Model model) {}

    @Override
    public void postUpdate(MultiDataSet minibatch, Model model) {
      SIZES.add((int) minibatch.getFeatures(0).size(0));
    }
  }
}
