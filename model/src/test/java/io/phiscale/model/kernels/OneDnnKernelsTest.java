package io.phiscale.model.kernels;

import static io.phiscale.model.kernels.PlainLoops.array;
import static io.phiscale.model.kernels.PlainLoops.empty;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.ConvolutionShape.Padding;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Every operation against {@link Nd4jKernels}, which nested loops check, on 1, 2 and 3 threads. */
class OneDnnKernelsTest {

  private static final DataType FLOAT = DataType.FLOAT;
  private static final int[] THREADS = {1, 2, 3};

  /** Runs one operation by both; the arrays that it returns must agree, and so must two runs. */
  private static void assertAgree(Function<Kernels, List<INDArray>> operation) {
    List<INDArray> expected;
    try (Kernels nd4j = new Nd4jKernels()) {
      expected = operation.apply(nd4j);
    }
    for (int threads : THREADS) {
      try (Kernels kernels = new OneDnnKernels(threads)) {
        List<INDArray> first = operation.apply(kernels);
        List<INDArray> second = operation.apply(kernels);
        for (int i = 0; i < expected.size(); i++) {
          assertClose("result " + i + " on " + threads + " threads", first.get(i), expected.get(i));
          assertThat(floats(second.get(i)))
              .as("second run, result %s on %s threads", i, threads)
              .isEqualTo(floats(first.get(i)));
        }
      }
    }
  }

  private static float[] floats(INDArray array) {
    return Views.flat(array).toFloatVector();
  }

  private static void assertClose(String what, INDArray actual, INDArray expected) {
    assertThat(actual.shape()).as(what).isEqualTo(expected.shape());
    float[] values = floats(actual);
    float[] wanted = floats(expected);
    double size = 1;
    for (float value : wanted) {
      size = Math.max(size, Math.abs(value));
    }
    for (int i = 0; i < wanted.length; i++) {
      if (!(Math.abs(values[i] - wanted[i]) <= 3e-5 * size)) {
        assertThat(values[i]).as("%s, element %s", what, i).isEqualTo(wanted[i]);
      }
    }
  }

