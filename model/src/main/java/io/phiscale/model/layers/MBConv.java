package io.phiscale.model.layers;

import io.phiscale.model.kernels.Activation;
import io.phiscale.model.spec.BlockInstance;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * A mobile inverted bottleneck block: 1x1 expansion → depthwise convolution → squeeze and
 * excitation → 1x1 projection → stochastic depth → plus the input. (N, H, W, inputs) → (N, H', W',
 * outputs).
 *
 * <p>Source: arXiv 1905.11946v5, section 4; tensorflow/tpu {@code efficientnet_model.py}, {@code
 * MBConvBlock}.
 *
 * <p>Parameters, each convolution's as in {@link ConvBnAct}: {@code expand.*} (where the block
 * expands), {@code depthwise.*}, then {@code squeeze.W} (expanded, squeezed), {@code squeeze.b},
 * {@code excite.W} (squeezed, expanded), {@code excite.b} (where it squeezes), {@code project.*}.
 *
 * <p>Stochastic depth multiplies the branch of an image by 0 with probability {@code dropRate}, by
 * 1 / (1 − dropRate) otherwise, in training only.
 */
public final class MBConv extends KernelLayerConfiguration {

  /** Path of the expansion's segments. */
  static final String EXPANSION = "expand";

  @JsonProperty private int kernel;
  @JsonProperty private int stride;
  @JsonProperty private int expanded;
  @JsonProperty private int squeezed;
  @JsonProperty private BlockInstance.Shortcut shortcut;
  @JsonProperty private double dropRate;

  /** For the JSON mapper. */
  MBConv() {}

  /**
   * @param block sizes; its pixels are not part of the layer, which takes any
   * @param seed of the initial values
   */
  public MBConv(BlockInstance block, Padding padding, BatchNormRule batchNorm, long seed) {
    super(block.name(), block.inputFilters(), block.outputFilters(), padding, batchNorm, seed);
    this.kernel = block.kernel();
    this.stride = block.stride();
    this.expanded = block.expandedFilters();
    this.squeezed = block.squeezedFilters();
    this.shortcut = block.shortcut();
    this.dropRate = block.dropRate();
  }

  Optional<NormalisedConvolution.Definition> expansion() {
    return expanded == inputChannels()
        ? Optional.empty()
        : Optional.of(pointwise(EXPANSION, inputChannels(), expanded, Activation.SWISH));
  }

  NormalisedConvolution.Definition depthwise() {
    return new NormalisedConvolution.Definition(
        "depthwise.",
        "depthwise",
        expanded,
        expanded,
        kernel,
        stride,
        expanded,
        padding,
        Activation.SWISH,
        batchNorm());
  }

  NormalisedConvolution.Definition projection() {
    return pointwise("project", expanded, outputChannels(), Activation.IDENTITY);
  }

  private NormalisedConvolution.Definition pointwise(
      String name, int inputs, int outputs, Activation activation) {
    return new NormalisedConvolution.Definition(
        name + ".", name, inputs, outputs, 1, 1, 1, padding, activation, batchNorm());
  }

  int squeezed() {
    return squeezed;
  }

  boolean residual() {
    return shortcut == BlockInstance.Shortcut.RESIDUAL;
  }

  double dropRate() {
    return dropRate;
  }

  @Override
  public List<ParameterSegment> segments() {
    List<ParameterSegment> segments = new ArrayList<>();
    expansion().ifPresent(expansion -> segments.addAll(expansion.segments()));
    segments.addAll(depthwise().segments());
    if (squeezed > 0) {
      segments.add(
          ParameterSegment.weight(
              "squeeze.W",
              "squeeze/weight",
              Kind.CONVOLUTION_WEIGHT,
              squeezed,
              expanded,
              squeezed));
      segments.add(ParameterSegment.vector("squeeze.b", "squeeze/bias", Kind.BIAS, squeezed));
      segments.add(
          ParameterSegment.weight(
              "excite.W", "excite/weight", Kind.CONVOLUTION_WEIGHT, expanded, squeezed, expanded));
      segments.add(ParameterSegment.vector("excite.b", "excite/bias", Kind.BIAS, expanded));
    }
    segments.addAll(projection().segments());
    return segments;
  }

  @Override
  List<Object> definition() {
    return List.of(kernel, stride, expanded, squeezed, shortcut, dropRate);
  }

  @Override
  int outputPx(int inputPx) {
    return padding.outputPx(inputPx, stride);
  }

  @Override
  KernelLayer<?> implementation(NeuralNetConfiguration conf, DataType type) {
    return new MBConvLayer(conf, type);
  }
}
