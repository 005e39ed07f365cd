package io.phiscale.model.kernels;

/**
 * Shape of a batch of images or feature maps, (N, H, W, C).
 *
 * @param batch N, > 0
 * @param height H in pixels, > 0
 * @param width W in pixels, > 0
 * @param channels C, > 0
 */
public record ImageShape(int batch, int height, int width, int channels) {

  public ImageShape {
    checkPositive("batch size", batch);
    checkPositive("height", height);
    checkPositive("width", width);
    checkPositive("number of channels", channels);
  }

  static void checkPositive(String what, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be > 0)", what, value));
    }
  }

  /** Pixels of one image, H·W. */
  public long pixels() {
    return (long) height * width;
  }

  /** Values of one channel over the batch, N·H·W. */
  public long rows() {
    return batch * pixels();
  }

  /** All values, N·H·W·C. */
  public long elements() {
    return rows() * channels;
  }

  /** The same pixels with another number of channels. */
  public ImageShape withChannels(int newChannels) {
    return new ImageShape(batch, height, width, newChannels);
  }
}
