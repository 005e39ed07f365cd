package io.phiscale.model.kernels;

/**
 * A batch normalisation over N, H and W, followed by an activation.
 *
 * @param image (N, H, W, C) of input and output
 * @param epsilon added to the variance inside the root, > 0
 * @param activation after the normalisation
 */
public record BatchNormShape(ImageShape image, double epsilon, Activation activation) {

  public BatchNormShape {
    if (!(epsilon > 0) || Double.isInfinite(epsilon)) {
      throw new IllegalArgumentException(
          String.format("Invalid batch-norm epsilon: %s (must be > 0 and finite)", epsilon));
    }
  }
}
