package io.phiscale.model.kernels;

import static io.phiscale.model.kernels.PlainLoops.array;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_amx;

import io.phiscale.model.kernels.ConvolutionShape.Padding;
import io.phiscale.model.kernels.MBConvShape.Shortcut;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Inverted bottlenecks of {@link OneDnnKernels} against those composed of ND4J's operations. */
class MBConvKernelsTest {

  private static final DataType FLOAT = DataType.FLOAT;

  private static MBConvShape block(
      ImageShape input,
      int expansion,
      int kernel,
      int stride,
      Padding padding,
      int squeezed,
      int outputs,
      Shortcut shortcut) {
    int wide = input.channels() * expansion;
    ConvolutionShape depthwise =
        new ConvolutionShape(input.withChannels(wide), wide, kernel, kernel, stride, padding, wide);
    return new MBConvShape(
        expansion == 1 ? Optional.empty() : Optional.of(ConvolutionShape.pointwise(input, wide)),
        depthwise,
        squeezed,
        ConvolutionShape.pointwise(depthwise.output(), outputs),
        1e-3,
        shortcut);
  }

  static Stream<MBConvShape> blocks() {
    Padding one = new Padding(1, 1, 1, 1);
    Padding two = new Padding(2, 2, 2, 2);
    return Stream.of(
        // not expanded, as EfficientNet's first, with and without shortcut
        block(new ImageShape(4, 12, 10, 32), 1, 3, 1, one, 8, 16, Shortcut.ABSENT),
        block(new ImageShape(3, 9, 9, 16), 1, 3, 1, one, 4, 16, Shortcut.INPUT),
        // stride 2, symmetric and TensorFlow's padding, odd sizes
        block(new ImageShape(4, 16, 16, 16), 6, 3, 2, one, 4, 24, Shortcut.ABSENT),
        block(new ImageShape(2, 15, 13, 24), 6, 5, 2, two, 6, 40, Shortcut.ABSENT),
        block(
            new ImageShape(3, 16, 14, 8), 6, 5, 2, new Padding(1, 2, 1, 2), 2, 12, Shortcut.ABSENT),
        // shortcuts; channels that are no multiple of a vector
        block(new ImageShape(5, 14, 14, 24), 6, 5, 1, two, 6, 24, Shortcut.INPUT),
        block(new ImageShape(6, 7, 7, 40), 6, 3, 1, one, 10, 40, Shortcut.INPUT),
        block(new ImageShape(2, 5, 6, 7), 3, 3, 1, one, 2, 7, Shortcut.INPUT),
        // no squeeze and excitation
        block(new ImageShape(4, 8, 8, 16), 6, 3, 1, one, 0, 16, Shortcut.INPUT),
        // one image; one pixel; more than one band and chunk
        block(new ImageShape(1, 20, 20, 24), 6, 3, 1, one, 6, 24, Shortcut.INPUT),
        block(new ImageShape(3, 1, 1, 16), 6, 5, 1, two, 4, 16, Shortcut.INPUT),
        block(new ImageShape(2, 60, 62, 16), 6, 3, 2, one, 4, 24, Shortcut.ABSENT),
        block(new ImageShape(3, 40, 44, 24), 6, 5, 1, two, 6, 24, Shortcut.INPUT));
  }

  /** Statistics of a handful of values amplify every rounding. */
  static Stream<MBConvShape> blocksOfManyPixels() {
    return blocks().filter(shape -> shape.output().rows() > 10);
  }

  /** Everything that a forward and a backward pass write. */
  private static List<INDArray> run(MBConvShape shape, INDArray sampleScale, Kernels kernels) {
    ImageShape in = shape.input();
    INDArray input = image(1, in);
    MBConvWeights weights = parameters(shape, 10);
    MBConvWeights gradients = parameters(shape, 50);
    MBConvState state = state(shape, kernels.stateType(FLOAT));
    INDArray output = image(2, shape.output());
    kernels.mbConvTraining(shape, weights, input, sampleScale, state, output);
    INDArray inputGradient = image(3, in);
    kernels.mbConvGradients(
        shape,
        weights,
        input,
        sampleScale,
        state,
        image(4, shape.output()),
        inputGradient,
        gradients);
    List<INDArray> results = new ArrayList<>(List.of(output, inputGradient));
    add(results, gradients.expansion());
    add(results, gradients.depthwise());
    add(results, gradients.projection());
    if (gradients.squeeze() != null) {
      SqueezeExcitationWeights squeeze = gradients.squeeze();
      results.add(squeeze.reduceWeights());
      results.add(squeeze.reduceBias());
      results.add(squeeze.expandWeights());
      results.add(squeeze.expandBias());
    }
    for (NormalisedState part :
        new NormalisedState[] {state.expansion(), state.depthwise(), state.projection()}) {
      if (part != null) {
        results.add(part.mean());
        results.add(part.variance());
      }
    }
    return results;
  }

