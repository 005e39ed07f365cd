package io.phiscale.model.kernels;

/**
 * Depthwise convolutions on one thread, for a range of images and a range of channel blocks, so
 * that several threads share the work by images or by channels.
 *
 * <p>Not thread-safe: an implementation keeps scratch.
 */
interface Depthwise {

  /** Channels of one block; the last block of a feature map may be smaller. */
  int blockChannels();

  /** Whether it has a kernel for this shape. */
  boolean supports(ConvolutionShape shape);

  /**
   * What is computed.
   *
   * @param shape depthwise
   * @param firstImage of the range
   * @param images number of them
   * @param firstBlock of channels
   * @param blocks number of them
   */
  record Range(ConvolutionShape shape, int firstImage, int images, int firstBlock, int blocks) {}

  /**
   * Forward.
   *
   * @param bias per channel, or null
   */
  void forward(
      Range range, Floats input, Floats weights, Floats bias, Activation activation, Floats output);

  /** Gradient of the input. */
  void inputGradient(Range range, Floats weights, Floats outputGradient, Floats inputGradient);

  /**
   * Gradient of the weights, of these images alone.
   *
   * @param weightGradient (kernelHeight, kernelWidth, channels), written for these channels
   */
  void weightGradient(Range range, Floats input, Floats outputGradient, Floats weightGradient);
}
