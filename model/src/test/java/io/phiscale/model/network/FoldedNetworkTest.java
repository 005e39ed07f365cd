package io.phiscale.model.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Views;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.util.List;
import java.util.SplittableRandom;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;

class FoldedNetworkTest {

  private static NetworkSpec b0(Padding padding, int resolutionPx) {
    return NetworkSpec.efficientNet(EfficientNetVariant.B0, 7)
        .withPadding(padding)
        // Running statistics are those of the last batch.
        .withBatchNorm(new BatchNormConvention(1e-3, 0))
        .withResolutionPx(resolutionPx);
  }

  private static INDArray images(NetworkSpec spec, int batch) {
    SplittableRandom random = new SplittableRandom(batch);
    float[] values = new float[batch * spec.resolutionPx() * spec.resolutionPx() * 3];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (2 * random.nextDouble() - 1);
    }
    return Nd4j.createFromArray(values)
        .reshape(new long[] {batch, spec.resolutionPx(), spec.resolutionPx(), 3});
  }

  /** In double precision, so that differences are the folded network's. */
  private static ComputationGraph exact(NetworkSpec spec) {
    return EfficientNets.build(
        EfficientNets.configuration(spec, 3, 0.1, new NoOp(), DataType.DOUBLE));
  }

  /**
   * Values such as training leaves: scales that are not 1, shifts and biases that are not 0, and
   * the running statistics of such images.
   */
  private static float[] train(ComputationGraph graph, NetworkSpec spec) {
    List<Segment> segments = EfficientNets.parameterLayout(graph).segments();
    double[] values = Views.flat(graph.params()).toDoubleVector();
    SplittableRandom random = new SplittableRandom(5);
    for (Segment segment : segments) {
      for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
        double uniform = random.nextDouble();
        switch (segment.kind()) {
          case BATCH_NORM_SCALE -> values[i] = 0.7 + 0.8 * uniform;
          case BATCH_NORM_SHIFT, BIAS -> values[i] = 0.6 * uniform - 0.3;
          default -> {
            // As initialised.
          }
        }
      }
    }
    assign(graph, values);
    graph.setInput(0, images(spec, 8).castTo(DataType.DOUBLE));
    graph.setLabels(Nd4j.ones(DataType.DOUBLE, 8, 7).divi(7));
    graph.computeGradientAndScore();
    double[] changes = Views.flat(graph.getFlattenedGradients()).toDoubleVector();
    float[] rounded = new float[values.length];
    for (Segment segment : segments) {
      for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
        if (segment.kind().runningStatistic()) {
          values[i] -= changes[i];
        }
        rounded[i] = (float) values[i];
        values[i] = rounded[i];
      }
    }
    assign(graph, values);
    return rounded;
  }

  private static void assign(ComputationGraph graph, double[] values) {
    graph.params().assign(Nd4j.createFromArray(values).reshape(graph.params().shape()));
  }

  @ParameterizedTest
  @CsvSource({
    "onednn, 1, SAME, 33",
    "onednn, 2, SAME, 33",
    "onednn, 2, SYMMETRIC, 47",
    "onednn, 3, SYMMETRIC, 64",
    "nd4j, 2, SAME, 47",
    "nd4j, 2, SYMMETRIC, 33"
  })
  void scoresAreThoseOfTheUnfoldedNetwork(
      String name, int threads, Padding padding, int resolutionPx) {
    NetworkSpec spec = b0(padding, resolutionPx);
    try (Kernels kernels = Kernels.create(name, threads);
        FoldedNetwork folded = new FoldedNetwork(spec, kernels)) {
      ComputationGraph graph = exact(spec);
      folded.load(train(graph, spec));
      // A batch, the rest of an epoch, single images, and a larger batch than at first.
      for (int batch : new int[] {4, 3, 1, 4, 5}) {
        INDArray images = images(spec, batch);
        INDArray expected = EfficientNets.logits(graph, images.castTo(DataType.DOUBLE));
        INDArray actual = folded.logits(images);
        assertThat(actual.shape()).containsExactly(batch, 7);
        double largest = expected.amaxNumber().doubleValue();
        assertThat(largest).isPositive();
        assertThat(actual.castTo(DataType.DOUBLE).sub(expected).amaxNumber().doubleValue())
            .as("batch %s", batch)
            .isLessThan(1e-4 * largest);
      }
    }
  }

  @Test
  void layoutOfASpecificationIsThatOfItsGraph() {
    NetworkSpec spec = b0(Padding.SAME, 32);
    assertThat(EfficientNets.parameterLayout(spec))
        .isEqualTo(EfficientNets.parameterLayout(EfficientNets.build(spec, 3)));
  }

  @Test
  void otherParametersReplaceThoseBefore() {
    NetworkSpec spec = b0(Padding.SAME, 32);
    try (Kernels kernels = Kernels.create(Kernels.AUTO, 1);
        FoldedNetwork folded = new FoldedNetwork(spec, kernels)) {
      float[] parameters = EfficientNets.initialParameters(spec, 3);
      INDArray images = images(spec, 2);
      folded.load(parameters);
      INDArray first = folded.logits(images).dup();
      folded.load(train(exact(spec), spec));
      INDArray second = folded.logits(images).dup();
      folded.load(parameters);
      assertThat(folded.logits(images)).isEqualTo(first).isNotEqualTo(second);
    }
  }

  @Test
  void saysWhatDoesNotFit() {
    NetworkSpec spec = b0(Padding.SAME, 32);
    ParameterLayout layout = EfficientNets.parameterLayout(spec);
    try (Kernels kernels = Kernels.create(Kernels.AUTO, 1);
        FoldedNetwork folded = new FoldedNetwork(spec, kernels)) {
      INDArray images = images(spec, 2);
      assertThatThrownBy(() -> folded.logits(images))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("Cannot predict by efficientnet-b0: no parameters were loaded");
      assertThatThrownBy(() -> folded.load(new float[3]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "Invalid parameters for efficientnet-b0: 3 values (must be %s)", layout.length());
      float[] parameters = new float[layout.length()];
      folded.load(parameters);
      assertThatThrownBy(() -> folded.logits(images(b0(Padding.SAME, 31), 2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "Invalid images for efficientnet-b0: [2, 31, 31, 3] (must be (N, 32, 32, 3))");
      parameters[0] = Float.NaN;
      assertThatThrownBy(() -> folded.load(parameters))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "Invalid parameters for efficientnet-b0: stem/conv/weight, batch norm folded in, has"
                  + " the value NaN (must be finite)");
      assertThatThrownBy(() -> folded.logits(images)).isInstanceOf(IllegalStateException.class);
    }
  }
}
