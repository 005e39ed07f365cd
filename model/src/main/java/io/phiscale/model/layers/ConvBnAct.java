package io.phiscale.model.layers;

import io.phiscale.model.kernels.Activation;
import io.phiscale.model.spec.Padding;
import java.util.List;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * Convolution without bias, batch norm, activation: (N, H, W, inputs) → (N, H', W', outputs).
 *
 * <p>Parameters: {@code W} (kernel, kernel, inputs, outputs / groups), {@code gamma}, {@code beta},
 * {@code mean}, {@code var} (outputs).
 */
public final class ConvBnAct extends KernelLayerConfiguration {

  @JsonProperty private int kernel;
  @JsonProperty private int stride;
  @JsonProperty private int groups;
  @JsonProperty private Activation activation;
  @JsonProperty private InputGradient inputGradient;

  /** For the JSON mapper. */
  ConvBnAct() {}

  /**
   * @param name of the layer
   * @param inputs channels in
   * @param outputs channels out
   * @param kernel side in pixels
   * @param stride 1 or 2
   * @param groups 1, or as many as inputs and outputs (depthwise)
   * @param inputGradient {@link InputGradient#OMITTED} for a network's first layer
   * @param seed of the initial values
   */
  public ConvBnAct(
      String name,
      int inputs,
      int outputs,
      int kernel,
      int stride,
      int groups,
      Padding padding,
      Activation activation,
      InputGradient inputGradient,
      BatchNormRule batchNorm,
      long seed) {
    super(name, inputs, outputs, padding, batchNorm, seed);
    this.kernel = kernel;
    this.stride = stride;
    this.groups = groups;
    this.activation = activation;
    this.inputGradient = inputGradient;
  }

  NormalisedConvolution.Definition convolution() {
    return new NormalisedConvolution.Definition(
        "",
        "conv",
        inputChannels(),
        outputChannels(),
        kernel,
        stride,
        groups,
        padding,
        activation,
        batchNorm());
  }

  InputGradient inputGradient() {
    return inputGradient;
  }

  @Override
  public List<ParameterSegment> segments() {
    return convolution().segments();
  }

  @Override
  List<Object> definition() {
    return List.of(kernel, stride, groups, activation, inputGradient);
  }

  @Override
  int outputPx(int inputPx) {
    return padding.outputPx(inputPx, stride);
  }

  @Override
  KernelLayer<?> implementation(NeuralNetConfiguration conf, DataType type) {
    return new ConvBnActLayer(conf, type);
  }
}
