package io.phiscale.model.kernels;

/**
 * Which variance of a batch enters the running variance. The batch itself is always normalised by
 * the biased one.
 */
public enum VarianceEstimate {
  /** Sum of squares / (n − 1), n = N·H·W: PyTorch. With n = 1 the divisor stays 1. */
  UNBIASED {
    @Override
    public double factor(long count) {
      return count > 1 ? (double) count / (count - 1) : 1;
    }
  },
  /** Sum of squares / n: TensorFlow's unfused batch norm, as the original EfficientNet on TPU. */
  BIASED {
    @Override
    public double factor(long count) {
      return 1;
    }
  };

  /** What the biased variance of {@code count} values is multiplied with. */
  public abstract double factor(long count);
}
