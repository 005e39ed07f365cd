package io.phiscale.model.spec;

/**
 * Where the zeros of a padded convolution go. The two published conventions differ only where the
 * stride is greater than one, and give the same output size: ceil(input / stride).
 *
 * <p>Checkpoints exist for both, so a network states its own.
 */
public enum Padding {
  /**
   * (kernel − 1) / 2 zeros on every side: PyTorch, torchvision and timm's {@code efficientnet_*}.
   */
  SYMMETRIC {
    @Override
    public int before(int inputPx, int kernel, int stride) {
      return (kernel - 1) / 2;
    }

    @Override
    public int after(int inputPx, int kernel, int stride) {
      int span = (outputPx(inputPx, stride) - 1) * stride + kernel;
      return Math.max(0, span - inputPx - before(inputPx, kernel, stride));
    }
  },

  /**
   * TensorFlow's {@code SAME}: as few zeros as the output size needs, the odd one at the bottom and
   * right. The original EfficientNet and timm's {@code tf_efficientnet_*}.
   */
  SAME {
    @Override
    public int before(int inputPx, int kernel, int stride) {
      return total(inputPx, kernel, stride) / 2;
    }

    @Override
    public int after(int inputPx, int kernel, int stride) {
      return total(inputPx, kernel, stride) - before(inputPx, kernel, stride);
    }

    private int total(int inputPx, int kernel, int stride) {
      return Math.max(0, (outputPx(inputPx, stride) - 1) * stride + kernel - inputPx);
    }
  };

  /** Zeros above (or left of) the image. */
  public abstract int before(int inputPx, int kernel, int stride);

  /**
   * Zeros below (or right of) the image, as many as the last window reaches: at an even input and
   * stride 2 that is one fewer than {@link #before} under {@link #SYMMETRIC}, one more under {@link
   * #SAME}.
   */
  public abstract int after(int inputPx, int kernel, int stride);

  /**
   * Side of the output in pixels: ceil(inputPx / stride), for odd kernels under either convention.
   */
  public int outputPx(int inputPx, int stride) {
    return (inputPx + stride - 1) / stride;
  }

  /**
   * The convention of a name, in any case.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public static Padding named(String name) {
    for (Padding padding : values()) {
      if (padding.name().equalsIgnoreCase(name)) {
        return padding;
      }
    }
    throw new IllegalArgumentException(
        String.format("Invalid padding: %s (must be SYMMETRIC or SAME)", name));
  }
}
