package io.phiscale.model.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx2;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx2_vnni_2;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_amx;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_fp16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_vnni;

import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.network.FoldedNetwork;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Inference in bfloat16 against FLOAT. A rounding to bfloat16 is off by at most 2^-9 = 0.2% of a
 * value. In a network of 16 blocks at most about 100 roundings (of feature maps and weights) follow
 * each other; independent, their errors add up like the square root: 10 · 0.2% = 2%, of values of
 * the size of the largest score. Tested is 3%.
 */
class ReducedInferenceTest {

  private static final double BOUND = 3e-2;

  /** An instruction set of each kind, whatever this machine's is: both mixes run on both. */
  private static final int VECTORS = dnnl_cpu_isa_avx512_core_fp16;

  private static final int TILES = dnnl_cpu_isa_avx512_core_amx;

  private static OneDnnKernels kernels(String support, int threads) {
    assumeThat(Bfloat16Support.of(OneDnn.instructionSet()))
        .as("this machine's CPU")
        .isNotEqualTo(Bfloat16Support.NONE);
    int instructionSet = support.equals("TILES") ? TILES : VECTORS;
    return new OneDnnKernels(threads, Precision.FP32, () -> instructionSet);
  }

  private static INDArray random(long seed, DataType type, long... shape) {
    SplittableRandom random = new SplittableRandom(seed);
    long length = 1;
    for (long size : shape) {
      length *= size;
    }
    float[] values = new float[(int) length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (2 * random.nextDouble() - 1);
    }
    return Views.shaped(Nd4j.createFromArray(values), shape).castTo(type);
  }

