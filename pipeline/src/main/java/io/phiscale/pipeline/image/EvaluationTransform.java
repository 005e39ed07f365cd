package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.EvaluationCrop.CentreCrop;
import io.phiscale.pipeline.image.EvaluationCrop.PaddedCrop;
import io.phiscale.pipeline.image.EvaluationCrop.Place;
import io.phiscale.pipeline.image.EvaluationCrop.PlacedCrop;

/**
 * The deterministic transform of evaluation: one {@link EvaluationCrop}, resized and normalised.
 *
 * @param resolutionPx side of the output in pixels, greater than 0
 * @param crop the region
 * @param interpolation the resampling kernel
 * @param normalization the normalisation
 * @param decoding how much of a JPEG is decoded
 */
public record EvaluationTransform(
    int resolutionPx,
    EvaluationCrop crop,
    Interpolation interpolation,
    Normalization normalization,
    Decoding decoding)
    implements ImageTransform {

  public EvaluationTransform {
    requireNonNull(crop, "crop");
    requireNonNull(interpolation, "interpolation");
    requireNonNull(normalization, "normalization");
    requireNonNull(decoding, "decoding");
    requireResolution(resolutionPx);
  }

  /** Returns the original's: centre crop of 0.875, bicubic, ImageNet's statistics. */
  public static EvaluationTransform centreCrop(int resolutionPx) {
    return new EvaluationTransform(
        resolutionPx,
        new CentreCrop(EvaluationCrop.DEFAULT_FRACTION),
        Interpolation.BICUBIC,
        Normalization.IMAGENET,
        Decoding.FULL);
  }

  /** Returns this with another crop. */
  public EvaluationTransform withCrop(EvaluationCrop other) {
    return new EvaluationTransform(resolutionPx, other, interpolation, normalization, decoding);
  }

  /** Returns this with another kernel. */
  public EvaluationTransform withInterpolation(Interpolation other) {
    return new EvaluationTransform(resolutionPx, crop, other, normalization, decoding);
  }

  /** Returns this with another normalisation. */
  public EvaluationTransform withNormalization(Normalization other) {
    return new EvaluationTransform(resolutionPx, crop, interpolation, other, decoding);
  }

  /** Returns this with another share of a JPEG decoded. */
  public EvaluationTransform withDecoding(Decoding other) {
    return new EvaluationTransform(resolutionPx, crop, interpolation, normalization, other);
  }

  /** {@inheritDoc} No random number is drawn. */
  @Override
  public CropRegion region(int widthPx, int heightPx, SampleRandom random) {
    return region(widthPx, heightPx);
  }

  /** Returns the region of an image of the given size. */
  public CropRegion region(int widthPx, int heightPx) {
    if (crop instanceof CentreCrop centre) {
      int side = side(widthPx, heightPx, padding(centre.fraction()));
      return placed(widthPx, heightPx, side, Place.CENTRE, Mirroring.NONE);
    }
    if (crop instanceof PaddedCrop padded) {
      int side = side(widthPx, heightPx, padded.paddingPx());
      return placed(widthPx, heightPx, side, Place.CENTRE, Mirroring.NONE);
    }
    if (crop instanceof PlacedCrop one) {
      int side = side(widthPx, heightPx, padding(one.fraction()));
      return placed(widthPx, heightPx, side, one.place(), one.mirroring());
    }
    return CropRegion.whole(widthPx, heightPx);
  }

  private long padding(double fraction) {
    return Math.round(resolutionPx * (1.0 / fraction - 1.0));
  }

  private int side(int widthPx, int heightPx, long padding) {
    long shorter = Math.min(widthPx, heightPx);
    return (int) Math.max(1, resolutionPx * shorter / (resolutionPx + padding));
  }

  private static CropRegion placed(
      int widthPx, int heightPx, int side, Place place, Mirroring mirroring) {
    int right = widthPx - side;
    int bottom = heightPx - side;
    return switch (place) {
      case TOP_LEFT -> new CropRegion(0, 0, side, side, mirroring);
      case TOP_RIGHT -> new CropRegion(right, 0, side, side, mirroring);
      case BOTTOM_LEFT -> new CropRegion(0, bottom, side, side, mirroring);
      case BOTTOM_RIGHT -> new CropRegion(right, bottom, side, side, mirroring);
      case CENTRE -> new CropRegion((right + 1) / 2, (bottom + 1) / 2, side, side, mirroring);
    };
  }

  static void requireResolution(int resolutionPx) {
    if (resolutionPx <= 0) {
      throw new IllegalArgumentException("Invalid resolution: " + resolutionPx + " (must be > 0)");
    }
  }
}
