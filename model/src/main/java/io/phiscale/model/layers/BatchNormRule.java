package io.phiscale.model.layers;

import io.phiscale.model.kernels.VarianceEstimate;
import io.phiscale.model.spec.BatchNormConvention;

/**
 * Everything that publishers of networks disagree about in batch norm.
 *
 * @param epsilon added to the variance inside the root
 * @param momentum the part of a running statistic that a step keeps
 * @param estimate which variance of the batch enters the running one
 */
public record BatchNormRule(double epsilon, double momentum, VarianceEstimate estimate) {

  /**
   * A convention with the running variance unbiased: what PyTorch does, and what TensorFlow's fused
   * batch norm does on GPU and CPU.
   */
  public static BatchNormRule of(BatchNormConvention convention) {
    return new BatchNormRule(
        convention.epsilon(), convention.momentum(), VarianceEstimate.UNBIASED);
  }
}