  private static void add(List<INDArray> results, NormalisedWeights weights) {
    if (weights != null) {
      results.add(weights.weights());
      results.add(weights.scale());
      results.add(weights.shift());
    }
  }

  private static INDArray image(long seed, ImageShape shape) {
    return array(FLOAT, seed, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  private static MBConvWeights parameters(MBConvShape shape, long seed) {
    int channels = shape.depthwise().outputChannels();
    int squeezed = shape.squeezed();
    return new MBConvWeights(
        shape.expansion().map(expansion -> parameters(expansion, seed)).orElse(null),
        parameters(shape.depthwise(), seed + 3),
        squeezed == 0
            ? null
            : new SqueezeExcitationWeights(
                array(FLOAT, seed + 6, channels, squeezed),
                array(FLOAT, seed + 7, squeezed),
                array(FLOAT, seed + 8, squeezed, channels),
                array(FLOAT, seed + 9, channels)),
        parameters(shape.projection(), seed + 10));
  }

  private static NormalisedWeights parameters(ConvolutionShape shape, long seed) {
    INDArray weights =
        shape.depthwise()
            ? array(FLOAT, seed, shape.kernelHeight(), shape.kernelWidth(), shape.groups(), 1)
            : array(FLOAT, seed, 1, 1, shape.input().channels(), shape.outputChannels());
    return new NormalisedWeights(
        weights,
        array(FLOAT, seed + 1, shape.outputChannels()),
        array(FLOAT, seed + 2, shape.outputChannels()));
  }

  private static MBConvState state(MBConvShape shape, DataType wide) {
    int batch = shape.input().batch();
    int channels = shape.depthwise().outputChannels();
    return new MBConvState(
        shape.expansion().map(expansion -> state(expansion, wide)).orElse(null),
        state(shape.depthwise(), wide),
        shape.squeezes()
            ? new SqueezeExcitationState(
                Nd4j.create(FLOAT, batch, channels),
                Nd4j.create(FLOAT, batch, shape.squeezed()),
                Nd4j.create(FLOAT, batch, channels))
            : null,
        state(shape.projection(), FLOAT));
  }

  private static NormalisedState state(ConvolutionShape shape, DataType type) {
    return new NormalisedState(
        image(7, shape.output()).castTo(type),
        Nd4j.create(FLOAT, shape.outputChannels()),
        Nd4j.create(FLOAT, shape.outputChannels()));
  }

  private static INDArray sampleScale(MBConvShape shape) {
    INDArray scale = Nd4j.create(FLOAT, shape.input().batch());
    for (int n = 0; n < shape.input().batch(); n++) {
      scale.putScalar(n, n % 3 == 1 ? 0 : 1.25);
    }
    return scale;
  }

  @ParameterizedTest
  @MethodSource("blocks")
  void fusedEqualsComposed(MBConvShape shape) {
    List<INDArray> scales = new ArrayList<>();
    scales.add(null);
    if (shape.shortcut() == Shortcut.INPUT) {
      scales.add(sampleScale(shape));
    }
    for (INDArray scale : scales) {
      List<INDArray> expected;
      try (Kernels nd4j = new Nd4jKernels()) {
        expected = run(shape, scale, nd4j);
      }
      for (int threads : new int[] {1, 2, 3}) {
        try (Kernels kernels = new OneDnnKernels(threads)) {
          List<INDArray> first = run(shape, scale, kernels);
          List<INDArray> second = run(shape, scale, kernels);
          for (int i = 0; i < expected.size(); i++) {
            assertClose(
                String.format("%s, result %s on %s threads", shape, i, threads),
                first.get(i),
                expected.get(i));
            assertThat(floats(second.get(i))).isEqualTo(floats(first.get(i)));
          }
        }
      }
    }
  }

  /**
   * What is rounded to bfloat16 (2^-9 of a value at most) is the input of batch norms and
   * gradients, so an error of some 2^-9 of the largest value is to be expected; gradients add up
   * several.
   */
  @ParameterizedTest
  @MethodSource("blocksOfManyPixels")
  void bfloat16IsCloseToFloat(MBConvShape shape) {
    INDArray scale = shape.shortcut() == Shortcut.INPUT ? sampleScale(shape) : null;
    List<INDArray> exact;
    try (Kernels kernels = new OneDnnKernels(2)) {
      exact = run(shape, scale, kernels);
    }
    List<INDArray> alone = null;
    for (int threads : new int[] {1, 2, 3}) {
      try (Kernels kernels = new OneDnnKernels(threads, Precision.BF16)) {
        List<INDArray> first = run(shape, scale, kernels);
        List<INDArray> second = run(shape, scale, kernels);
        alone = alone == null ? first : alone;
        for (int i = 0; i < exact.size(); i++) {
          String what = String.format("%s, result %s on %s threads", shape, i, threads);
          assertClose(what, first.get(i), exact.get(i), 0.04);
          assertClose(what + " against one", first.get(i), alone.get(i), 0.02);
          assertThat(floats(second.get(i))).isEqualTo(floats(first.get(i)));
        }
        assertThat(floats(first.get(1))).as("rounded").isNotEqualTo(floats(exact.get(1)));
      }
    }
  }

  /** Products of bfloat16, which are for CPUs with AMX, but which AVX512-BF16 can do as well. */
  @ParameterizedTest
  @MethodSource("blocksOfManyPixels")
  void productsOfBfloat16AreCloseToFloat(MBConvShape shape) {
    assumeThat(Bfloat16Support.of(OneDnn.instructionSet())).isNotEqualTo(Bfloat16Support.NONE);
    List<INDArray> exact;
    try (Kernels kernels = new OneDnnKernels(2)) {
      exact = run(shape, null, kernels);
    }
    for (int threads : new int[] {1, 2}) {
      try (Kernels kernels =
          new OneDnnKernels(threads, Precision.BF16, () -> dnnl_cpu_isa_avx512_core_amx)) {
        List<INDArray> first = run(shape, null, kernels);
        List<INDArray> second = run(shape, null, kernels);
        for (int i = 0; i < exact.size(); i++) {
          assertClose(
              String.format("%s, result %s on %s threads", shape, i, threads),
              first.get(i),
              exact.get(i),
              0.05);
          assertThat(floats(second.get(i))).isEqualTo(floats(first.get(i)));
        }
      }
    }
  }

  @Test
  void onlyOneDnnKnowsBfloat16() {
    assertThatThrownBy(() -> Kernels.create(Kernels.ND4J, 1, Precision.BF16))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Invalid precision: bf16 (kernels nd4j compute in fp32 only; onednn knows bf16)");
    try (Kernels kernels = Kernels.create(Kernels.AUTO, 1, Precision.BF16)) {
      assertThat(kernels.stateType(FLOAT)).isEqualTo(DataType.BFLOAT16);
    }
  }

  private static float[] floats(INDArray array) {
    return Views.flat(array).toFloatVector();
  }

  private static void assertClose(String what, INDArray actual, INDArray expected) {
    assertClose(what, actual, expected, 1e-4);
  }

  private static void assertClose(
      String what, INDArray actual, INDArray expected, double tolerance) {
    float[] values = floats(actual);
    float[] wanted = floats(expected);
    assertThat(values).as(what).hasSameSizeAs(wanted);
    double size = 1;
    for (float value : wanted) {
      size = Math.max(size, Math.abs(value));
    }
    for (int i = 0; i < wanted.length; i++) {
      if (!(Math.abs(values[i] - wanted[i]) <= tolerance * size)) {
        assertThat(values[i]).as("%s, element %s", what, i).isEqualTo(wanted[i]);
      }
    }
  }

  @Test
  void partsThatDoNotFitAreNamed() {
    ImageShape input = new ImageShape(2, 8, 8, 16);
    MBConvShape fine = block(input, 6, 3, 1, new Padding(1, 1, 1, 1), 4, 16, Shortcut.INPUT);
    assertThatThrownBy(
            () ->
                new MBConvShape(
                    fine.expansion(),
                    fine.depthwise(),
                    -1,
                    fine.projection(),
                    1e-3,
                    Shortcut.INPUT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid number of squeezed channels: -1 (must be >= 0)");
    assertThatThrownBy(() -> block(input, 6, 3, 2, new Padding(1, 1, 1, 1), 4, 16, Shortcut.INPUT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("Invalid shortcut: input")
        .hasMessageContaining("must have the output's shape");
    assertThatThrownBy(
            () ->
                new MBConvShape(
                    Optional.of(ConvolutionShape.pointwise(input, 32)),
                    fine.depthwise(),
                    4,
                    fine.projection(),
                    1e-3,
                    Shortcut.INPUT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("Invalid input of the depthwise convolution");
  }
}
