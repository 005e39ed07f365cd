package io.phiscale.model.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.layers.StepContext;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.NetworkCounts;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Kind;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.Sgd;

class EfficientNetsTest {

  private static final BaseNetwork SMALL =
      BaseNetwork.of(
          "small",
          4,
          2,
          List.of("r1_k3_s11_e1_i4_o4_se0.25", "r2_k5_s22_e2_i4_o6_se0.25", "r2_k3_s11_e2_i6_o6"),
          8,
          12,
          0.2);

  private static NetworkSpec small(Padding padding) {
    return NetworkSpec.of(SMALL, CompoundScaling.EFFICIENTNET, 0, 3)
        .withPadding(padding)
        .withBatchNorm(new BatchNormConvention(1e-3, 0.9));
  }

  /** Values that depend on the seed and the place alone, in [-1, 1). */
  private static INDArray images(DataType type, long seed, int batch, NetworkSpec spec) {
    int px = spec.resolutionPx();
    double[] values = new double[batch * px * px * spec.inputChannels()];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.sin(seed * 7.1 + i * 12.9898) * 0.8 + Math.cos(i * 0.37 + seed) * 0.2;
    }
    return Nd4j.createFromArray(values).castTo(type).reshape(batch, px, px, spec.inputChannels());
  }

  private static INDArray labels(DataType type, int batch, int classes) {
    INDArray labels = Nd4j.zeros(type, batch, classes);
    for (int i = 0; i < batch; i++) {
      labels.putScalar(i, i % classes, 1);
    }
    return labels;
  }

  private static StepContext context() {
    return new StepContext(Kernels.create(Kernels.ND4J));
  }

  private static double gradientStep(ComputationGraph graph, INDArray features, INDArray labels) {
    graph.setInput(0, features);
    graph.setLabels(labels);
    graph.computeGradientAndScore();
    return graph.score();
  }

  private static double[] vector(INDArray array) {
    return array.reshape(array.length()).dup().toDoubleVector();
  }

  /** Steps the flat vectors as an optimizer does: rate 1 for running statistics. */
  private static void descend(ComputationGraph graph, double rate) {
    INDArray parameters = graph.params().reshape(graph.numParams());
    INDArray gradients = graph.getFlattenedGradients().reshape(graph.numParams());
    for (Segment segment : EfficientNets.parameterLayout(graph).segments()) {
      var range = NDArrayIndex.interval(segment.offset(), segment.offset() + segment.length());
      parameters
          .get(range)
          .subi(gradients.get(range).mul(segment.kind().runningStatistic() ? 1 : rate));
    }
  }

  @ParameterizedTest
  @EnumSource(EfficientNetVariant.class)
  void everyVariantBuildsWithTheCountedParameters(EfficientNetVariant variant) {
    NetworkSpec spec = NetworkSpec.efficientNet(variant, 1000).withResolutionPx(32);
    NetworkCounts counts = NetworkCounts.of(spec);
    ComputationGraph graph = EfficientNets.build(spec, 1);
    assertThat(graph.numParams()).isEqualTo(counts.parameters() + counts.runningStatistics());
    ParameterLayout layout = EfficientNets.parameterLayout(graph);
    assertThat(layout.length()).isEqualTo(graph.numParams());
    assertThat(layout.trainableLength()).isEqualTo(counts.parameters());
    INDArray scores = EfficientNets.logits(graph, images(DataType.FLOAT, 1, 1, spec));
    assertThat(scores.shape()).containsExactly(1, 1000);
    assertThat(scores.isNaN().any() || scores.isInfinite().any()).isFalse();
    graph.params().close();
  }

  @Test
  void b0TakesATrainingStep() {
    NetworkSpec spec = NetworkSpec.efficientNet(EfficientNetVariant.B0, 10).withResolutionPx(48);
    try (StepContext context = context()) {
      ComputationGraph graph = EfficientNets.build(spec, 1);
      EfficientNets.use(graph, context);
      context.setStepSeed(5);
      double loss =
          gradientStep(graph, images(DataType.FLOAT, 1, 4, spec), labels(DataType.FLOAT, 4, 10));
      assertThat(loss).isBetween(1.5, 4.0);
      INDArray gradients = graph.getFlattenedGradients();
      assertThat(gradients.isNaN().any() || gradients.isInfinite().any()).isFalse();
      for (Segment segment : EfficientNets.parameterLayout(graph).segments()) {
        double size =
            gradients
                .reshape(gradients.length())
                .get(NDArrayIndex.interval(segment.offset(), segment.offset() + segment.length()))
                .norm2Number()
                .doubleValue();
        assertThat(size).as(segment.name()).isPositive();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Padding.class)
  void gradientsEqualDifferencesOfTheLoss(Padding padding) {
    NetworkSpec spec = small(padding);
    ComputationGraph graph =
        EfficientNets.build(EfficientNets.configuration(spec, 3, 0.1, new NoOp(), DataType.DOUBLE));
    INDArray features = images(DataType.DOUBLE, 2, 4, spec);
    INDArray labels = labels(DataType.DOUBLE, 4, 3);
    try (StepContext context = context()) {
      EfficientNets.use(graph, context);
      // With a seed under which some images skip a block and others do not.
      context.setStepSeed(11);
      gradientStep(graph, features, labels);
      INDArray gradients = graph.getFlattenedGradients().dup().reshape(graph.numParams());
      INDArray parameters = graph.params().reshape(graph.numParams());
      double epsilon = 1e-5;
      for (Segment segment : EfficientNets.parameterLayout(graph).segments()) {
        if (segment.kind().runningStatistic()) {
          continue;
        }
        // Along one direction per segment, in which every element takes part.
        var range = NDArrayIndex.interval(segment.offset(), segment.offset() + segment.length());
        double[] directions = new double[segment.length()];
        for (int i = 0; i < directions.length; i++) {
          directions[i] = Math.sin(1 + 2.3 * i);
        }
        INDArray direction = Nd4j.createFromArray(directions).muli(epsilon);
        INDArray part = parameters.get(range);
        INDArray original = part.dup();
        double above = loss(graph, features, labels, part, original.add(direction));
        double below = loss(graph, features, labels, part, original.sub(direction));
        part.assign(original);
        double expected = (above - below) / (2 * epsilon);
        double actual = gradients.get(range).mul(direction).sumNumber().doubleValue() / epsilon;
        assertThat(actual)
            .as(segment.name())
            .isCloseTo(expected, within(1e-6 + 1e-5 * Math.abs(expected)));
      }
    }
  }

  private static double loss(
      ComputationGraph graph, INDArray features, INDArray labels, INDArray part, INDArray values) {
    part.assign(values);
    return gradientStep(graph, features, labels);
  }

  @Test
  void runningStatisticsMoveTowardsThoseOfTheBatch() {
    NetworkSpec spec = small(Padding.SAME);
    ComputationGraph graph = EfficientNets.build(spec, 3);
    INDArray features = images(DataType.FLOAT, 2, 4, spec);
    gradientStep(graph, features, labels(DataType.FLOAT, 4, 3));
    INDArray before = graph.params().dup().reshape(graph.numParams());
    descend(graph, 0);
    INDArray after = graph.params().reshape(graph.numParams());

    // The stem's batch mean and variance, by its weights and a plain loop.
    INDArray weights = graph.getLayer(0).getParam("W");
    int px = 12;
    int outputs = (int) weights.size(3);
    int out = px / 2;
    double[] sum = new double[outputs];
    double[] squares = new double[outputs];
    for (int n = 0; n < 4; n++) {
      for (int y = 0; y < out; y++) {
        for (int x = 0; x < out; x++) {
          for (int o = 0; o < outputs; o++) {
            double value = 0;
            for (int j = 0; j < 3; j++) {
              for (int i = 0; i < 3; i++) {
                int row = 2 * y + j;
                int column = 2 * x + i;
                if (row < px && column < px) {
                  for (int c = 0; c < 3; c++) {
                    value += weights.getDouble(j, i, c, o) * features.getDouble(n, row, column, c);
                  }
                }
              }
            }
            sum[o] += value;
            squares[o] += value * value;
          }
        }
      }
    }
    int count = 4 * out * out;
    ParameterLayout layout = EfficientNets.parameterLayout(graph);
    for (Segment segment : layout.segments()) {
      if (!segment.name().startsWith("stem/")) {
        continue;
      }
      for (int o = 0; o < segment.length(); o++) {
        double moved = after.getDouble(segment.offset() + o);
        if (segment.kind() == Kind.RUNNING_MEAN) {
          assertThat(moved).isCloseTo(0.1 * sum[o] / count, within(1e-5));
        } else if (segment.kind() == Kind.RUNNING_VARIANCE) {
          double mean = sum[o] / count;
          double variance = (squares[o] - count * mean * mean) / (count - 1);
          assertThat(moved).isCloseTo(0.9 + 0.1 * variance, within(1e-5));
        } else {
          assertThat(moved).isEqualTo(before.getDouble(segment.offset() + o));
        }
      }
    }
  }

  @Test
  void lossFallsOnOneBatch() {
    NetworkSpec spec = NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 4);
    try (StepContext context = context()) {
      ComputationGraph graph = EfficientNets.build(spec, 3);
      EfficientNets.use(graph, context);
      INDArray features = images(DataType.FLOAT, 2, 8, spec);
      INDArray labels = labels(DataType.FLOAT, 8, 4);
      double first = 0;
      double last = 0;
      for (int step = 0; step < 20; step++) {
        context.setStepSeed(step);
        last = gradientStep(graph, features, labels);
        if (step == 0) {
          first = last;
        }
        descend(graph, 0.1);
      }
      assertThat(first).isBetween(1.0, 2.5);
      assertThat(last).isLessThan(0.7 * first);
    }
  }

  @Test
  void stockFitDoesTheSameAsStepsOfTheFlatVector() {
    NetworkSpec spec = small(Padding.SYMMETRIC);
    INDArray features = images(DataType.FLOAT, 2, 4, spec);
    INDArray labels = labels(DataType.FLOAT, 4, 3);
    ComputationGraph stock =
        EfficientNets.build(
            EfficientNets.configuration(spec, 3, 0.1, new Sgd(0.05), DataType.FLOAT));
    ComputationGraph own = EfficientNets.build(spec, 3);
    for (int step = 0; step < 3; step++) {
      stock.fit(new DataSet(features, labels));
      own.getConfiguration().setIterationCount(step);
      gradientStep(own, features, labels);
      descend(own, 0.05);
    }
    assertThat(stock.params().equalsWithEps(own.params(), 1e-6)).isTrue();
    assertThat(stock.params().equalsWithEps(EfficientNets.build(spec, 3).params(), 1e-3)).isFalse();
  }

  /** Losses and final parameters of some steps; the whole life of a replica. */
  private static List<double[]> trace(NetworkSpec spec, long stepSeed) {
    List<double[]> trace = new ArrayList<>();
    try (StepContext context = context()) {
      ComputationGraph graph = EfficientNets.build(spec, 3);
      EfficientNets.use(graph, context);
      for (int step = 0; step < 4; step++) {
        context.setStepSeed(stepSeed + step);
        double loss =
            gradientStep(
                graph, images(DataType.FLOAT, step, 6, spec), labels(DataType.FLOAT, 6, 3));
        trace.add(new double[] {loss});
        descend(graph, 0.05);
      }
      trace.add(vector(graph.params()));
    }
    return trace;
  }

  @Test
  void sameSeedsGiveTheSameBits() {
    NetworkSpec spec = small(Padding.SAME).withStochasticDepth(0.5);
    List<double[]> first = trace(spec, 20);
    List<double[]> second = trace(spec, 20);
    List<double[]> other = trace(spec, 21);
    for (int i = 0; i < first.size(); i++) {
      assertThat(second.get(i)).containsExactly(first.get(i));
    }
    assertThat(other.get(0)).isNotEqualTo(first.get(0));
  }

  @Test
  void replicasInTwoThreadsDoNotDisturbEachOther() throws Exception {
    NetworkSpec spec = small(Padding.SAME);
    List<double[]> expected = trace(spec, 20);
    List<double[]> otherExpected = trace(spec, 40);
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      for (int round = 0; round < 3; round++) {
        Callable<List<double[]>> one = () -> trace(spec, 20);
        Callable<List<double[]>> two = () -> trace(spec, 40);
        Future<List<double[]>> first = threads.submit(one);
        Future<List<double[]>> second = threads.submit(two);
        for (int i = 0; i < expected.size(); i++) {
          assertThat(first.get().get(i)).containsExactly(expected.get(i));
          assertThat(second.get().get(i)).containsExactly(otherExpected.get(i));
        }
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void savedAndRestoredNetworkIsTheSame(@TempDir Path directory) throws Exception {
    NetworkSpec spec = small(Padding.SAME);
    ComputationGraph graph = EfficientNets.build(spec, 3);
    INDArray features = images(DataType.FLOAT, 2, 4, spec);
    gradientStep(graph, features, labels(DataType.FLOAT, 4, 3));
    descend(graph, 0.05);
    File file = directory.resolve("network.zip").toFile();
    ModelSerializer.writeModel(graph, file, true);
    ComputationGraph restored = ModelSerializer.restoreComputationGraph(file, true);

    assertThat(restored.getConfiguration()).isEqualTo(graph.getConfiguration());
    assertThat(vector(restored.params())).containsExactly(vector(graph.params()));
    assertThat(vector(EfficientNets.logits(restored, features)))
        .containsExactly(vector(EfficientNets.logits(graph, features)));
    double loss = gradientStep(graph, features, labels(DataType.FLOAT, 4, 3));
    assertThat(gradientStep(restored, features, labels(DataType.FLOAT, 4, 3))).isEqualTo(loss);
    assertThat(vector(restored.getFlattenedGradients()))
        .containsExactly(vector(graph.getFlattenedGradients()));
  }

  @Test
  void configurationSurvivesJson() {
    ComputationGraphConfiguration configuration =
        EfficientNets.configuration(small(Padding.SAME), 3, 0.1, new Sgd(0.1), DataType.FLOAT);
    ComputationGraphConfiguration copy =
        ComputationGraphConfiguration.fromJson(configuration.toJson());
    assertThat(copy).isEqualTo(configuration);
    assertThat(copy)
        .isNotEqualTo(
            EfficientNets.configuration(
                small(Padding.SYMMETRIC), 3, 0.1, new Sgd(0.1), DataType.FLOAT));
  }

  @Test
  void outputIsTheSoftmaxOfTheLogitsWhateverTheBatch() {
    NetworkSpec spec = small(Padding.SYMMETRIC);
    ComputationGraph graph = EfficientNets.build(spec, 3);
    INDArray features = images(DataType.FLOAT, 2, 5, spec);
    INDArray logits = EfficientNets.logits(graph, features);
    INDArray probabilities = graph.outputSingle(features);
    for (int n = 0; n < 5; n++) {
      double sum = 0;
      for (int c = 0; c < 3; c++) {
        sum += Math.exp(logits.getDouble(n, c));
      }
      for (int c = 0; c < 3; c++) {
        assertThat(probabilities.getDouble(n, c))
            .isCloseTo(Math.exp(logits.getDouble(n, c)) / sum, within(1e-6));
      }
    }
    // In f-order, and one image alone: no image of a batch sees another in inference.
    assertThat(EfficientNets.logits(graph, features.dup('f')).equalsWithEps(logits, 1e-6)).isTrue();
    INDArray second =
        features.get(
            NDArrayIndex.interval(1, 2),
            NDArrayIndex.all(),
            NDArrayIndex.all(),
            NDArrayIndex.all());
    assertThat(
            EfficientNets.logits(graph, second)
                .equalsWithEps(logits.get(NDArrayIndex.interval(1, 2), NDArrayIndex.all()), 1e-5))
        .isTrue();
  }

  @Test
  void evaluationLossIsPlainCrossEntropy() {
    NetworkSpec spec = small(Padding.SYMMETRIC);
    ComputationGraph graph = EfficientNets.build(spec, 3);
    INDArray features = images(DataType.FLOAT, 2, 5, spec);
    INDArray probabilities = graph.outputSingle(features);
    double expected = 0;
    for (int n = 0; n < 5; n++) {
      expected -= Math.log(probabilities.getDouble(n, n % 3)) / 5;
    }
    assertThat(graph.score(new DataSet(features, labels(DataType.FLOAT, 5, 3)), false))
        .isCloseTo(expected, within(1e-5));
  }

  @Test
  void badInputsAreNamed() {
    NetworkSpec spec = small(Padding.SAME);
    ComputationGraph graph = EfficientNets.build(spec, 3);
    assertThatThrownBy(() -> EfficientNets.logits(graph, Nd4j.zeros(DataType.FLOAT, 2, 3, 12, 12)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid input of layer stem: [2, 3, 12, 12] (must be (N, H, W, 3))");
    assertThatThrownBy(
            () ->
                gradientStep(
                    graph, images(DataType.FLOAT, 1, 2, spec), labels(DataType.FLOAT, 2, 4)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid labels of layer classifier: [2, 4] (must be (2, 3))");
    assertThatThrownBy(() -> EfficientNets.build(spec, 3, 1))
        .hasMessage("Invalid label smoothing: 1.0 (must be in [0, 1))");
  }
}
