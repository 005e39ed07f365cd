package io.phiscale.model.scaling;

/**
 * How a real-valued coefficient becomes whole channels and whole blocks.
 *
 * <p>Source: tensorflow/tpu {@code models/official/efficientnet/efficientnet_model.py}, {@code
 * round_filters} and {@code round_repeats}.
 */
public final class ScalingRounding {

  /** Channel counts are multiples of this. */
  public static final int CHANNEL_DIVISOR = 8;

  /** Rounding down may lose at most a tenth of the channels. */
  private static final double SMALLEST_FRACTION = 0.9;

  private ScalingRounding() {}

  /**
   * {@code channels · width}, rounded to the nearest multiple of 8 (halves up), at least 8, and one
   * multiple more where that is below 90% of the exact product.
   *
   * @param channels channels of the base network, > 0
   * @param width width coefficient, > 0
   */
  public static int channels(int channels, double width) {
    if (channels <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid channel count: %s (must be > 0)", channels));
    }
    double exact = channels * width;
    int rounded =
        Math.max(
            CHANNEL_DIVISOR,
            (int) (exact + CHANNEL_DIVISOR / 2.0) / CHANNEL_DIVISOR * CHANNEL_DIVISOR);
    return rounded < SMALLEST_FRACTION * exact ? rounded + CHANNEL_DIVISOR : rounded;
  }

  /**
   * {@code ceil(repeats · depth)}.
   *
   * @param repeats blocks of the stage in the base network, > 0
   * @param depth depth coefficient, > 0
   */
  public static int repeats(int repeats, double depth) {
    if (repeats <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of repeats: %s (must be > 0)", repeats));
    }
    return (int) Math.ceil(repeats * depth);
  }
}