  private static INDArray image(long seed, ImageShape shape) {
    return array(FLOAT, seed, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  static Stream<ConvolutionShape> convolutions() {
    List<ConvolutionShape> shapes = new ArrayList<>();
    // 1x1
    shapes.add(ConvolutionShape.pointwise(new ImageShape(2, 5, 7, 3), 4));
    shapes.add(ConvolutionShape.pointwise(new ImageShape(1, 1, 1, 8), 5));
    shapes.add(ConvolutionShape.pointwise(new ImageShape(5, 1, 1, 33), 17));
    shapes.add(ConvolutionShape.pointwise(new ImageShape(3, 14, 14, 24), 144));
    shapes.add(ConvolutionShape.pointwise(new ImageShape(4, 28, 28, 40), 24));
    shapes.add(of(2, 5, 6, 3, 4, 1, 2, Padding.NONE, 1));
    for (int groups : new int[] {1, 6, 16, 24, 35, 96}) {
      int channels = groups == 1 ? 3 : groups;
      int outputs = groups == 1 ? 5 : groups;
      Padding one = new Padding(1, 1, 1, 1);
      Padding two = new Padding(2, 2, 2, 2);
      shapes.add(of(2, 7, 5, channels, outputs, 3, 1, one, groups));
      shapes.add(of(2, 7, 5, channels, outputs, 3, 2, one, groups));
      shapes.add(of(1, 8, 8, channels, outputs, 3, 2, new Padding(0, 1, 0, 1), groups));
      shapes.add(of(5, 8, 8, channels, outputs, 3, 2, new Padding(1, 0, 1, 0), groups));
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
      shapes.add(of(2, 9, 8, channels, outputs, 7, 1, new Padding(3, 3, 3, 3), groups));
    }
    // more than one chunk, and more than what one thread keeps to itself
    shapes.add(ConvolutionShape.pointwise(new ImageShape(4, 33, 40, 16), 96));
    shapes.add(of(3, 60, 60, 32, 32, 3, 1, new Padding(1, 1, 1, 1), 32));
    shapes.add(of(1, 61, 60, 40, 40, 5, 2, new Padding(2, 2, 2, 2), 40));
    shapes.add(of(4, 33, 32, 3, 24, 3, 2, new Padding(0, 1, 0, 1), 1));
    return shapes.stream();
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

  private static INDArray weights(ConvolutionShape shape, long seed) {
    return shape.depthwise()
        ? array(FLOAT, seed, shape.kernelHeight(), shape.kernelWidth(), shape.groups(), 1)
        : array(
            FLOAT,
            seed,
            shape.kernelHeight(),
            shape.kernelWidth(),
            shape.input().channels(),
            shape.outputChannels());
  }

  @ParameterizedTest
  @MethodSource("convolutions")
  void convolutions(ConvolutionShape shape) {
    INDArray input = image(1, shape.input());
    INDArray weights = weights(shape, 2);
    INDArray bias = array(FLOAT, 3, shape.outputChannels());
    INDArray gradient = image(4, shape.output());
    assertAgree(
        kernels -> {
          INDArray plain = empty(FLOAT, shape.output());
          INDArray activated = empty(FLOAT, shape.output());
          kernels.convolution(shape, input, weights, null, Activation.IDENTITY, plain);
          kernels.convolution(shape, input, weights, bias, Activation.SWISH, activated);
          INDArray inputGradient = empty(FLOAT, shape.input());
          INDArray weightGradient = weights.like().assign(Double.NaN);
          kernels.convolutionGradients(
              shape, input, weights, gradient, inputGradient, weightGradient);
          INDArray inputOnly = empty(FLOAT, shape.input());
          INDArray weightsOnly = weights.like().assign(Double.NaN);
          kernels.convolutionGradients(shape, null, weights, gradient, inputOnly, null);
          kernels.convolutionGradients(shape, input, null, gradient, null, weightsOnly);
          return List.of(plain, activated, inputGradient, weightGradient, inputOnly, weightsOnly);
        });
  }

  @ParameterizedTest
  @MethodSource("convolutions")
  void convolutionsWithTheirBatchNorm(ConvolutionShape shape) {
    int channels = shape.outputChannels();
    BatchNormShape norm = new BatchNormShape(shape.output(), 1e-2, Activation.SWISH);
    INDArray input = image(1, shape.input());
    INDArray weights = weights(shape, 2);
    INDArray scale = array(FLOAT, 3, channels).addi(1.5);
    INDArray shift = array(FLOAT, 4, channels);
    INDArray gradient = image(5, shape.output());
    assertAgree(
        kernels -> {
          INDArray convolved = empty(FLOAT, shape.output());
          INDArray output = empty(FLOAT, shape.output());
          INDArray mean = array(FLOAT, 9, channels);
          INDArray variance = array(FLOAT, 9, channels);
          kernels.convolutionBatchNormTraining(
              shape, norm, input, weights, convolved, scale, shift, output, mean, variance);
          INDArray scratch = gradient.dup();
          INDArray inputGradient = empty(FLOAT, shape.input());
          INDArray weightGradient = weights.like().assign(Double.NaN);
          INDArray scaleGradient = array(FLOAT, 9, channels);
          INDArray shiftGradient = array(FLOAT, 9, channels);
          kernels.convolutionBatchNormGradients(
              shape,
              norm,
              input,
              weights,
              convolved,
              scale,
              shift,
              mean,
              variance,
              output,
              scratch,
              scratch,
              inputGradient,
              weightGradient,
              scaleGradient,
              shiftGradient);
          INDArray weightsOnly = weights.like().assign(Double.NaN);
          kernels.convolutionBatchNormGradients(
              shape,
              norm,
              input,
              weights,
              convolved,
              scale,
              shift,
              mean,
              variance,
              output,
              gradient.dup(),
              empty(FLOAT, shape.output()),
              null,
              weightsOnly,
              scaleGradient,
              shiftGradient);
          return List.of(
              convolved,
              output,
              mean,
              variance,
              inputGradient,
              weightGradient,
              weightsOnly,
              scaleGradient,
              shiftGradient);
        });
  }

  static Stream<Arguments> images() {
    return Stream.of(
            new ImageShape(3, 5, 4, 6),
            new ImageShape(1, 7, 3, 1),
            new ImageShape(4, 1, 1, 9),
            new ImageShape(1, 1, 1, 16),
            new ImageShape(2, 3, 5, 24),
            new ImageShape(5, 11, 13, 40),
            new ImageShape(2, 40, 41, 16),
            new ImageShape(3, 9, 9, 96),
            new ImageShape(3, 7, 7, 1152))
        .flatMap(
            image ->
                Stream.of(Activation.values()).map(activation -> Arguments.of(image, activation)));
  }

  @ParameterizedTest
  @MethodSource("images")
  void batchNorms(ImageShape image, Activation activation) {
    BatchNormShape shape = new BatchNormShape(image, 1e-3, activation);
    int channels = image.channels();
    INDArray input = image(1, image).muli(2).addi(3);
    INDArray scale = array(FLOAT, 2, channels).addi(1.5);
    INDArray shift = array(FLOAT, 3, channels);
    INDArray runningMean = array(FLOAT, 6, channels);
    INDArray runningVariance = array(FLOAT, 7, channels).addi(2);
    INDArray gradient = image(8, image);
    assertAgree(
        kernels -> {
          INDArray output = empty(FLOAT, image);
          INDArray mean = array(FLOAT, 9, channels);
          INDArray variance = array(FLOAT, 9, channels);
          kernels.batchNormTraining(shape, input, scale, shift, output, mean, variance);
          INDArray inference = empty(FLOAT, image);
          kernels.batchNormInference(
              shape, input, scale, shift, runningMean, runningVariance, inference);
          INDArray inPlace = input.dup();
          kernels.batchNormInference(
              shape, inPlace, scale, shift, runningMean, runningVariance, inPlace);
          INDArray inputGradient = empty(FLOAT, image);
          INDArray scaleGradient = array(FLOAT, 9, channels);
          INDArray shiftGradient = array(FLOAT, 9, channels);
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
          INDArray overwritten = gradient.dup();
          kernels.batchNormGradients(
              shape,
              input,
              scale,
              shift,
              mean,
              variance,
              output,
              overwritten,
              overwritten,
              scaleGradient,
              shiftGradient);
          INDArray meanChange = array(FLOAT, 9, channels);
          INDArray varianceChange = array(FLOAT, 9, channels);
          kernels.runningStatisticsChange(
              shape,
              0.9,
              VarianceEstimate.UNBIASED,
              runningMean,
              runningVariance,
              mean,
              variance,
              meanChange,
              varianceChange);
          return List.of(
              output,
              mean,
              variance,
              inference,
              inPlace,
              inputGradient,
              overwritten,
              scaleGradient,
              shiftGradient,
              meanChange,
              varianceChange);
        });
  }

  @Test
  void varianceSurvivesALargeMean() {
    ImageShape image = new ImageShape(4, 30, 30, 16);
    BatchNormShape shape = new BatchNormShape(image, 1e-3, Activation.IDENTITY);
    INDArray input = image(1, image).addi(1000);
    INDArray variance = array(FLOAT, 9, 16);
    try (Kernels kernels = new OneDnnKernels(2)) {
      kernels.batchNormTraining(
          shape,
          input,
          array(FLOAT, 2, 16),
          array(FLOAT, 3, 16),
          empty(FLOAT, image),
          array(FLOAT, 9, 16),
          variance);
    }
    double[] expected = PlainLoops.channelVariances(image, PlainLoops.values(input));
    for (int c = 0; c < 16; c++) {
      assertThat(variance.getDouble(c) / expected[c]).isBetween(1 - 1e-5, 1 + 1e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("images")
  void squeezeExcitations(ImageShape image, Activation ignored) {
    SqueezeExcitationShape shape = new SqueezeExcitationShape(image, 5);
    int channels = image.channels();
    INDArray input = image(1, image);
    INDArray gradient = image(8, image);
    SqueezeExcitationWeights weights = squeezeExcitationWeights(channels, 2);
    assertAgree(
        kernels -> {
          SqueezeExcitationWeights gradients = squeezeExcitationWeights(channels, 6);
          SqueezeExcitationState state =
              new SqueezeExcitationState(
                  array(FLOAT, 7, image.batch(), channels),
                  array(FLOAT, 7, image.batch(), 5),
                  array(FLOAT, 7, image.batch(), channels));
          INDArray output = empty(FLOAT, image);
          INDArray again = empty(FLOAT, image);
          INDArray inputGradient = empty(FLOAT, image);
          kernels.squeezeExcitation(shape, input, weights, state, output);
          kernels.applyGate(shape, input, state, again);
          kernels.squeezeExcitationGradients(
              shape, input, weights, state, gradient, inputGradient, gradients);
          INDArray overwritten = gradient.dup();
          kernels.squeezeExcitationGradients(
              shape, input, weights, state, overwritten, overwritten, gradients);
          return List.of(
              output,
              again,
              state.pooled(),
              state.reduced(),
              state.gate(),
              inputGradient,
              overwritten,
              gradients.reduceWeights(),
              gradients.reduceBias(),
              gradients.expandWeights(),
              gradients.expandBias());
        });
  }

  private static SqueezeExcitationWeights squeezeExcitationWeights(int channels, int seed) {
    return new SqueezeExcitationWeights(
        array(FLOAT, seed, channels, 5),
        array(FLOAT, seed + 1, 5),
        array(FLOAT, seed + 2, 5, channels),
        array(FLOAT, seed + 3, channels));
  }

  @ParameterizedTest
  @MethodSource("images")
  void sumsPoolsAndProducts(ImageShape image, Activation ignored) {
    INDArray branch = image(1, image);
    INDArray shortcut = image(2, image);
    INDArray scale = array(FLOAT, 3, image.batch());
    INDArray pooledGradient = array(FLOAT, 4, image.batch(), image.channels());
    assertAgree(
        kernels -> {
          INDArray sum = empty(FLOAT, image);
          INDArray scaledSum = branch.dup();
          INDArray scaled = empty(FLOAT, image);
          INDArray product = branch.dup();
          INDArray pooled = array(FLOAT, 9, image.batch(), image.channels());
          INDArray spread = empty(FLOAT, image);
          kernels.addShortcut(image, branch, null, shortcut, sum);
          kernels.addShortcut(image, scaledSum, scale, shortcut, scaledSum);
          kernels.scaleSamples(image, branch, scale, scaled);
          kernels.multiply(product, shortcut, product);
          kernels.globalAveragePool(image, branch, pooled);
          kernels.globalAveragePoolGradient(image, pooledGradient, spread);
          return List.of(sum, scaledSum, scaled, product, pooled, spread);
        });
  }

  @Test
  void denseAndLoss() {
    for (DenseShape shape :
        List.of(new DenseShape(3, 4, 2), new DenseShape(1, 1, 1), new DenseShape(7, 320, 130))) {
      INDArray input = array(FLOAT, 1, shape.batch(), shape.inputs());
      INDArray weights = array(FLOAT, 2, shape.inputs(), shape.outputs());
      INDArray bias = array(FLOAT, 3, shape.outputs());
      INDArray gradient = array(FLOAT, 4, shape.batch(), shape.outputs());
      INDArray labels = Nd4j.zeros(FLOAT, shape.batch(), shape.outputs());
      for (int n = 0; n < shape.batch(); n++) {
        labels.putScalar(n, n % shape.outputs(), 1);
      }
      assertAgree(
          kernels -> {
            INDArray output = array(FLOAT, 9, shape.batch(), shape.outputs());
            INDArray inputGradient = input.like();
            INDArray weightGradient = weights.like();
            INDArray weightsOnly = weights.like();
            INDArray biasGradient = bias.like();
            kernels.dense(shape, input, weights, bias, output);
            kernels.denseGradients(
                shape, input, weights, gradient, inputGradient, weightGradient, biasGradient);
            kernels.denseGradients(
                shape, input, weights, gradient, null, weightsOnly, biasGradient);
            INDArray scoreGradient = gradient.like();
            INDArray losses = Nd4j.zeros(FLOAT, shape.batch());
            kernels.softmaxCrossEntropy(output, labels, 0.1, scoreGradient, losses);
            return List.of(
                output,
                inputGradient,
                weightGradient,
                weightsOnly,
                biasGradient,
                scoreGradient,
                losses);
          });
    }
  }

  @Test
  void viewsIntoOneVectorAreUsedInPlace() {
    ConvolutionShape shape = ConvolutionShape.pointwise(new ImageShape(1, 2, 2, 3), 2);
    INDArray parameters = array(FLOAT, 1, 50);
    INDArray weights = Views.shaped(parameters.get(NDArrayIndex.interval(7, 13)), 1, 1, 3, 2);
    INDArray gradients = Nd4j.zeros(FLOAT, 50);
    INDArray weightGradient =
        Views.shaped(gradients.get(NDArrayIndex.interval(20, 26)), 1, 1, 3, 2);
    INDArray input = image(2, shape.input());
    INDArray output = empty(FLOAT, shape.output());
    try (Kernels kernels = new OneDnnKernels(1)) {
      kernels.convolution(shape, input, weights, null, Activation.IDENTITY, output);
      kernels.convolutionGradients(shape, input, null, output, null, weightGradient);
    }
    double expected = 0;
    for (int c = 0; c < 3; c++) {
      expected += (double) input.getFloat(0, 0, 0, c) * parameters.getFloat(7 + 2 * c);
    }
    assertThat((double) output.getFloat(0)).isCloseTo(expected, within(1e-6));
    float[] all = gradients.toFloatVector();
    for (int i = 0; i < all.length; i++) {
      assertThat(all[i] != 0).as("element %s", i).isEqualTo(i >= 20 && i < 26);
    }
  }

  @Test
  void nanStaysNan() {
    ImageShape image = new ImageShape(1, 2, 2, 16);
    BatchNormShape shape = new BatchNormShape(image, 1e-3, Activation.SWISH);
    INDArray input = image(1, image);
    input.putScalar(5, Float.NaN);
    INDArray output = empty(FLOAT, image);
    try (Kernels kernels = new OneDnnKernels(1)) {
      INDArray one = Nd4j.ones(FLOAT, 16);
      kernels.batchNormInference(shape, input, one, one, one, one, output);
    }
    assertThat(output.getFloat(5)).isNaN();
    assertThat(output.getFloat(4)).isFinite();
  }

  @Test
  void swishIsExactOverItsWholeRange() {
    int count = 4_096;
    ImageShape image = new ImageShape(1, 1, count / 16, 16);
    BatchNormShape shape = new BatchNormShape(image, 1e-12, Activation.SWISH);
    INDArray input = empty(FLOAT, image);
    for (int i = 0; i < count; i++) {
      Views.flat(input).putScalar(i, (i - count / 2) / 16f);
    }
    INDArray output = empty(FLOAT, image);
    INDArray one = Nd4j.ones(FLOAT, 16);
    INDArray zero = Nd4j.zeros(FLOAT, 16);
    try (Kernels kernels = new OneDnnKernels(1)) {
      kernels.batchNormInference(shape, input, one, zero, zero, one, output);
    }
    float[] in = floats(input);
    float[] out = floats(output);
    for (int i = 0; i < count; i++) {
      double expected = in[i] / (1 + Math.exp(-in[i]));
      assertThat((double) out[i])
          .as("swish(%s)", in[i])
          .isCloseTo(expected, within(Math.abs(expected) * 1e-6 + 1e-30));
    }
  }

  @Test
  void instancesInTwoThreadsDoNotDisturbEachOther() throws InterruptedException {
    ConvolutionShape shape = of(4, 20, 20, 24, 24, 3, 1, new Padding(1, 1, 1, 1), 24);
    ConvolutionShape mixing = ConvolutionShape.pointwise(shape.output(), 24);
    INDArray input = image(1, shape.input());
    INDArray depthwise = weights(shape, 2);
    INDArray pointwise = weights(mixing, 3);
    Function<Kernels, float[]> work =
        kernels -> {
          INDArray first = empty(FLOAT, shape.output());
          INDArray second = empty(FLOAT, shape.output());
          for (int i = 0; i < 50; i++) {
            kernels.convolution(shape, input, depthwise, null, Activation.SWISH, first);
            kernels.convolution(mixing, first, pointwise, null, Activation.IDENTITY, second);
          }
          return floats(second);
        };
    float[] expected;
    try (Kernels kernels = new OneDnnKernels(2)) {
      expected = work.apply(kernels);
    }
    float[][] results = new float[2][];
    Thread[] threads =
        IntStream.range(0, 2)
            .mapToObj(
                i ->
                    new Thread(
                        () -> {
                          try (Kernels kernels = new OneDnnKernels(2)) {
                            results[i] = work.apply(kernels);
                          }
                        }))
            .toArray(Thread[]::new);
    for (Thread thread : threads) {
      thread.start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(results[0]).isEqualTo(expected);
    assertThat(results[1]).isEqualTo(expected);
  }

  @Test
  void aStepAllocatesNothingNativeAfterTheFirst() {
    ConvolutionShape shape = of(4, 20, 20, 24, 24, 5, 2, new Padding(2, 2, 2, 2), 24);
    ConvolutionShape mixing = ConvolutionShape.pointwise(shape.output(), 40);
    INDArray input = image(1, shape.input());
    INDArray depthwise = weights(shape, 2);
    INDArray pointwise = weights(mixing, 3);
    INDArray first = empty(FLOAT, shape.output());
    INDArray second = empty(FLOAT, mixing.output());
    INDArray firstGradient = first.like();
    INDArray inputGradient = input.like();
    INDArray depthwiseGradient = depthwise.like();
    INDArray pointwiseGradient = pointwise.like();
    try (Kernels kernels = new OneDnnKernels(2)) {
      Runnable step =
          () -> {
            kernels.convolution(shape, input, depthwise, null, Activation.SWISH, first);
            kernels.convolution(mixing, first, pointwise, null, Activation.IDENTITY, second);
            kernels.convolutionGradients(
                mixing, first, pointwise, second, firstGradient, pointwiseGradient);
            kernels.convolutionGradients(
                shape, input, depthwise, firstGradient, inputGradient, depthwiseGradient);
          };
      step.run();
      step.run();
      long native0 = Pointer.totalBytes();
      long resident0 = residentKilobytes();
      for (int i = 0; i < 200; i++) {
        step.run();
      }
      assertThat(Pointer.totalBytes()).isLessThanOrEqualTo(native0);
      assertThat(residentKilobytes() - resident0).isLessThan(64 * 1024);
    }
  }

  private static long residentKilobytes() {
    return Pointer.physicalBytes() / 1024;
  }

  @Test
  void openMpOfTheCallerIsPutBack() {
    int before = OneDnn.threads();
    OneDnn.useThreads(2);
    try (Kernels kernels = new OneDnnKernels(1)) {
      INDArray one = Nd4j.ones(FLOAT, 4);
      kernels.multiply(one, one, one);
      assertThat(OneDnn.threads()).isEqualTo(2);
    } finally {
      OneDnn.useThreads(before);
    }
  }

  @Test
  void wrongArraysAreNamed() {
    ConvolutionShape shape = ConvolutionShape.pointwise(new ImageShape(1, 2, 2, 3), 2);
    INDArray input = image(1, shape.input());
    INDArray output = empty(FLOAT, shape.output());
    INDArray weights = weights(shape, 2);
    try (Kernels kernels = new OneDnnKernels(1)) {
      assertThatThrownBy(
              () -> kernels.convolution(shape, output, weights, null, Activation.IDENTITY, output))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Invalid shape of convolution input: [1, 2, 2, 2] (must be [1, 2, 2, 3])");
      assertThatThrownBy(
              () ->
                  kernels.convolution(
                      shape,
                      input.castTo(DataType.DOUBLE),
                      weights,
                      null,
                      Activation.IDENTITY,
                      output))
          .hasMessage("Invalid type of convolution input: DOUBLE (must be FLOAT)");
      assertThatThrownBy(
              () ->
                  kernels.convolution(
                      shape, input, weights, Nd4j.ones(FLOAT, 3), Activation.IDENTITY, output))
          .hasMessage("Invalid shape of convolution bias: [3] (must have 2 values)");
      INDArray turned = image(1, new ImageShape(1, 3, 2, 2)).permute(0, 3, 2, 1);
      assertThatThrownBy(
              () -> kernels.convolution(shape, turned, weights, null, Activation.IDENTITY, output))
          .hasMessageStartingWith("Invalid strides of convolution input: ")
          .hasMessageEndingWith("(must be c-ordered and contiguous)");
    }
  }

  @Test
  void closedKernelsRefuse() {
    Kernels kernels = new OneDnnKernels(2);
    kernels.close();
    kernels.close();
    INDArray one = Nd4j.ones(FLOAT, 4);
    assertThatThrownBy(() -> kernels.multiply(one, one, one))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Cannot compute: these kernels are closed");
  }

  @Test
  void factoryKnowsThem() {
    assertThat(OneDnnKernels.available()).isTrue();
    assertThat(OneDnnKernels.unavailableReason()).isEmpty();
    for (String name : List.of(Kernels.AUTO, Kernels.ONEDNN)) {
      try (Kernels kernels = Kernels.create(name, 1)) {
        assertThat(kernels.name()).isEqualTo("onednn");
      }
    }
    assertThatThrownBy(() -> Kernels.create(Kernels.ONEDNN, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid number of kernel threads: 0 (must be > 0)");
    assertThat(Kernels.names()).containsExactly("auto", "onednn", "nd4j");
  }

  @Test
  void plainPassesEqualVectors() {
    assertThat(VectorSupport.present()).isTrue();
    ImageShape image = new ImageShape(3, 5, 7, 24);
    int rows = (int) image.rows();
    int channels = image.channels();
    Floats x = floatsOf(image(1, image));
    Floats upper = floatsOf(image(2, image));
    float[] factor = floats(array(FLOAT, 3, channels));
    float[] offset = floats(array(FLOAT, 4, channels));
    float[] slope = floats(array(FLOAT, 5, channels));
    for (Activation activation : Activation.values()) {
      List<INDArray> results = new ArrayList<>();
      for (Passes passes : List.of(new PlainPasses(), VectorSupport.passes())) {
        INDArray outputs = Nd4j.zeros(FLOAT, 13, image.elements());
        Floats[] out = new Floats[13];
        for (int i = 0; i < 13; i++) {
          INDArray row = outputs.getRow(i);
          out[i] = new Floats(row.data().addressPointer().address(), row.length());
        }
        double[] sums = new double[channels];
        double[] products = new double[channels];
        passes.moments(x, 1, rows - 1, channels, offset, sums, products);
        passes.gradientSums(
            x, upper, 1, rows - 1, channels, factor, offset, slope, activation, sums, products);
        passes.productSums(x, 1, upper, 0, rows - 1, channels, sums);
        passes.swishSums(x, 1, rows - 2, channels, factor, offset, sums);
        passes.swishGradient(
            x, 1, upper, 0, out[7], rows - 2, channels, factor, offset, slope, factor, offset, sums,
            products);
        passes.affine(x, 2, out[1], 1, rows - 2, channels, factor, offset, activation);
        passes.swishAndSlope(x, 1, out[10], out[11], 2, rows - 3, channels, factor, offset);
        passes.slopedGradient(
            x, 1, upper, x, 0, out[12], rows - 2, channels, offset, sums, products);
        passes.gatedSwish(x, 1, out[8], 3, rows - 3, channels, factor, offset, slope);
        passes.affineSum(x, upper, out[9], 1, rows - 2, channels, factor, offset);
        passes.gradient(
            x, upper, out[2], 0, 2, rows - 2, channels, factor, offset, slope, offset, activation);
        passes.spread(out[3], 1, rows - 1, channels, factor);
        passes.scaledSum(x, 0.3f, upper, out[4], 3, 77);
        passes.scaled(x, 0.3f, out[5], 3, 77);
        passes.product(x, upper, out[5], 100, 77);
        passes.sigmoid(x, out[6], 3, 77);
        for (int c = 0; c < channels; c++) {
          out[0].put(c, (float) sums[c]);
          out[0].put(channels + c, (float) products[c]);
        }
        results.add(outputs);
      }
      assertClose("vectors", results.get(1), results.get(0));
    }
  }

  @Test
  void bfloat16IsTheNearestEvenOnTies() {
    float[] values = {
      1f,
      -1f,
      0f,
      -0f,
      Float.intBitsToFloat(0x3f808000), // half way, below is even
      Float.intBitsToFloat(0x3f818000), // half way, above is even
      Float.intBitsToFloat(0x3f808001), // just above half way
      Float.intBitsToFloat(0x3f807fff),
      Float.intBitsToFloat(0x00000001), // smallest, subnormal
      Float.intBitsToFloat(0x007fffff),
      Float.MAX_VALUE, // rounds to infinity
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.NaN,
      Float.intBitsToFloat(0xffffffff), // another NaN
      Float.intBitsToFloat(0x7f800001),
      3.1415927f
    };
    int[] upper = {
      0x3f80, 0xbf80, 0, 0x8000, 0x3f80, 0x3f82, 0x3f81, 0x3f80, 0, 0x80, 0x7f80, 0x7f80, 0xff80,
      0x7fc0, 0x7fc0, 0x7fc0, 0x4049
    };
    int count = values.length * 5;
    INDArray floats = Nd4j.create(FLOAT, count);
    for (int i = 0; i < count; i++) {
      floats.putScalar(i, values[i % values.length]);
    }
    Floats source = floatsOf(floats);
    for (Passes passes : List.of(new PlainPasses(), VectorSupport.passes())) {
      ByteBuffer halves =
          ByteBuffer.allocateDirect(count * Short.BYTES).order(ByteOrder.nativeOrder());
      // NaN with other bits does not survive putScalar on every path: written as bits
      for (int i = 0; i < count; i++) {
        source.bytes().putInt(i * Float.BYTES, Float.floatToRawIntBits(values[i % values.length]));
      }
      passes.narrow(source, 1, halves, 2, count - 3);
      Floats back = floatsOf(Nd4j.create(FLOAT, count));
      passes.widen(halves, 2, back, 1, count - 3);
      for (int i = 1; i < count - 2; i++) {
        int expected = upper[i % values.length];
        assertThat(halves.getShort((i + 1) * Short.BYTES) & 0xffff)
            .as("%s of %s", passes.getClass().getSimpleName(), values[i % values.length])
            .isEqualTo(expected);
        assertThat(back.bytes().getInt(i * Float.BYTES)).isEqualTo(expected << 16);
      }
      assertThat(halves.getShort(0)).isZero();
      assertThat(halves.getShort((count - 1) * Short.BYTES)).isZero();
    }
  }

  private static Floats floatsOf(INDArray array) {
    return new Floats(array.data().addressPointer().address(), array.length());
  }
}
