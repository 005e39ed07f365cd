package io.phiscale.model.kernels;

/**
 * Gradient of the weights of a depthwise convolution, on one thread.
 *
 * <p>Not thread-safe: an implementation keeps scratch.
 */
interface DepthwiseWeightGradient {

  /** Whether it is the fastest way for this shape. */
  boolean suits(ConvolutionShape shape);

  /**
   * The gradient, summed over some images.
   *
   * @param firstImage of them, in {@code input}
   * @param firstGradient of them, in {@code outputGradient}
   * @param images number of them
   * @param input images of the shape
   * @param outputGradient images of the shape
   * @param weightGradient (kernelHeight, kernelWidth, channels), written
   */
  void compute(
      ConvolutionShape shape,
      int firstImage,
      int firstGradient,
      int images,
      Floats input,
      Floats outputGradient,
      Floats weightGradient);
}
