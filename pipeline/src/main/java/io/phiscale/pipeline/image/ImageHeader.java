package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

/**
 * What the header of an encoded image claims, read without decoding.
 *
 * @param format the format, by content
 * @param widthPx width of the stored pixel matrix, before any EXIF orientation is applied
 * @param heightPx height of the stored pixel matrix, before any EXIF orientation is applied
 */
public record ImageHeader(ImageFormat format, int widthPx, int heightPx) {
  public ImageHeader {
    requireNonNull(format, "format");
    if (widthPx <= 0) {
      throw new IllegalArgumentException("Invalid image width: " + widthPx + " (must be > 0)");
    }
    if (heightPx <= 0) {
      throw new IllegalArgumentException("Invalid image height: " + heightPx + " (must be > 0)");
    }
  }

  /** Returns width times height. */
  public long pixels() {
    return (long) widthPx * heightPx;
  }
}
