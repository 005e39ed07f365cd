package io.phiscale.pipeline.augment;

import java.io.Serializable;

/**
 * How far level 10 translates.
 *
 * @param pixels of operations that count in pixels
 * @param fraction of the picture's side, of operations that count in sides
 */
record TranslationScale(double pixels, double fraction) implements Serializable {
  /** {@code tensorflow/tpu}, distort_image_with_autoaugment: translate_const. */
  static final TranslationScale TPU_AUTO_AUGMENT = new TranslationScale(250, 0);

  /** {@code tensorflow/tpu}, distort_image_with_randaugment: translate_const. */
  static final TranslationScale TPU_RAND_AUGMENT = new TranslationScale(100, 0);

  /** timm's translate_pct. */
  static final TranslationScale TIMM = new TranslationScale(0, 0.45);

  /** timm's translate_pct of AugMix. */
  static final TranslationScale TIMM_AUG_MIX = new TranslationScale(0, 0.3);
}
