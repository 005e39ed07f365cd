package io.phiscale.model.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.layers.StepContext;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What torchvision and timm compute, computed here from their weights: a training step and an
 * inference. Dropout and stochastic depth are off, images two, classes ten.
 *
 * <p>The references are of torchvision 0.14.1 and timm 1.0.28 on PyTorch 1.13.0, float32; {@code
 * src/test/python} says how they were made.
 */
class TorchParityTest {

  /** What a library computed. */
  private enum Reference {
    /** torchvision's B0 at width 0.25, 64 px, from a state dictionary that was saved. */
    TORCHVISION_SMALL,
    /** Narrower, 23 blocks deep, an odd resolution, the batch norm of torchvision's B5 to B7. */
    TORCHVISION_DEEP,
    /** timm's {@code efficientnet_b0} at width 0.25 and an odd resolution. */
    TIMM_ODD,
    /** timm's {@code tf_efficientnet_b0} at width 0.25: TensorFlow's padding and batch norm. */
    TIMM_TF;

    NetworkSpec network() {
      return switch (this) {
        case TORCHVISION_SMALL -> symmetric(0.25, 1, 64).withBatchNorm(BatchNormConvention.TORCH);
        case TORCHVISION_DEEP ->
            symmetric(0.15, 1.2, 75).withBatchNorm(BatchNormConvention.TENSORFLOW);
        case TIMM_ODD -> symmetric(0.25, 1, 61).withBatchNorm(BatchNormConvention.TORCH);
        case TIMM_TF ->
            symmetric(0.25, 1, 64)
                .withPadding(Padding.SAME)
                .withBatchNorm(BatchNormConvention.TENSORFLOW);
      };
    }

    private static NetworkSpec symmetric(double width, double depth, int resolutionPx) {
      return NetworkSpec.of(
              BaseNetwork.EFFICIENTNET_B0, new ScalingCoefficients(width, depth, resolutionPx), 10)
          .withPadding(Padding.SYMMETRIC)
          .withDropout(0)
          .withStochasticDepth(0);
    }

    TorchLayout layout() {
      return this == TIMM_ODD || this == TIMM_TF ? TorchLayout.TIMM : TorchLayout.TORCHVISION;
    }

    Map<String, Tensor> results() throws IOException {
      String name = name().toLowerCase(Locale.ROOT).replace('_', '-');
      return SafeTensors.read(Resources.path(name + "-reference.safetensors"));
    }

    Map<String, Tensor> weights() throws IOException {
      return this == TORCHVISION_SMALL
          ? SafeTensors.read(Resources.path("torchvision-small-weights.safetensors"))
          : HashedTensors.weights(new TorchWeights(network(), layout()).shapes());
    }

    Tensor images() throws IOException {
      return this == TORCHVISION_SMALL
          ? results().get("input")
          : HashedTensors.images(2, network().resolutionPx());
    }

    List<Integer> labels() throws IOException {
      if (this == TORCHVISION_SMALL) {
        ByteBuffer labels = results().get("labels").bytes();
        return List.of((int) labels.getLong(0), (int) labels.getLong(Long.BYTES));
      }
      return List.of(3, 7);
    }
  }

  /** The shift of a block's last batch norm; in stage 0 blocks have no expansion. */
  private static final Pattern PROJECTION_SHIFT =
      Pattern.compile(
          "grad\\.(features\\.(1\\.\\d+\\.block\\.2|[2-7]\\.\\d+\\.block\\.3)\\.1"
              + "|blocks\\.(0\\.\\d+\\.bn2|[1-6]\\.\\d+\\.bn3))\\.bias");

  static Stream<Arguments> references() {
    return Arrays.stream(Reference.values())
        .flatMap(
            reference ->
                Stream.of(Kernels.ND4J, Kernels.ONEDNN)
                    .map(kernels -> Arguments.of(reference, kernels)));
  }

