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
import io.phiscale.model.train.ParameterLayout;
import io.phiscale.model.train.ParameterLayout.Segment;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * What torchvision computes, computed here from its weights: a training step and an inference.
 *
 * <p>The reference is of torchvision 0.14.1 on PyTorch 1.13.0, float32: {@code EfficientNet} of
 * B0's stages at width 0.25, 10 classes, two images of 64 px, batch norm's parameters and
 * statistics drawn at random, dropout and stochastic depth off.
 */
class TorchParityTest {
  private static final NetworkSpec SMALL =
      NetworkSpec.of(BaseNetwork.EFFICIENTNET_B0, new ScalingCoefficients(0.25, 1, 64), 10);

  /** The first block has no expansion, so one module less. */
  private static final Pattern PROJECTION_SHIFT =
      Pattern.compile(
          "grad\\.features\\.(1\\.\\d+\\.block\\.2|[2-7]\\.\\d+\\.block\\.3)\\.1\\.bias");

  private static Path resource(String name) {
    return Resources.path(name);
  }

  @ParameterizedTest
  @ValueSource(strings = {Kernels.ND4J, Kernels.ONEDNN})
  void aStepAndAnInferenceAreTorchvisions(String kernels) throws IOException {
    compare(
        kernels,
        SMALL.withBatchNorm(BatchNormConvention.TORCH),
        resource("torchvision-small-weights.safetensors"),
        resource("torchvision-small-reference.safetensors"));
  }

  static void compare(String kernels, NetworkSpec published, Path weights, Path reference)
      throws IOException {
    NetworkSpec spec =
        published.withPadding(Padding.SYMMETRIC).withDropout(0).withStochasticDepth(0);
    Map<String, Tensor> theirs = SafeTensors.read(reference);
    TorchWeights names = new TorchWeights(spec, TorchLayout.TORCHVISION);
    float[] before = names.parameters(SafeTensors.read(weights));
    ComputationGraph graph = EfficientNets.build(spec, 0, 0);
    assertThat(EfficientNets.parameterLayout(graph).length()).isEqualTo(before.length);
    StepContext context = new StepContext(Kernels.create(kernels, 2));
    EfficientNets.use(graph, context);
    graph.params().assign(Nd4j.createFromArray(before).reshape(graph.params().shape()));
    Tensor input = theirs.get("input");
    int batch = input.shape().get(0);
    int px = input.shape().get(2);
    INDArray images =
        Nd4j.createFromArray(input.floats()).reshape(batch, 3, px, px).permute(0, 2, 3, 1).dup('c');
    requireClose(
        "logits",
        EfficientNets.logits(graph, images).ravel().toFloatVector(),
        theirs.get("eval_logits").floats(),
        1e-4);

    INDArray labels = Nd4j.zeros(DataType.FLOAT, batch, spec.classes());
    for (int i = 0; i < batch; i++) {
      labels.putScalar(i, theirs.get("labels").bytes().getLong(i * Long.BYTES), 1);
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
