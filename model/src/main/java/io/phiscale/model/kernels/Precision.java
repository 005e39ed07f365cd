package io.phiscale.model.kernels;

/** How wide numbers are where they need most memory; parameters and sums are always FLOAT. */
public enum Precision {
  /** Everything in FLOAT. */
  FP32,

  /**
   * What is largest in bfloat16 (8 bits of exponent, 8 of mantissa), rounded to the nearest, to
   * even where two are as near. Parameters, their gradients and batch-norm statistics stay FLOAT.
   *
   * <p>Source of the format: Intel, "BFLOAT16 – Hardware Numerics Definition" (2018).
   */
  BF16;

  /** As in configurations and results: {@code fp32}, {@code bf16}. */
  public String key() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
