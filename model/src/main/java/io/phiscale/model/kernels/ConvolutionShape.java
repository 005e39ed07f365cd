package io.phiscale.model.kernels;

/**
 * One two-dimensional convolution.
 *
 * <pre>
 *   output(n, y, x, o) = Σ weights(j, i, c, o) · input(n, y·stride + j − top, x·stride + i − left, c)
 * </pre>
 *
 * over j, i and the input channels of o's group; the input is zero outside.
 *
 * <p>Weights: (kernelHeight, kernelWidth, inputChannels, outputChannels) for one group,
 * (kernelHeight, kernelWidth, channels, 1) for a depthwise convolution; c-order. (The second is the
 * same memory as (kernelHeight, kernelWidth, 1, channels).)
 *
 * @param input (N, H, W, C) of the input
 * @param outputChannels > 0
 * @param kernelHeight > 0
 * @param kernelWidth > 0
 * @param stride 1 or 2, the same in both directions
 * @param padding zeros around the input
 * @param groups 1, or the number of channels (depthwise; input and output channels are then equal)
 */
public record ConvolutionShape(
    ImageShape input,
    int outputChannels,
    int kernelHeight,
    int kernelWidth,
    int stride,
    Padding padding,
    int groups) {

  /**
   * Rows and columns of zeros around an input.
   *
   * @param top ≥ 0
   * @param bottom ≥ 0
   * @param left ≥ 0
   * @param right ≥ 0
   */
  public record Padding(int top, int bottom, int left, int right) {

    /** None at all. */
    public static final Padding NONE = new Padding(0, 0, 0, 0);

    public Padding {
      if (top < 0 || bottom < 0 || left < 0 || right < 0) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid padding: top %s, bottom %s, left %s, right %s (each must be >= 0)",
                top, bottom, left, right));
      }
    }
  }

  public ConvolutionShape {
    ImageShape.checkPositive("number of output channels", outputChannels);
    ImageShape.checkPositive("kernel height", kernelHeight);
    ImageShape.checkPositive("kernel width", kernelWidth);
    if (stride != 1 && stride != 2) {
      throw new IllegalArgumentException(
          String.format("Invalid stride: %s (must be 1 or 2)", stride));
    }
    if (groups != 1 && (groups != input.channels() || groups != outputChannels)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid groups: %s (must be 1, or equal to both channel numbers %s and %s)",
              groups, input.channels(), outputChannels));
    }
    if (input.height() + padding.top() + padding.bottom() < kernelHeight
        || input.width() + padding.left() + padding.right() < kernelWidth) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid kernel: %sx%s (must fit into the padded input, %sx%s with %s)",
              kernelHeight, kernelWidth, input.height(), input.width(), padding));
    }
  }

  /** A 1x1 convolution of stride 1: a product of matrices. */
  public static ConvolutionShape pointwise(ImageShape input, int outputChannels) {
    return new ConvolutionShape(input, outputChannels, 1, 1, 1, Padding.NONE, 1);
  }

  /** Rows of the output. */
  public int outputHeight() {
    return (input.height() + padding.top() + padding.bottom() - kernelHeight) / stride + 1;
  }

  /** Columns of the output. */
  public int outputWidth() {
    return (input.width() + padding.left() + padding.right() - kernelWidth) / stride + 1;
  }

  /** (N, H, W, C) of the output. */
  public ImageShape output() {
    return new ImageShape(input.batch(), outputHeight(), outputWidth(), outputChannels);
  }

  /** Whether every channel has its own filter. One channel counts as a full convolution. */
  public boolean depthwise() {
    return groups > 1;
  }

  /** Whether this is a product of matrices: 1x1, stride 1, one group. */
  public boolean pointwise() {
    return kernelHeight == 1
        && kernelWidth == 1
        && stride == 1
        && groups == 1
        && padding.equals(Padding.NONE);
  }

  /**
   * A part of a convolution: some rows of its output.
   *
   * @param firstRow of the input that it reads
   * @param shape of the rows that it reads, as the input
   */
  record Band(int firstRow, ConvolutionShape shape) {}

  /**
   * The convolution that gives rows [from, end) of the output.
   *
   * @param from ≥ 0
   * @param end > from, at most {@link #outputHeight}
   */
  Band band(int from, int end) {
    int above = from * stride - padding.top();
    int below = (end - 1) * stride - padding.top() + kernelHeight;
    int first = Math.max(0, above);
    int last = Math.min(input.height(), below);
    return new Band(
        first,
        new ConvolutionShape(
            new ImageShape(input.batch(), last - first, input.width(), input.channels()),
            outputChannels,
            kernelHeight,
            kernelWidth,
            stride,
            new Padding(first - above, below - last, padding.left(), padding.right()),
            groups));
  }

  /**
   * A part of the gradient of the input: some rows of it.
   *
   * @param firstRow of the output's gradient that it reads
   * @param shape whose input is these rows
   */
  record InputBand(int firstRow, ConvolutionShape shape) {}

  /**
   * The convolution whose input gradient is rows [from, end) of this one's.
   *
   * @param from ≥ 0
   * @param end > from, at most the input's height
   */
  InputBand inputBand(int from, int end) {
    int lowest = Math.max(0, -Math.floorDiv(kernelHeight - 1 - from - padding.top(), stride));
    int highest = Math.min(outputHeight() - 1, (end - 1 + padding.top()) / stride);
    int above = from + padding.top() - lowest * stride;
    int below = (highest - lowest) * stride + kernelHeight - above - (end - from);
    return new InputBand(
        lowest,
        new ConvolutionShape(
            new ImageShape(input.batch(), end - from, input.width(), input.channels()),
            outputChannels,
            kernelHeight,
            kernelWidth,
            stride,
            new Padding(above, Math.max(0, below), padding.left(), padding.right()),
            groups));
  }
}
