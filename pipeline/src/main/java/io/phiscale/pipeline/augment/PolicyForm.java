package io.phiscale.pipeline.augment;

/** Whose version of AutoAugment and RandAugment. */
public enum PolicyForm {
  /**
   * {@code tensorflow/tpu}, {@code efficientnet/autoaugment.py}: nearest pixels, grey 128 from
   * outside, translations in pixels whatever the resolution, levels above 10 allowed. Its
   * operations are done with Pillow's arithmetic here, of which the original's differs by rounding,
   * by half a pixel in shears, and in contrast, whose "mean" there is the number of pixels / 256.
   */
  TPU,
  /**
   * timm's default: the training crop's interpolation, the mean colour from outside, translations
   * relative to the side, levels up to 10.
   */
  TIMM,
  /** timm's {@code inc1} and {@code v0r}: every operation is stronger at a higher level. */
  TIMM_INCREASING;

  WarpStyle style(WarpStyle meanColour) {
    return this == TPU ? WarpStyle.NEAREST_GREY : meanColour;
  }

  double limited(double level) {
    return Math.max(0, this == TPU ? level : Math.min(10, level));
  }
}