  @ParameterizedTest
  @MethodSource("references")
  void aStepAndAnInferenceAreTheLibrarys(Reference reference, String kernels) throws IOException {
    NetworkSpec spec = reference.network();
    Map<String, Tensor> theirs = reference.results();
    TorchWeights names = new TorchWeights(spec, reference.layout());
    float[] before = names.parameters(reference.weights());
    ComputationGraph graph = EfficientNets.build(spec, 0, 0);
    assertThat(EfficientNets.parameterLayout(graph).length()).isEqualTo(before.length);
    StepContext context = new StepContext(Kernels.create(kernels, 2));
    EfficientNets.use(graph, context);
    graph.params().assign(Nd4j.createFromArray(before).reshape(graph.params().shape()));
    Tensor input = reference.images();
    int batch = input.shape().get(0);
    int px = spec.resolutionPx();
    INDArray images =
        Nd4j.createFromArray(input.floats()).reshape(batch, 3, px, px).permute(0, 2, 3, 1).dup('c');
    requireClose(
        "logits",
        EfficientNets.logits(graph, images).ravel().toFloatVector(),
        theirs.get("eval_logits").floats(),
        1e-4);

    INDArray labels = Nd4j.zeros(DataType.FLOAT, batch, spec.classes());
    for (int i = 0; i < batch; i++) {
      labels.putScalar(i, reference.labels().get(i), 1);
    }
    graph.setInput(0, images);
    graph.setLabels(labels);
    graph.computeGradientAndScore();
    requireClose(
        "loss", new float[] {(float) graph.score()}, theirs.get("train_loss").floats(), 1e-5);
    float[] gradients = graph.getFlattenedGradients().ravel().toFloatVector();
    ParameterLayout layout = EfficientNets.parameterLayout(graph);
    float[] after = before.clone();
    for (Segment segment : layout.segments()) {
      if (segment.kind().runningStatistic()) {
        for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
          after[i] -= gradients[i];
          // What is left are the gradients of trainable parameters.
          gradients[i] = 0;
        }
      }
    }
    Map<String, Tensor> gradientTensors = names.tensors(gradients);
    Map<String, Tensor> afterTensors = names.tensors(after);
    Map<String, Double> compared = new LinkedHashMap<>();
    for (Map.Entry<String, Tensor> their : theirs.entrySet()) {
      String name = their.getKey();
      if (name.startsWith("grad.")) {
        float[] ours = gradientTensors.get(name.substring("grad.".length())).floats();
        String scale = name.replaceFirst("bias$", "weight");
        // The batch norm of the next block takes away whatever a projection's shift adds, so that
        // its gradient is zero but for rounding: it is measured by that of the scale beside it.
        float[] measure =
            theirs.get(PROJECTION_SHIFT.matcher(name).matches() ? scale : name).floats();
        compared.put(name, requireClose(name, ours, their.getValue().floats(), measure, 1e-3));
      } else if (name.startsWith("after.")) {
        float[] ours = afterTensors.get(name.substring("after.".length())).floats();
        compared.put(name, requireClose(name, ours, their.getValue().floats(), 1e-5));
      }
    }
    assertThat(compared).hasSize(names.shapes().size());
    context.close();
    graph.close();
  }

  private static double requireClose(String name, float[] ours, float[] theirs, double most) {
    return requireClose(name, ours, theirs, theirs, most);
  }

  /**
   * Relative to the largest magnitude of a tensor.
   *
   * @param measure that tensor
   */
  private static double requireClose(
      String name, float[] ours, float[] theirs, float[] measure, double most) {
    assertThat(ours).as(name).hasSameSizeAs(theirs);
    double largest = 0;
    double error = 0;
    for (float value : measure) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < ours.length; i++) {
      error = Math.max(error, Math.abs((double) ours[i] - theirs[i]));
    }
    assertThat(error / largest).as("relative error of " + name).isLessThanOrEqualTo(most);
    return error / largest;
  }
}
