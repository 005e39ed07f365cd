package io.phiscale.model.layers;

import io.phiscale.model.kernels.VarianceEstimate;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.List;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Output layer of a classifier: mean over H and W, dropout, dense, softmax. (N, H, W, inputs) → (N,
 * classes) probabilities; labels (N, classes), each row summing to 1.
 *
 * <p>The loss is the mean cross entropy of the batch, with smoothed labels in training and plain
 * ones in evaluation. Gradients are of that mean, so the network must not divide them by the batch
 * again ({@code miniBatch(false)}).
 *
 * <p>Dropout multiplies a pooled feature by 0 with probability {@code dropout}, by 1 / (1 −
 * dropout) otherwise, in training only.
 *
 * <p>Parameters: {@code W} (inputs, classes), {@code b} (classes).
 */
public final class ClassifierHead extends KernelLayerConfiguration {

  @JsonProperty private double dropout;
  @JsonProperty private double labelSmoothing;

  /** For the JSON mapper. */
  ClassifierHead() {}

  /**
   * @param name of the layer
   * @param inputs channels in
   * @param classes number of scores
   * @param dropout fraction of the pooled features dropped in training, in [0, 1)
   * @param labelSmoothing part of each label that is spread over all classes, in [0, 1)
   * @param seed of the initial values
   */
  public ClassifierHead(
      String name, int inputs, int classes, double dropout, double labelSmoothing, long seed) {
    super(
        name,
        inputs,
        classes,
        Padding.SAME,
        // There is no batch norm here.
        new BatchNormRule(0, 0, VarianceEstimate.UNBIASED),
        seed);
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid dropout: %s (must be in [0, 1))", dropout));
    }
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid label smoothing: %s (must be in [0, 1))", labelSmoothing));
    }
    this.dropout = dropout;
    this.labelSmoothing = labelSmoothing;
  }

  double dropout() {
    return dropout;
  }

  double labelSmoothing() {
    return labelSmoothing;
  }

  @Override
  public List<ParameterSegment> segments() {
    return List.of(
        ParameterSegment.weight(
            "W",
            "dense/weight",
            Kind.DENSE_WEIGHT,
            outputChannels(),
            inputChannels(),
            outputChannels()),
        ParameterSegment.vector("b", "dense/bias", Kind.BIAS, outputChannels()));
  }

  @Override
  List<Object> definition() {
    return List.of(dropout, labelSmoothing);
  }

  @Override
  int outputPx(int inputPx) {
    return 1;
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType inputType) {
    image(inputType);
    return InputType.feedForward(getNOut());
  }

  @Override
  KernelLayer<?> implementation(NeuralNetConfiguration conf, DataType type) {
    return new ClassifierHeadLayer(conf, type);
  }
}
