package io.phiscale.model.kernels;

import java.util.Optional;

/**
 * An inverted bottleneck: 1x1 expansion, depthwise convolution, squeeze and excitation, 1x1
 * projection, each convolution with its batch norm, the first two with a swish.
 *
 * <p>Source: arXiv 1801.04381 (the block), 1709.01507 (squeeze and excitation), 1905.11946.
 *
 * @param expansion pointwise; empty where the block does not expand
 * @param depthwise its input is the expansion's output
 * @param squeezed channels inside squeeze and excitation; 0 where the block has none
 * @param projection pointwise, of the depthwise convolution's output
 * @param epsilon of the three batch norms
 * @param shortcut whether the input is added to the output
 */
public record MBConvShape(
    Optional<ConvolutionShape> expansion,
    ConvolutionShape depthwise,
    int squeezed,
    ConvolutionShape projection,
    double epsilon,
    Shortcut shortcut) {

  /** What is added to the projection. */
  public enum Shortcut {
    /** Nothing. */
    ABSENT,
    /** The block's input. */
    INPUT
  }

  public MBConvShape {
    if (squeezed < 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of squeezed channels: %s (must be >= 0)", squeezed));
    }
    expansion.ifPresent(
        first -> {
          checkPointwise("expansion", first);
          checkFollows("depthwise convolution", depthwise, first.output());
        });
    checkPointwise("projection", projection);
    checkFollows("projection", projection, depthwise.output());
    ImageShape input = expansion.orElse(depthwise).input();
    if (shortcut == Shortcut.INPUT && !input.equals(projection.output())) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid shortcut: input %s (must have the output's shape, %s)",
              input, projection.output()));
    }
  }

  private static void checkPointwise(String what, ConvolutionShape shape) {
    if (!shape.pointwise()) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be pointwise)", what, shape));
    }
  }

  private static void checkFollows(String what, ConvolutionShape shape, ImageShape before) {
    if (!shape.input().equals(before)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid input of the %s: %s (must be the output before it, %s)",
              what, shape.input(), before));
    }
  }

  /** (N, H, W, C) of the block's input. */
  public ImageShape input() {
    return expansion.orElse(depthwise).input();
  }

  /** (N, H', W', C') of the block's output. */
  public ImageShape output() {
    return projection.output();
  }

  /** Whether there is a squeeze and excitation. */
  public boolean squeezes() {
    return squeezed > 0;
  }

  /** The squeeze and excitation of a block that has one. */
  public SqueezeExcitationShape squeeze() {
    return new SqueezeExcitationShape(depthwise.output(), squeezed);
  }

  /** The batch norm of one of the block's convolutions, whose output this is. */
  public BatchNormShape norm(ImageShape convolved, Activation activation) {
    return new BatchNormShape(convolved, epsilon, activation);
  }
}
