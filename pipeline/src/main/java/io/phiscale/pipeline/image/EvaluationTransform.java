package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.EvaluationCrop.CentreCrop;

/**
 * The deterministic transform of evaluation: one {@link EvaluationCrop}, resized and normalised.
 *
 * @param resolutionPx side of the output in pixels, greater than 0
 * @param crop the region
 * @param interpolation the resampling kernel
 * @param normalization the normalisation
 */
public record EvaluationTransform(
    int resolutionPx, EvaluationCrop crop, Interpolation interpolation, Normalization normalization)
    implements ImageTransform {

  public EvaluationTransform {
    requireNonNull(crop, "crop");
    requireNonNull(interpolation, "interpolation");
    requireNonNull(normalization, "normalization");
    requireResolution(resolutionPx);
  }

  /** Returns the original's: centre crop of 0.875, bicubic, ImageNet's statistics. */
  public static EvaluationTransform centreCrop(int resolutionPx) {
    return new EvaluationTransform(
        resolutionPx,
        new CentreCrop(EvaluationCrop.DEFAULT_FRACTION),
        Interpolation.BICUBIC,
        Normalization.IMAGENET);
  }

  /** Returns this with another crop. */
  public EvaluationTransform withCrop(EvaluationCrop other) {
    return new EvaluationTransform(resolutionPx, other, interpolation, normalization);
  }

  /** Returns this with another kernel. */
  public EvaluationTransform withInterpolation(Interpolation other) {
    return new EvaluationTransform(resolutionPx, crop, other, normalization);
  }

  /** Returns this with another normalisation. */
  public EvaluationTransform withNormalization(Normalization other) {
    return new EvaluationTransform(resolutionPx, crop, interpolation, other);
  }

  /** {@inheritDoc} No random number is drawn. */
  @Override
  public CropRegion region(int widthPx, int heightPx, SampleRandom random) {
    return region(widthPx, heightPx);
  }

  /** Returns the region of an image of the given size. */
  public CropRegion region(int widthPx, int heightPx) {
    if (crop instanceof CentreCrop centre) {
      long padding = Math.round(resolutionPx * (1.0 / centre.fraction() - 1.0));
      long shorter = Math.min(widthPx, heightPx);
      int side = (int) Math.max(1, resolutionPx * shorter / (resolutionPx + padding));
      return new CropRegion(
          (widthPx - side + 1) / 2, (heightPx - side + 1) / 2, side, side, Mirroring.NONE);
    }
    return CropRegion.whole(widthPx, heightPx);
  }

  static void requireResolution(int resolutionPx) {
    if (resolutionPx <= 0) {
      throw new IllegalArgumentException("Invalid resolution: " + resolutionPx + " (must be > 0)");
    }
  }
}