  private static INDArray zeros(DataType type, ImageShape shape) {
    return Nd4j.zeros(type, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  private static double difference(INDArray actual, INDArray expected) {
    double largest = expected.amaxNumber().doubleValue();
    assertThat(largest).isPositive();
    INDArray wide = actual.castTo(DataType.DOUBLE);
    return wide.sub(expected.castTo(DataType.DOUBLE)).amaxNumber().doubleValue() / largest;
  }

  private static NetworkSpec b0(Padding padding, int resolutionPx) {
    return NetworkSpec.efficientNet(EfficientNetVariant.B0, 7)
        .withPadding(padding)
        .withResolutionPx(resolutionPx);
  }

  /** As initialised, with scales, shifts and biases such as training leaves. */
  private static float[] parameters(NetworkSpec spec, long seed) {
    float[] values = EfficientNets.initialParameters(spec, seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (Segment segment : EfficientNets.parameterLayout(spec).segments()) {
      for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
        float uniform = (float) random.nextDouble();
        switch (segment.kind()) {
          case BATCH_NORM_SCALE -> values[i] = 0.9f + 0.8f * uniform;
          case BATCH_NORM_SHIFT, BIAS -> values[i] = 0.6f * uniform - 0.3f;
          default -> {
            // As initialised.
          }
        }
      }
    }
    return values;
  }

  private static INDArray images(NetworkSpec spec, int batch) {
    return random(batch, DataType.FLOAT, batch, spec.resolutionPx(), spec.resolutionPx(), 3);
  }

  @ParameterizedTest
  @CsvSource({
    "TILES, 1, SAME, 33, 4",
    "TILES, 2, SAME, 33, 4",
    "TILES, 2, SYMMETRIC, 47, 3",
    "TILES, 3, SYMMETRIC, 64, 5",
    "TILES, 2, SAME, 224, 1",
    "VECTORS, 1, SAME, 224, 1",
    "VECTORS, 2, SYMMETRIC, 223, 2"
  })
  void scoresAreThoseOfFp32ToRounding(
      String support, int threads, Padding padding, int resolutionPx, int largestBatch) {
    NetworkSpec spec = b0(padding, resolutionPx);
    float[] parameters = parameters(spec, 5);
    try (Kernels kernels = kernels(support, threads);
        Kernels again = kernels(support, threads);
        FoldedNetwork exact = new FoldedNetwork(spec, kernels);
        FoldedNetwork reduced = new FoldedNetwork(spec, kernels, Precision.BF16);
        FoldedNetwork repeated = new FoldedNetwork(spec, again, Precision.BF16)) {
      exact.load(parameters);
      reduced.load(parameters);
      repeated.load(parameters);
      for (int batch : new int[] {largestBatch, 1, largestBatch}) {
        INDArray images = images(spec, batch);
        INDArray expected = exact.logits(images);
        INDArray actual = reduced.logits(images);
        assertThat(actual.shape()).containsExactly(batch, 7);
        assertThat(difference(actual, expected)).as("batch %s", batch).isBetween(1e-6, BOUND);
        assertThat(repeated.logits(images)).as("the same bits again").isEqualTo(actual);
        checkBestClasses(actual, expected);
      }
    }
  }

  /** The best class is the same, or a class that was as good to within the bound. */
  private static void checkBestClasses(INDArray actual, INDArray expected) {
    double tolerance = 2 * BOUND * expected.amaxNumber().doubleValue();
    for (int n = 0; n < actual.size(0); n++) {
      int best = actual.getRow(n).argMax().getInt(0);
      assertThat(expected.getRow(n).maxNumber().doubleValue() - expected.getDouble(n, best))
          .as("what image %s loses", n)
          .isLessThan(tolerance);
    }
  }

  @ParameterizedTest
  @CsvSource({"TILES, 33", "VECTORS, 223"})
  void otherParametersReplaceThoseBefore(String support, int resolutionPx) {
    NetworkSpec spec = b0(Padding.SAME, resolutionPx);
    INDArray images = images(spec, 1);
    try (Kernels kernels = kernels(support, 2);
        FoldedNetwork network = new FoldedNetwork(spec, kernels, Precision.BF16);
        FoldedNetwork fresh = new FoldedNetwork(spec, kernels, Precision.BF16)) {
      network.load(parameters(spec, 5));
      INDArray first = network.logits(images).dup();
      network.load(parameters(spec, 6));
      INDArray second = network.logits(images).dup();
      fresh.load(parameters(spec, 6));
      assertThat(fresh.logits(images)).isEqualTo(second).isNotEqualTo(first);
    }
  }

  private static ConvolutionShape shape(String kind, int batch, int size, int stride, int before) {
    int kernel = kind.equals("pointwise") ? 1 : kind.equals("full") ? 3 : 5;
    int channels = kind.equals("full") ? 3 : 20;
    int after = kernel - 1 - before;
    return kernel == 1
        ? ConvolutionShape.pointwise(new ImageShape(batch, size, size, channels), 37)
        : new ConvolutionShape(
            new ImageShape(batch, size, size, channels),
            channels == 3 ? 32 : channels,
            kernel,
            kernel,
            stride,
            new ConvolutionShape.Padding(before, after, before, after),
            channels == 3 ? 1 : channels);
  }

  @ParameterizedTest
  @CsvSource({
    "pointwise, 1, 31, 1, 0",
    "pointwise, 3, 40, 1, 0",
    "depthwise, 1, 41, 1, 2",
    "depthwise, 1, 40, 2, 1",
    "depthwise, 3, 29, 2, 2",
    "depthwise, 2, 33, 1, 2",
    "full, 1, 65, 2, 1",
    "full, 3, 64, 2, 0"
  })
  void convolutionsOfAllTypesAreThoseOfFloat(
      String kind, int batch, int size, int stride, int before) {
    ConvolutionShape shape = shape(kind, batch, size, stride, before);
    long inputs = shape.input().channels();
    INDArray input = random(1, DataType.FLOAT, batch, size, size, inputs);
    INDArray weights =
        random(
            2,
            DataType.FLOAT,
            shape.kernelHeight(),
            shape.kernelWidth(),
            inputs,
            shape.outputChannels() / shape.groups());
    INDArray bias = random(3, DataType.FLOAT, shape.outputChannels());
    for (String support : new String[] {"TILES", "VECTORS"}) {
      for (int threads = 1; threads <= 3; threads += 2) {
        try (Kernels kernels = kernels(support, threads)) {
          INDArray expected = zeros(DataType.FLOAT, shape.output());
          kernels.convolution(shape, input, weights, bias, Activation.SWISH, expected);
          for (DataType from : new DataType[] {DataType.FLOAT, DataType.BFLOAT16}) {
            for (DataType to : new DataType[] {DataType.FLOAT, DataType.BFLOAT16}) {
              INDArray actual = zeros(to, shape.output());
              kernels.inferenceConvolution(
                  shape, input.castTo(from), weights, bias, Activation.SWISH, actual);
              double bound = from == to && to == DataType.FLOAT ? 1e-7 : 1e-2;
              assertThat(difference(actual, expected))
                  .as("%s, %s threads, %s to %s", support, threads, from, to)
                  .isLessThan(bound);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "FLOAT, 1, 7, 2e-6",
    "FLOAT, 3, 30, 2e-6",
    "BFLOAT16, 1, 31, 1e-2",
    "BFLOAT16, 5, 14, 1e-2"
  })
  void gateIsAppliedInTheConvolution(DataType type, int batch, int size, double bound) {
    ImageShape image = new ImageShape(batch, size, size, 48);
    SqueezeExcitationShape squeeze = new SqueezeExcitationShape(image, 6);
    ConvolutionShape shape = ConvolutionShape.pointwise(image, 21);
    INDArray input = random(1, DataType.FLOAT, batch, size, size, 48);
    INDArray weights = random(2, DataType.FLOAT, 1, 1, 48, 21);
    INDArray bias = random(3, DataType.FLOAT, 21);
    SqueezeExcitationWeights gate =
        new SqueezeExcitationWeights(
            random(4, DataType.FLOAT, 48, 6),
            random(5, DataType.FLOAT, 6),
            random(6, DataType.FLOAT, 6, 48),
            random(7, DataType.FLOAT, 48));
    SqueezeExcitationState state =
        new SqueezeExcitationState(
            Nd4j.zeros(DataType.FLOAT, batch, 48),
            Nd4j.zeros(DataType.FLOAT, batch, 6),
            Nd4j.zeros(DataType.FLOAT, batch, 48));
    for (String support : new String[] {"TILES", "VECTORS"}) {
      try (Kernels kernels = kernels(support, 2);
          Kernels plain = new Nd4jKernels()) {
        INDArray expected = zeros(DataType.FLOAT, shape.output());
        plain.squeezeExcitationConvolution(
            squeeze,
            shape,
            input,
            gate,
            state,
            zeros(DataType.FLOAT, image),
            weights,
            bias,
            expected);
        INDArray actual = zeros(DataType.FLOAT, shape.output());
        kernels.squeezeExcitationConvolution(
            squeeze,
            shape,
            input.castTo(type),
            gate,
            state,
            zeros(type, image),
            weights,
            bias,
            actual);
        assertThat(difference(actual, expected)).as(support).isLessThan(bound);
      }
    }
  }

  @Test
  void instructionSetsAreTold() {
    assertThat(Bfloat16Support.of(dnnl_cpu_isa_avx2)).isEqualTo(Bfloat16Support.NONE);
    assertThat(Bfloat16Support.of(dnnl_cpu_isa_avx2_vnni_2)).isEqualTo(Bfloat16Support.NONE);
    assertThat(Bfloat16Support.of(dnnl_cpu_isa_avx512_core_vnni)).isEqualTo(Bfloat16Support.NONE);
    assertThat(Bfloat16Support.of(dnnl_cpu_isa_avx512_core_bf16))
        .isEqualTo(Bfloat16Support.VECTORS);
    assertThat(Bfloat16Support.of(VECTORS)).isEqualTo(Bfloat16Support.VECTORS);
    assertThat(Bfloat16Support.of(TILES)).isEqualTo(Bfloat16Support.TILES);
  }

  @Test
  void saysWhyACpuCannot() {
    NetworkSpec spec = b0(Padding.SAME, 32);
    try (Kernels kernels =
            new OneDnnKernels(1, Precision.FP32, () -> dnnl_cpu_isa_avx512_core_vnni);
        Kernels nd4j = new Nd4jKernels()) {
      assertThat(kernels.inferenceProblem(Precision.FP32)).isEmpty();
      assertThatThrownBy(() -> new FoldedNetwork(spec, kernels, Precision.BF16))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "Cannot predict by efficientnet-b0 in bf16: the instruction set of this CPU is AVX512"
                  + " with VNNI (must have AVX512-BF16 or AMX)");
      ImageShape image = new ImageShape(1, 2, 2, 1);
      assertThatThrownBy(
              () ->
                  kernels.inferenceConvolution(
                      ConvolutionShape.pointwise(image, 1),
                      zeros(DataType.BFLOAT16, image),
                      Nd4j.ones(DataType.FLOAT, 1, 1, 1, 1),
                      null,
                      Activation.IDENTITY,
                      zeros(DataType.FLOAT, image)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "Cannot compute in bf16: the instruction set of this CPU is AVX512 with VNNI (must"
                  + " have AVX512-BF16 or AMX)");
      assertThatThrownBy(() -> new FoldedNetwork(spec, nd4j, Precision.BF16))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "Cannot predict by efficientnet-b0 in bf16: kernels nd4j compute an inference in fp32"
                  + " only");
    }
    assertThat(Bfloat16Support.problem(1 << 30))
        .isEqualTo(
            "the instruction set of this CPU is oneDNN's number 1073741824 (must have AVX512-BF16"
                + " or AMX)");
  }
}
