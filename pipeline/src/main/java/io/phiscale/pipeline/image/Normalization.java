package io.phiscale.pipeline.image;

import java.io.Serializable;

/**
 * Per-channel normalisation {@code (value / 255 - mean) / stddev} of 8-bit RGB values; means and
 * deviations are in units of the full range, so 0.5 is mid-grey.
 *
 * @param meanRed mean of red
 * @param meanGreen mean of green
 * @param meanBlue mean of blue
 * @param stddevRed standard deviation of red, greater than 0
 * @param stddevGreen standard deviation of green, greater than 0
 * @param stddevBlue standard deviation of blue, greater than 0
 */
public record Normalization(
    float meanRed,
    float meanGreen,
    float meanBlue,
    float stddevRed,
    float stddevGreen,
    float stddevBlue)
    implements Serializable {

  /**
   * ImageNet's statistics, as used by torchvision and timm ({@code IMAGENET_DEFAULT_MEAN}, {@code
   * IMAGENET_DEFAULT_STD}) and, times 255, by the original EfficientNet ({@code
   * efficientnet_builder.py}: {@code MEAN_RGB}, {@code STDDEV_RGB}).
   */
  public static final Normalization IMAGENET =
      new Normalization(0.485f, 0.456f, 0.406f, 0.229f, 0.224f, 0.225f);

  public Normalization {
    requireFinite("red", meanRed);
    requireFinite("green", meanGreen);
    requireFinite("blue", meanBlue);
    requirePositive("red", stddevRed);
    requirePositive("green", stddevGreen);
    requirePositive("blue", stddevBlue);
  }

  /** Mean of channel 0 (red), 1 (green) or 2 (blue). */
  public float mean(int channel) {
    return switch (channel) {
      case 0 -> meanRed;
      case 1 -> meanGreen;
      case 2 -> meanBlue;
      default -> throw new IllegalArgumentException("Invalid channel: " + channel);
    };
  }

  /** Standard deviation of channel 0 (red), 1 (green) or 2 (blue). */
  public float stddev(int channel) {
    return switch (channel) {
      case 0 -> stddevRed;
      case 1 -> stddevGreen;
      case 2 -> stddevBlue;
      default -> throw new IllegalArgumentException("Invalid channel: " + channel);
    };
  }

  private static void requireFinite(String channel, float mean) {
    if (!Float.isFinite(mean)) {
      throw new IllegalArgumentException(
          "Invalid mean of %s: %s (must be finite)".formatted(channel, mean));
    }
  }

  private static void requirePositive(String channel, float stddev) {
    if (!(stddev > 0) || !Float.isFinite(stddev)) {
      throw new IllegalArgumentException(
          "Invalid standard deviation of %s: %s (must be > 0)".formatted(channel, stddev));
    }
  }
}
