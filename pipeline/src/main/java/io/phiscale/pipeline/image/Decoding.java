package io.phiscale.pipeline.image;

/** How much of a JPEG is decoded. */
public enum Decoding {
  /** All of it, as Pillow and timm do. */
  FULL,

  /**
   * At 1/2, 1/4 or 1/8 of its size where the crop stays at least as large as the network's input
   * ({@link ImageTransform#reduction}): libjpeg then computes a smaller inverse DCT, which averages
   * what the resize would have averaged. Other formats are decoded in full. Edges of the crop move
   * by less than a pixel of the smaller image.
   */
  SCALED
}
