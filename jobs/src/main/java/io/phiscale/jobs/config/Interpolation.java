package io.phiscale.jobs.config;

/**
 * How an image is resampled. EfficientNet trains and evaluates with bicubic (tpu preprocessing.py).
 */
public enum Interpolation {
  /** Two by two neighbours, linear. */
  BILINEAR,
  /** Four by four neighbours, cubic. */
  BICUBIC
}
