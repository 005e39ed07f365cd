package io.phiscale.model.spec;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * One layer that has parameters, with its counts for one image: the single place from which
 * parameters, multiply-adds and memory of a network are derived.
 *
 * <p>The output has shape (N, outputPx, outputPx, outputFilters), or (N, outputFilters) for {@link
 * Kind#DENSE}.
 *
 * @param group the part of the network it belongs to: {@code stem}, {@code block_03}, {@code head}
 *     or {@code classifier}
 * @param name within its group, e.g. {@code depthwise/batch_norm}
 * @param kind what it computes
 * @param kernel side of the kernel in pixels, 1 where there is none
 * @param stride 1 where there is none
 * @param inputFilters channels in
 * @param outputFilters channels out
 * @param outputPx side of the output in pixels, 1 after pooling
 */
public record LayerSpec(
    String group,
    String name,
    Kind kind,
    int kernel,
    int stride,
    int inputFilters,
    int outputFilters,
    int outputPx)
    implements Serializable {

  /** What a layer computes. */
  public enum Kind {
    /** k x k convolution over all input channels, without bias. */
    CONVOLUTION("conv"),
    /** k x k convolution of each channel by itself, without bias. */
    DEPTHWISE_CONVOLUTION("depthwise conv"),
    /** Scale and shift per channel, and two running statistics per channel. */
    BATCH_NORM("batch norm"),
    /** 1x1 convolution with bias on pooled features, inside squeeze and excitation. */
    SQUEEZE_EXCITATION_CONVOLUTION("squeeze-excite conv"),
    /** Dense layer with bias. */
    DENSE("dense");

    private final String label;

    Kind(String label) {
      this.label = label;
    }

    /** As in tables. */
    public String label() {
      return label;
    }
  }

  static List<LayerSpec> of(NetworkSpec network) {
    List<LayerSpec> layers = new ArrayList<>();
    addConvolution(
        layers,
        "stem",
        "conv",
        Kind.CONVOLUTION,
        NetworkSpec.STEM_KERNEL,
        network.stemStride(),
        network.inputChannels(),
        network.stemFilters(),
        network.stemOutputPx());
    int px = network.stemOutputPx();
    for (BlockInstance block : network.blocks()) {
      addBlock(layers, block);
      px = block.outputPx();
    }
    addConvolution(
        layers,
        "head",
        "conv",
        Kind.CONVOLUTION,
        1,
        1,
        network.headInputFilters(),
        network.headFilters(),
        px);
    layers.add(
        new LayerSpec(
            "classifier", "dense", Kind.DENSE, 1, 1, network.headFilters(), network.classes(), 1));
    return List.copyOf(layers);
  }

  private static void addBlock(List<LayerSpec> layers, BlockInstance block) {
    if (block.expands()) {
      addConvolution(
          layers,
          block.name(),
          "expand",
          Kind.CONVOLUTION,
          1,
          1,
          block.inputFilters(),
          block.expandedFilters(),
          block.inputPx());
    }
    addConvolution(
        layers,
        block.name(),
        "depthwise",
        Kind.DEPTHWISE_CONVOLUTION,
        block.kernel(),
        block.stride(),
        block.expandedFilters(),
        block.expandedFilters(),
        block.outputPx());
    if (block.squeezes()) {
      layers.add(
          new LayerSpec(
              block.name(),
              "squeeze",
              Kind.SQUEEZE_EXCITATION_CONVOLUTION,
              1,
              1,
              block.expandedFilters(),
              block.squeezedFilters(),
              1));
      layers.add(
          new LayerSpec(
              block.name(),
              "excite",
              Kind.SQUEEZE_EXCITATION_CONVOLUTION,
              1,
              1,
              block.squeezedFilters(),
              block.expandedFilters(),
              1));
    }
    addConvolution(
        layers,
        block.name(),
        "project",
        Kind.CONVOLUTION,
        1,
        1,
        block.expandedFilters(),
        block.outputFilters(),
        block.outputPx());
  }

  /** A convolution and the batch norm that follows it. */
  private static void addConvolution(
      List<LayerSpec> layers,
      String group,
      String name,
      Kind kind,
      int kernel,
      int stride,
      int inputFilters,
      int outputFilters,
      int outputPx) {
    layers.add(
        new LayerSpec(group, name, kind, kernel, stride, inputFilters, outputFilters, outputPx));
    layers.add(
        new LayerSpec(
            group,
            name + "/batch_norm",
            Kind.BATCH_NORM,
            1,
            1,
            outputFilters,
            outputFilters,
            outputPx));
  }

  /** Trainable weights without biases; a batch norm's scale and shift count as weights. */
  public long weights() {
    return switch (kind) {
      case CONVOLUTION, SQUEEZE_EXCITATION_CONVOLUTION, DENSE ->
          (long) kernel * kernel * inputFilters * outputFilters;
      case DEPTHWISE_CONVOLUTION -> (long) kernel * kernel * outputFilters;
      case BATCH_NORM -> 2L * outputFilters;
    };
  }

  /** Trainable biases. */
  public long biases() {
    return switch (kind) {
      case SQUEEZE_EXCITATION_CONVOLUTION, DENSE -> outputFilters;
      case CONVOLUTION, DEPTHWISE_CONVOLUTION, BATCH_NORM -> 0;
    };
  }

  /** Trainable parameters: weights and biases. */
  public long parameters() {
    return weights() + biases();
  }

  /** Running means and variances, which no optimizer touches. */
  public long runningStatistics() {
    return kind == Kind.BATCH_NORM ? 2L * outputFilters : 0;
  }

  /** Elements of the output for one image. */
  public long outputElements() {
    return (long) outputPx * outputPx * outputFilters;
  }

  /**
   * Multiply-adds for one image: of convolutions and dense layers, biases not counted; batch norm
   * none, because it can be folded into the convolution before it.
   */
  public long multiplyAdds() {
    return kind == Kind.BATCH_NORM ? 0 : weights() * outputPx * outputPx;
  }

  /**
   * What the torchinfo tool counts as multiply-adds for one image: every parameter, biases
   * included, once per output pixel of a convolution, but once per image for anything else, batch
   * norm included.
   *
   * <p>Source: TylerYep/torchinfo {@code torchinfo/layer_info.py}, {@code calculate_macs}.
   */
  public long torchinfoMultiplyAdds() {
    return switch (kind) {
      case CONVOLUTION, DEPTHWISE_CONVOLUTION, SQUEEZE_EXCITATION_CONVOLUTION ->
          parameters() * outputPx * outputPx;
      case BATCH_NORM, DENSE -> parameters();
    };
  }
}
