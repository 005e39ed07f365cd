package io.phiscale.pipeline.image;

import java.io.Serializable;

/** Which region of an image is looked at when a network is evaluated. */
public sealed interface EvaluationCrop extends Serializable {

  /** The fraction of 224 / (224 + 32) that the original evaluates with. */
  double DEFAULT_FRACTION = 0.875;

  /**
   * The centred square of EfficientNet's padding rule: with {@code padding = round(resolution * (1
   * / fraction - 1))}, its side is {@code floor(resolution / (resolution + padding) * min(height,
   * width))}, and its offset is half the rest, rounded up.
   *
   * <p>Source: {@code tensorflow/tpu}, {@code efficientnet/preprocessing.py}, {@code
   * _decode_and_center_crop}, which has {@code CROP_PADDING = 32} at 224 px; the padding that grows
   * with the resolution is how the published networks above 224 px are evaluated (at 224 px and
   * fraction 0.875 it is the same 32). The floor is taken in whole numbers, where the original
   * multiplies in float32; the side may differ by one pixel where the quotient is whole.
   *
   * @param fraction side of the crop as a fraction of the image's shorter side, greater than 0, at
   *     most 1
   */
  record CentreCrop(double fraction) implements EvaluationCrop {
    public CentreCrop {
      if (!(fraction > 0 && fraction <= 1)) {
        throw new IllegalArgumentException(
            "Invalid crop fraction: %s (must be in (0, 1])".formatted(fraction));
      }
    }
  }

  /**
   * The whole image, resized to a square whatever its shape. For sets of small square images
   * (CIFAR, Fashion-MNIST), where nothing should be cut off.
   */
  record WholeImage() implements EvaluationCrop {}
}
