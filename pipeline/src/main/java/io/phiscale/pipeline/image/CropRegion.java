package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

/**
 * The rectangle of a decoded image that becomes the network's input, in whole pixels.
 *
 * @param left first column, from 0
 * @param top first row, from 0
 * @param width columns, greater than 0
 * @param height rows, greater than 0
 * @param mirroring whether it is mirrored
 */
public record CropRegion(int left, int top, int width, int height, Mirroring mirroring) {
  public CropRegion {
    requireNonNull(mirroring, "mirroring");
    if (left < 0 || top < 0 || width <= 0 || height <= 0) {
      throw new IllegalArgumentException(
          "Invalid crop region: left %d, top %d, %d x %d px (must not be negative or empty)"
              .formatted(left, top, width, height));
    }
  }

  /** Returns the whole of an image, unmirrored. */
  public static CropRegion whole(int width, int height) {
    return new CropRegion(0, 0, width, height, Mirroring.NONE);
  }

  /** Returns this, further right and further down. */
  CropRegion shifted(int right, int down) {
    return right == 0 && down == 0
        ? this
        : new CropRegion(left + right, top + down, width, height, mirroring);
  }

  /** Returns the pixels of an image {@code reduction} times smaller that this region touches. */
  CropRegion reduced(int reduction) {
    if (reduction == 1) {
      return this;
    }
    int newLeft = left / reduction;
    int newTop = top / reduction;
    return new CropRegion(
        newLeft,
        newTop,
        divided(left + width, reduction) - newLeft,
        divided(top + height, reduction) - newTop,
        mirroring);
  }

  private static int divided(int edge, int reduction) {
    return (edge + reduction - 1) / reduction;
  }

  /** Throws unless this region lies inside an image of the given size. */
  void requireInside(int imageWidth, int imageHeight) {
    if (left > imageWidth - width || top > imageHeight - height) {
      throw new IllegalArgumentException(
          "Invalid crop region: %s (must lie inside %d x %d px)"
              .formatted(this, imageWidth, imageHeight));
    }
  }
}
