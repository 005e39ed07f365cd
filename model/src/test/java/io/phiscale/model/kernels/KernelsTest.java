package io.phiscale.model.kernels;

import static io.phiscale.model.kernels.PlainLoops.array;
import static io.phiscale.model.kernels.PlainLoops.empty;
import static io.phiscale.model.kernels.PlainLoops.values;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.ConvolutionShape.Padding;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Every operation against nested loops (or finite differences), in FLOAT and in DOUBLE. */
class KernelsTest {

  private static final double DIFFERENCE = 1e-6;

  static double tolerance(DataType type) {
    return type == DataType.DOUBLE ? 1e-10 : 2e-5;
  }

  static void assertClose(INDArray actual, double[] expected, DataType type) {
    double[] values = values(actual);
    assertThat(values).hasSameSizeAs(expected);
    double size = 1;
    for (double value : expected) {
      size = Math.max(size, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(values[i] - expected[i]) <= tolerance(type) * size)) {
        assertThat(values[i])
            .as("element %s", i)
            .isCloseTo(expected[i], within(tolerance(type) * size));
      }
    }
  }

  static Stream<Arguments> convolutions() {
    List<ConvolutionShape> shapes = new ArrayList<>();
    Padding one = new Padding(1, 1, 1, 1);
    Padding two = new Padding(2, 2, 2, 2);
    // 1x1, also with a stride and with odd sizes
    shapes.add(ConvolutionShape.pointwise(new ImageShape(2, 5, 7, 3), 4));
    shapes.add(ConvolutionShape.pointwise(new ImageShape(1, 1, 1, 8), 5));
    shapes.add(new ConvolutionShape(new ImageShape(2, 5, 6, 3), 4, 1, 1, 2, Padding.NONE, 1));
    // full: symmetric, TensorFlow's SAME at stride 2 on even and odd sizes, and neither
    for (int groups : new int[] {1, 6}) {
      int channels = groups == 1 ? 3 : groups;
      int outputs = groups == 1 ? 5 : groups;
      shapes.add(of(2, 7, 5, channels, outputs, 3, 1, one, groups));
      shapes.add(of(2, 7, 5, channels, outputs, 3, 2, one, groups));
      shapes.add(of(1, 8, 8, channels, outputs, 3, 2, new Padding(0, 1, 0, 1), groups));
      shapes.add(of(2, 8, 8, channels, outputs, 3, 2, new Padding(1, 0, 1, 0), groups));
      shapes.add(of(2, 9, 6, channels, outputs, 5, 1, two, groups));
      shapes.add(of(2, 8, 8, channels, outputs, 5, 2, new Padding(1, 2, 1, 2), groups));
      shapes.add(of(1, 9, 7, channels, outputs, 5, 2, two, groups));
      shapes.add(of(2, 8, 7, channels, outputs, 5, 2, new Padding(2, 1, 2, 2), groups));
      shapes.add(of(2, 6, 7, channels, outputs, 3, 1, new Padding(2, 0, 0, 1), groups));
      shapes.add(of(1, 7, 7, channels, outputs, 3, 2, Padding.NONE, groups));
      shapes.add(of(1, 8, 8, channels, outputs, 3, 2, Padding.NONE, groups));
      shapes.add(of(3, 2, 1, channels, outputs, 5, 1, two, groups));
      shapes.add(of(1, 1, 1, channels, outputs, 3, 2, one, groups));
      shapes.add(of(2, 4, 4, channels, outputs, 3, 1, new Padding(3, 3, 3, 3), groups));
    }
    return shapes.stream()
        .flatMap(
            shape ->
                Stream.of(
                    Arguments.of(DataType.FLOAT, shape), Arguments.of(DataType.DOUBLE, shape)));
  }

  private static ConvolutionShape of(
      int batch,
      int height,
      int width,
      int channels,
      int outputs,
      int kernel,
      int stride,
      Padding padding,
      int groups) {
    return new ConvolutionShape(
        new ImageShape(batch, height, width, channels),
        outputs,
        kernel,
        kernel,
        stride,
        padding,
        groups);
  }

  private static INDArray weights(ConvolutionShape shape, DataType type) {
    return shape.depthwise()
        ? array(type, 2, shape.kernelHeight(), shape.kernelWidth(), shape.groups(), 1)
        : array(
            type,
            2,
            shape.kernelHeight(),
            shape.kernelWidth(),
            shape.input().channels(),
            shape.outputChannels());
  }

  private static INDArray image(DataType type, long seed, ImageShape shape) {
    return array(type, seed, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  @ParameterizedTest
  @MethodSource("convolutions")
  void convolutionEqualsLoops(DataType type, ConvolutionShape shape) {
    INDArray input = image(type, 1, shape.input());
    INDArray weights = weights(shape, type);
    INDArray output = empty(type, shape.output());
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      for (int repeat = 0; repeat < 2; repeat++) {
        kernels.convolution(shape, input, weights, null, Activation.IDENTITY, output);
        assertClose(output, PlainLoops.convolution(shape, values(input), values(weights)), type);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("convolutions")
  void convolutionGradientsEqualLoops(DataType type, ConvolutionShape shape) {
    INDArray input = image(type, 1, shape.input());
    INDArray weights = weights(shape, type);
    INDArray gradient = image(type, 3, shape.output());
    double[] expectedInput = PlainLoops.inputGradient(shape, values(weights), values(gradient));
    double[] expectedWeights =
        PlainLoops.weightGradient(shape, values(input), values(gradient), (int) weights.length());
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      INDArray inputGradient = empty(type, shape.input());
      INDArray weightGradient = weights.like().assign(Double.NaN);
      kernels.convolutionGradients(shape, input, weights, gradient, inputGradient, weightGradient);
      assertClose(inputGradient, expectedInput, type);
      assertClose(weightGradient, expectedWeights, type);

      inputGradient.assign(Double.NaN);
      kernels.convolutionGradients(shape, null, weights, gradient, inputGradient, null);
      assertClose(inputGradient, expectedInput, type);

      weightGradient.assign(Double.NaN);
      kernels.convolutionGradients(shape, input, null, gradient, null, weightGradient);
      assertClose(weightGradient, expectedWeights, type);
    }
  }

  @Test
  void convolutionAddsBiasAndActivates() {
    ConvolutionShape shape = of(2, 5, 5, 3, 4, 3, 1, new Padding(1, 1, 1, 1), 1);
    INDArray input = image(DataType.FLOAT, 1, shape.input());
    INDArray weights = weights(shape, DataType.FLOAT);
    INDArray bias = array(DataType.FLOAT, 5, 4);
    INDArray output = empty(DataType.FLOAT, shape.output());
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.convolution(shape, input, weights, bias, Activation.SWISH, output);
    }
    double[] expected = PlainLoops.convolution(shape, values(input), values(weights));
    for (int i = 0; i < expected.length; i++) {
      expected[i] = PlainLoops.activate(Activation.SWISH, expected[i] + bias.getDouble(i % 4));
    }
    assertClose(output, expected, DataType.FLOAT);
  }

  static Stream<Arguments> batchNorms() {
    return Stream.of(DataType.FLOAT, DataType.DOUBLE)
        .flatMap(
            type ->
                Stream.of(Activation.values())
                    .flatMap(
                        activation ->
                            Stream.of(
                                    new ImageShape(3, 5, 4, 6),
                                    new ImageShape(1, 7, 3, 1),
                                    new ImageShape(4, 1, 1, 9))
                                .map(
                                    image ->
                                        Arguments.of(
                                            type, new BatchNormShape(image, 1e-3, activation)))));
  }

  private static INDArray vector(DataType type, long seed, int length) {
    return array(type, seed, length);
  }

  @ParameterizedTest
  @MethodSource("batchNorms")
  void batchNormEqualsLoops(DataType type, BatchNormShape shape) {
    ImageShape image = shape.image();
    int channels = image.channels();
    INDArray input = image(type, 1, image).muli(2).addi(3);
    INDArray scale = vector(type, 2, channels).addi(1.5);
    INDArray shift = vector(type, 3, channels);
    INDArray mean = vector(type, 4, channels);
    INDArray variance = vector(type, 5, channels);
    INDArray output = empty(type, image);
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.batchNormTraining(shape, input, scale, shift, output, mean, variance);
      double[] means = PlainLoops.channelMeans(image, values(input));
      double[] variances = PlainLoops.channelVariances(image, values(input));
      assertClose(mean, means, type);
      assertClose(variance, variances, type);
      assertClose(
          output,
          PlainLoops.normalised(
              shape, values(input), values(scale), values(shift), means, variances),
          type);

      INDArray runningMean = vector(type, 6, channels);
      INDArray runningVariance = vector(type, 7, channels).addi(2);
      double[] expected =
          PlainLoops.normalised(
              shape,
              values(input),
              values(scale),
              values(shift),
              values(runningMean),
              values(runningVariance));
      kernels.batchNormInference(shape, input, scale, shift, runningMean, runningVariance, output);
      assertClose(output, expected, type);
      kernels.batchNormInference(shape, input, scale, shift, runningMean, runningVariance, input);
      assertClose(input, expected, type);
    }
  }

  @ParameterizedTest
  @MethodSource("batchNorms")
  void batchNormGradientsEqualDifferences(DataType type, BatchNormShape shape) {
    ImageShape image = shape.image();
    int channels = image.channels();
    INDArray input = image(type, 1, image).muli(2).addi(1);
    INDArray scale = vector(type, 2, channels).addi(1.5);
    INDArray shift = vector(type, 3, channels);
    INDArray mean = vector(type, 4, channels);
    INDArray variance = vector(type, 5, channels);
    INDArray output = empty(type, image);
    INDArray gradient = image(type, 8, image);
    INDArray inputGradient = empty(type, image);
    INDArray scaleGradient = vector(type, 9, channels);
    INDArray shiftGradient = vector(type, 10, channels);
    double[] inputValues = values(input);
    double[] scaleValues = values(scale);
    double[] shiftValues = values(shift);
    double[] gradientValues = values(gradient);
    Supplier<Double> loss =
        () -> {
          double[] outputs =
              PlainLoops.normalised(
                  shape,
                  inputValues,
                  scaleValues,
                  shiftValues,
                  PlainLoops.channelMeans(image, inputValues),
                  PlainLoops.channelVariances(image, inputValues));
          double sum = 0;
          for (int i = 0; i < outputs.length; i++) {
            sum += outputs[i] * gradientValues[i];
          }
          return sum;
        };
    double[] expectedInput = differences(inputValues, loss);
    double[] expectedScale = differences(scaleValues, loss);
    double[] expectedShift = differences(shiftValues, loss);
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.batchNormTraining(shape, input, scale, shift, output, mean, variance);
      kernels.batchNormGradients(
          shape,
          input,
          scale,
          shift,
          mean,
          variance,
          output,
          gradient,
          inputGradient,
          scaleGradient,
          shiftGradient);
      assertNear(inputGradient, expectedInput, type);
      assertNear(scaleGradient, expectedScale, type);
      assertNear(shiftGradient, expectedShift, type);

      kernels.batchNormGradients(
          shape,
          input,
          scale,
          shift,
          mean,
          variance,
          output,
          gradient,
          gradient,
          scaleGradient,
          shiftGradient);
      assertNear(gradient, expectedInput, type);
      assertNear(scaleGradient, expectedScale, type);
      assertNear(shiftGradient, expectedShift, type);
    }
  }

  /** At a size at which rounding errors of float sums would show. */
  @ParameterizedTest
  @EnumSource(Activation.class)
  void largeBatchNormEqualsLoops(Activation activation) {
    BatchNormShape shape = new BatchNormShape(new ImageShape(3, 41, 67, 53), 1e-3, activation);
    ImageShape image = shape.image();
    DataType type = DataType.FLOAT;
    INDArray input = image(type, 1, image).muli(2).addi(1);
    INDArray scale = vector(type, 2, 53).addi(1.5);
    INDArray shift = vector(type, 3, 53);
    INDArray mean = vector(type, 4, 53);
    INDArray variance = vector(type, 5, 53);
    INDArray output = empty(type, image);
    INDArray gradient = image(type, 8, image);
    INDArray inputGradient = empty(type, image);
    INDArray scaleGradient = vector(type, 9, 53);
    INDArray shiftGradient = vector(type, 10, 53);
    double[] means = PlainLoops.channelMeans(image, values(input));
    double[] variances = PlainLoops.channelVariances(image, values(input));
    List<double[]> expected =
        PlainLoops.batchNormGradients(
            shape, values(input), values(scale), values(shift), values(gradient));
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.batchNormTraining(shape, input, scale, shift, output, mean, variance);
      assertClose(mean, means, type);
      assertClose(variance, variances, type);
      double[] expectedOutput =
          PlainLoops.normalised(
              shape, values(input), values(scale), values(shift), means, variances);
      assertClose(output, expectedOutput, type);
      for (INDArray target : List.of(inputGradient, gradient)) {
        kernels.batchNormGradients(
            shape,
            input,
            scale,
            shift,
            mean,
            variance,
            output,
            gradient,
            target,
            scaleGradient,
            shiftGradient);
        assertClose(target, expected.get(0), type);
        assertClose(scaleGradient, expected.get(1), type);
        assertClose(shiftGradient, expected.get(2), type);
      }
      kernels.batchNormInference(shape, input, scale, shift, mean, variance, output);
      assertClose(output, expectedOutput, type);
    }
  }

  /** Gradient of a loss by central differences; puts every value back. */
  private static double[] differences(double[] values, Supplier<Double> loss) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      double value = values[i];
      values[i] = value + DIFFERENCE;
      double above = loss.get();
      values[i] = value - DIFFERENCE;
      double below = loss.get();
      values[i] = value;
      result[i] = (above - below) / (2 * DIFFERENCE);
    }
    return result;
  }

  /** As exact as differences are. */
  private static void assertNear(INDArray actual, double[] expected, DataType type) {
    double[] values = values(actual);
    assertThat(values).hasSameSizeAs(expected);
    double tolerance = type == DataType.DOUBLE ? 1e-7 : 1e-4;
    double size = 1;
    for (double value : expected) {
      size = Math.max(size, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      assertThat(values[i]).as("element %s", i).isCloseTo(expected[i], within(tolerance * size));
    }
  }

  @ParameterizedTest
  @EnumSource(VarianceEstimate.class)
  void runningStatisticsMoveByTheirChange(VarianceEstimate estimate) {
    BatchNormShape shape =
        new BatchNormShape(new ImageShape(2, 3, 1, 2), 1e-3, Activation.IDENTITY);
    INDArray runningMean = Nd4j.createFromArray(1.0, 2.0);
    INDArray runningVariance = Nd4j.createFromArray(4.0, 5.0);
    INDArray mean = Nd4j.createFromArray(3.0, 0.0);
    INDArray variance = Nd4j.createFromArray(1.0, 10.0);
    INDArray meanChange = Nd4j.zeros(DataType.DOUBLE, 2);
    INDArray varianceChange = Nd4j.zeros(DataType.DOUBLE, 2);
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.runningStatisticsChange(
          shape,
          0.9,
          estimate,
          runningMean,
          runningVariance,
          mean,
          variance,
          meanChange,
          varianceChange);
    }
    double factor = estimate == VarianceEstimate.UNBIASED ? 6.0 / 5 : 1;
    assertClose(runningMean.sub(meanChange), new double[] {0.9 + 0.3, 1.8}, DataType.DOUBLE);
    assertClose(
        runningVariance.sub(varianceChange),
        new double[] {3.6 + 0.1 * factor, 4.5 + factor},
        DataType.DOUBLE);
  }

  @Test
  void unbiasedVarianceOfOneValueStaysFinite() {
    assertThat(VarianceEstimate.UNBIASED.factor(1)).isEqualTo(1);
    assertThat(VarianceEstimate.UNBIASED.factor(5)).isEqualTo(1.25);
    assertThat(VarianceEstimate.BIASED.factor(5)).isEqualTo(1);
  }

  private static double[] squeezeExcitation(
      SqueezeExcitationShape shape,
      double[] x,
      double[] wr,
      double[] br,
      double[] we,
      double[] be) {
    ImageShape image = shape.image();
    int channels = image.channels();
    int squeezed = shape.squeezed();
    int pixels = (int) image.pixels();
    double[] output = new double[x.length];
    for (int n = 0; n < image.batch(); n++) {
      double[] hidden = new double[squeezed];
      for (int s = 0; s < squeezed; s++) {
        double sum = br[s];
        for (int p = 0; p < pixels; p++) {
          for (int c = 0; c < channels; c++) {
            sum += x[(n * pixels + p) * channels + c] / pixels * wr[c * squeezed + s];
          }
        }
        hidden[s] = PlainLoops.activate(Activation.SWISH, sum);
      }
      for (int c = 0; c < channels; c++) {
        double sum = be[c];
        for (int s = 0; s < squeezed; s++) {
          sum += hidden[s] * we[s * channels + c];
        }
        for (int p = 0; p < pixels; p++) {
          int at = (n * pixels + p) * channels + c;
          output[at] = x[at] * PlainLoops.sigmoid(sum);
        }
      }
    }
    return output;
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"FLOAT", "DOUBLE"})
  void squeezeExcitationEqualsLoopsAndDifferences(DataType type) {
    for (ImageShape image : List.of(new ImageShape(3, 3, 2, 5), new ImageShape(1, 1, 1, 4))) {
      SqueezeExcitationShape shape = new SqueezeExcitationShape(image, 2);
      int channels = image.channels();
      INDArray input = image(type, 1, image);
      SqueezeExcitationWeights weights =
          new SqueezeExcitationWeights(
              array(type, 2, channels, 2),
              array(type, 3, 2),
              array(type, 4, 2, channels),
              array(type, 5, channels));
      SqueezeExcitationWeights gradients =
          new SqueezeExcitationWeights(
              array(type, 6, channels, 2),
              array(type, 6, 2),
              array(type, 6, 2, channels),
              array(type, 6, channels));
      SqueezeExcitationState state =
          new SqueezeExcitationState(
              array(type, 7, image.batch(), channels),
              array(type, 7, image.batch(), 2),
              array(type, 7, image.batch(), channels));
      INDArray output = empty(type, image);
      INDArray again = empty(type, image);
      INDArray outputGradient = image(type, 8, image);
      INDArray inputGradient = empty(type, image);

      double[] x = values(input);
      double[] wr = values(weights.reduceWeights());
      double[] br = values(weights.reduceBias());
      double[] we = values(weights.expandWeights());
      double[] be = values(weights.expandBias());
      double[] g = values(outputGradient);
      Supplier<Double> loss =
          () -> {
            double[] outputs = squeezeExcitation(shape, x, wr, br, we, be);
            double sum = 0;
            for (int i = 0; i < outputs.length; i++) {
              sum += outputs[i] * g[i];
            }
            return sum;
          };
      try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
        kernels.squeezeExcitation(shape, input, weights, state, output);
        kernels.applyGate(shape, input, state, again);
        double[] expected = squeezeExcitation(shape, x, wr, br, we, be);
        assertClose(output, expected, type);
        assertClose(again, expected, type);

        kernels.squeezeExcitationGradients(
            shape, input, weights, state, outputGradient, inputGradient, gradients);
        double[] expectedInput = differences(x, loss);
        assertNear(inputGradient, expectedInput, type);
        assertNear(gradients.reduceWeights(), differences(wr, loss), type);
        assertNear(gradients.reduceBias(), differences(br, loss), type);
        assertNear(gradients.expandWeights(), differences(we, loss), type);
        assertNear(gradients.expandBias(), differences(be, loss), type);

        kernels.squeezeExcitationGradients(
            shape, input, weights, state, outputGradient, outputGradient, gradients);
        assertNear(outputGradient, expectedInput, type);
      }
    }
  }

  @Test
  void shortcutAddsAndScalesPerImage() {
    ImageShape shape = new ImageShape(2, 2, 1, 3);
    INDArray branch = image(DataType.FLOAT, 1, shape);
    INDArray shortcut = image(DataType.FLOAT, 2, shape);
    INDArray scale = Nd4j.createFromArray(0f, 1.25f);
    INDArray output = empty(DataType.FLOAT, shape);
    double[] plain = new double[12];
    double[] scaled = new double[12];
    double[] branchOnly = new double[12];
    for (int i = 0; i < 12; i++) {
      double b = values(branch)[i];
      double s = values(shortcut)[i];
      plain[i] = b + s;
      branchOnly[i] = i < 6 ? 0 : 1.25 * b;
      scaled[i] = branchOnly[i] + s;
    }
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.addShortcut(shape, branch, null, shortcut, output);
      assertClose(output, plain, DataType.FLOAT);
      kernels.scaleSamples(shape, branch, scale, output);
      assertClose(output, branchOnly, DataType.FLOAT);
      kernels.addShortcut(shape, branch, scale, shortcut, branch);
      assertClose(branch, scaled, DataType.FLOAT);
    }
  }

  @Test
  void poolingAveragesAndSpreads() {
    ImageShape shape = new ImageShape(2, 2, 3, 2);
    INDArray input = image(DataType.DOUBLE, 1, shape);
    INDArray output = array(DataType.DOUBLE, 2, 2, 2);
    INDArray inputGradient = empty(DataType.DOUBLE, shape);
    double[] expected = new double[4];
    for (int i = 0; i < 24; i++) {
      expected[i / 12 * 2 + i % 2] += values(input)[i] / 6;
    }
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.globalAveragePool(shape, input, output);
      assertClose(output, expected, DataType.DOUBLE);
      kernels.globalAveragePoolGradient(shape, output, inputGradient);
    }
    double[] spread = new double[24];
    for (int i = 0; i < 24; i++) {
      spread[i] = expected[i / 12 * 2 + i % 2] / 6;
    }
    assertClose(inputGradient, spread, DataType.DOUBLE);
  }

  @Test
  void denseEqualsLoops() {
    DenseShape shape = new DenseShape(3, 4, 2);
    INDArray input = array(DataType.DOUBLE, 1, 3, 4);
    INDArray weights = array(DataType.DOUBLE, 2, 4, 2);
    INDArray bias = array(DataType.DOUBLE, 3, 2);
    INDArray gradient = array(DataType.DOUBLE, 4, 3, 2);
    INDArray output = array(DataType.DOUBLE, 5, 3, 2);
    INDArray inputGradient = array(DataType.DOUBLE, 5, 3, 4);
    INDArray weightGradient = array(DataType.DOUBLE, 5, 4, 2);
    INDArray biasGradient = array(DataType.DOUBLE, 5, 2);
    double[] expected = new double[6];
    double[] expectedInput = new double[12];
    double[] expectedWeights = new double[8];
    double[] expectedBias = new double[2];
    for (int n = 0; n < 3; n++) {
      for (int o = 0; o < 2; o++) {
        double g = gradient.getDouble(n, o);
        expected[n * 2 + o] += bias.getDouble(o);
        expectedBias[o] += g;
        for (int i = 0; i < 4; i++) {
          expected[n * 2 + o] += input.getDouble(n, i) * weights.getDouble(i, o);
          expectedInput[n * 4 + i] += g * weights.getDouble(i, o);
          expectedWeights[i * 2 + o] += g * input.getDouble(n, i);
        }
      }
    }
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.dense(shape, input, weights, bias, output);
      kernels.denseGradients(
          shape, input, weights, gradient, inputGradient, weightGradient, biasGradient);
      assertClose(output, expected, DataType.DOUBLE);
      assertClose(inputGradient, expectedInput, DataType.DOUBLE);
      assertClose(weightGradient, expectedWeights, DataType.DOUBLE);
      assertClose(biasGradient, expectedBias, DataType.DOUBLE);
      kernels.denseGradients(shape, input, weights, gradient, null, weightGradient, biasGradient);
      assertClose(weightGradient, expectedWeights, DataType.DOUBLE);
    }
  }

  @Test
  void crossEntropyIsThatOfSmoothedLabels() {
    INDArray scores = Nd4j.createFromArray(new double[][] {{2, 1, 0}, {0, 0, 0}});
    INDArray labels = Nd4j.createFromArray(new double[][] {{1, 0, 0}, {0, 0, 1}});
    INDArray gradient = Nd4j.zeros(DataType.DOUBLE, 2, 3);
    INDArray losses = Nd4j.zeros(DataType.DOUBLE, 2);
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.softmaxCrossEntropy(scores, labels, 0.3, gradient, losses);
    }
    double sum = Math.exp(2) + Math.exp(1) + 1;
    double log = Math.log(sum);
    // targets 0.8, 0.1, 0.1
    assertClose(
        losses,
        new double[] {0.8 * (log - 2) + 0.1 * (log - 1) + 0.1 * log, Math.log(3)},
        DataType.DOUBLE);
    assertClose(
        gradient,
        new double[] {
          (Math.exp(2) / sum - 0.8) / 2,
          (Math.exp(1) / sum - 0.1) / 2,
          (1 / sum - 0.1) / 2,
          (1.0 / 3 - 0.1) / 2,
          (1.0 / 3 - 0.1) / 2,
          (1.0 / 3 - 0.8) / 2
        },
        DataType.DOUBLE);
  }

  @Test
  void multiplyIsElementwise() {
    INDArray left = Nd4j.createFromArray(1f, 2f, 3f);
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      kernels.multiply(left, Nd4j.createFromArray(0f, 2f, -1f), left);
    }
    assertThat(left.toFloatVector()).containsExactly(0f, 4f, -3f);
  }

  @Test
  void unknownKernelsNameTheValidOnes() {
    assertThatThrownBy(() -> Kernels.create("cudnn"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid kernels: cudnn (must be one of [auto, onednn, nd4j])");
    try (Kernels kernels = Kernels.create(Kernels.ND4J)) {
      assertThat(kernels.name()).isEqualTo("nd4j");
    }
  }

  @Test
  void shapesRefuseWhatCannotBe() {
    ImageShape image = new ImageShape(2, 4, 4, 3);
    assertThatThrownBy(() -> new ImageShape(0, 4, 4, 3))
        .hasMessage("Invalid batch size: 0 (must be > 0)");
    assertThatThrownBy(() -> new Padding(0, -1, 0, 0))
        .hasMessage("Invalid padding: top 0, bottom -1, left 0, right 0 (each must be >= 0)");
    assertThatThrownBy(() -> new ConvolutionShape(image, 4, 3, 3, 3, Padding.NONE, 1))
        .hasMessage("Invalid stride: 3 (must be 1 or 2)");
    assertThatThrownBy(() -> new ConvolutionShape(image, 4, 3, 3, 1, Padding.NONE, 3))
        .hasMessage("Invalid groups: 3 (must be 1, or equal to both channel numbers 3 and 4)");
    assertThatThrownBy(() -> new ConvolutionShape(image, 4, 5, 5, 1, Padding.NONE, 1))
        .hasMessageStartingWith(
            "Invalid kernel: 5x5 (must fit into the padded input, 4x4 with Padding");
    assertThatThrownBy(() -> new BatchNormShape(image, 0, Activation.SWISH))
        .hasMessage("Invalid batch-norm epsilon: 0.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new SqueezeExcitationShape(image, 0))
        .hasMessage("Invalid number of squeezed channels: 0 (must be > 0)");
    assertThatThrownBy(() -> new DenseShape(1, 0, 2))
        .hasMessage("Invalid number of inputs: 0 (must be > 0)");
  }
}
