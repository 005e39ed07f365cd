package io.phiscale.pipeline.image;

/** Whether the cropped region is mirrored, left for right. */
public enum Mirroring {
  NONE,
  HORIZONTAL
}
