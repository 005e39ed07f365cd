package io.phiscale.pipeline.augment;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.image.Normalization;
import java.io.Serializable;

/**
 * How shears, translations and rotations look up pixels.
 *
 * @param interpolation nearest, bilinear or bicubic (Pillow's {@code transform}: a = -1)
 * @param red what pixels from outside the picture become, 0 to 255
 * @param green the same of green
 * @param blue the same of blue
 */
public record WarpStyle(Interpolation interpolation, int red, int green, int blue)
    implements Serializable {

  /** As {@code tensorflow/tpu} does: the nearest pixel, and grey 128. */
  public static final WarpStyle NEAREST_GREY = new WarpStyle(Interpolation.NEAREST, 128, 128, 128);

  /** As torchvision does by default: the nearest pixel, and black. */
  public static final WarpStyle NEAREST_BLACK = new WarpStyle(Interpolation.NEAREST, 0, 0, 0);

  public WarpStyle {
    requireNonNull(interpolation, "interpolation");
    if (interpolation == Interpolation.AREA) {
      throw new IllegalArgumentException(
          "Invalid interpolation of a warp: AREA (must be NEAREST, BILINEAR or BICUBIC)");
    }
    requireByte("red", red);
    requireByte("green", green);
    requireByte("blue", blue);
  }

  /** As timm does: an image's own interpolation, and the mean colour of its normalisation. */
  public static WarpStyle meanColour(Interpolation interpolation, Normalization normalization) {
    return new WarpStyle(
        interpolation == Interpolation.AREA ? Interpolation.BICUBIC : interpolation,
        byteOf(normalization.meanRed()),
        byteOf(normalization.meanGreen()),
        byteOf(normalization.meanBlue()));
  }

  private static int byteOf(float mean) {
    // timm: min(255, round(255 * mean)); Python rounds halves to even, as rint does.
    return (int) Math.max(0, Math.min(255, Math.rint(255 * (double) mean)));
  }

  private static void requireByte(String channel, int value) {
    if (value < 0 || value > 255) {
      throw new IllegalArgumentException(
          "Invalid %s: %d (must be in [0, 255])".formatted(channel, value));
    }
  }
}
