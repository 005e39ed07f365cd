package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;

/**
 * Which region of an image is looked at when a network is evaluated. {@link EvaluationViews} makes
 * several of one.
 */
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
      requireFraction(fraction);
    }
  }

  /**
   * The centred square of the original's padding rule as it stands in its code: side {@code
   * floor(resolution / (resolution + padding) * min(height, width))} with the same padding at every
   * resolution. At 224 px and 32 it is {@link CentreCrop} of 0.875; at 600 px it shows 0.949 of the
   * shorter side, where the {@link CentreCrop} shows 0.875.
   *
   * <p>Source: {@code tensorflow/tpu}, {@code efficientnet/preprocessing.py}, {@code
   * _decode_and_center_crop} with {@code CROP_PADDING}.
   *
   * @param paddingPx pixels at the network's resolution that are cut off in all, at least 0
   */
  record PaddedCrop(int paddingPx) implements EvaluationCrop {
    /** The original's CROP_PADDING. */
    public static final PaddedCrop ORIGINAL = new PaddedCrop(32);

    public PaddedCrop {
      if (paddingPx < 0) {
        throw new IllegalArgumentException(
            "Invalid padding of the crop: %s (must be >= 0)".formatted(paddingPx));
      }
    }
  }

  /**
   * A square in a corner of the image, or mirrored, or both: one of ten crops (Krizhevsky et al.
   * 2012, section 4.1). Its side is that of the {@link CentreCrop} of the same fraction.
   *
   * @param fraction side of the crop as a fraction of the image's shorter side, greater than 0, at
   *     most 1
   * @param place where in the image
   * @param mirroring whether it is mirrored
   */
  record PlacedCrop(double fraction, Place place, Mirroring mirroring) implements EvaluationCrop {
    public PlacedCrop {
      requireNonNull(place, "place");
      requireNonNull(mirroring, "mirroring");
      requireFraction(fraction);
    }
  }

  /** Where a crop lies. */
  enum Place {
    TOP_LEFT,
    TOP_RIGHT,
    BOTTOM_LEFT,
    BOTTOM_RIGHT,
    CENTRE
  }

  /**
   * The whole image, resized to a square whatever its shape. For sets of small square images
   * (CIFAR, Fashion-MNIST), where nothing should be cut off.
   */
  record WholeImage() implements EvaluationCrop {}

  private static void requireFraction(double fraction) {
    if (!(fraction > 0 && fraction <= 1)) {
      throw new IllegalArgumentException(
          "Invalid crop fraction: %s (must be in (0, 1])".formatted(fraction));
    }
  }
}
