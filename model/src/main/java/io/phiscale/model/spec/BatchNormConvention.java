package io.phiscale.model.spec;

import io.phiscale.model.scaling.EfficientNetVariant;
import java.io.Serializable;

/**
 * The two constants of batch normalisation that published networks disagree about.
 *
 * <pre>
 *   y = (x − mean) / sqrt(variance + epsilon) · scale + shift
 *   running = momentum · running + (1 − momentum) · batch
 * </pre>
 *
 * @param epsilon added to the variance inside the root, > 0
 * @param momentum the part of a running statistic that a step <em>keeps</em>, in [0, 1):
 *     TensorFlow's meaning (PyTorch's momentum is one minus this)
 */
public record BatchNormConvention(double epsilon, double momentum) implements Serializable {

  /** The original EfficientNet, all variants: 1e-3 and 0.99. */
  public static final BatchNormConvention TENSORFLOW = new BatchNormConvention(1e-3, 0.99);

  /** PyTorch's default, torchvision's B0 to B4: 1e-5 and 0.9 (in PyTorch's meaning 0.1). */
  public static final BatchNormConvention TORCH = new BatchNormConvention(1e-5, 0.9);

  /** What torchvision trains a variant with: {@link #TORCH} for B0 to B4, epsilon 1e-3 above. */
  public static BatchNormConvention ofTorchvision(EfficientNetVariant variant) {
    return variant.compareTo(EfficientNetVariant.B5) < 0 ? TORCH : TENSORFLOW;
  }

  public BatchNormConvention {
    if (!(epsilon > 0) || Double.isInfinite(epsilon)) {
      throw new IllegalArgumentException(
          String.format("Invalid batch-norm epsilon: %s (must be > 0 and finite)", epsilon));
    }
    if (!(momentum >= 0 && momentum < 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid batch-norm momentum: %s (must be in [0, 1))", momentum));
    }
  }
}
