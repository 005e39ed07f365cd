package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.SampleRandom.Stream;

/**
 * The training crop of "Inception-style" preprocessing (Szegedy et al., Going Deeper with
 * Convolutions, 2015, section 6): a patch whose area is evenly distributed between two fractions of
 * the image's area and whose aspect ratio lies between two bounds, resized to a square, mirrored
 * with some probability.
 *
 * <p>Per try: area = uniform(minimum, maximum) of the image's area; aspect ratio = exp(uniform(log
 * minimum, log maximum)); width = round(sqrt(area * ratio)), height = round(sqrt(area / ratio)); if
 * both fit, the place is uniform over all whole pixels and the search ends. After {@value #TRIES}
 * tries without a fit: the largest centred region whose aspect ratio lies within the bounds.
 *
 * <p>Source: {@code RandomResizedCrop.get_params} of torchvision, which timm's {@code
 * RandomResizedCropAndInterpolation} shares. The original EfficientNet (TensorFlow's {@code
 * sample_distorted_bounding_box}) has the same bounds and number of tries, but draws the aspect
 * ratio uniformly, which favours wide patches (ratios above 1 get 4/7 of the draws, instead of
 * half), draws the height instead of the area, and falls back to the evaluation crop.
 *
 * @param resolutionPx side of the output in pixels, greater than 0
 * @param minAreaFraction smallest area of the crop as a fraction of the image's, greater than 0
 * @param maxAreaFraction largest area of the crop as a fraction of the image's, at most 1
 * @param minAspectRatio smallest width / height, greater than 0
 * @param maxAspectRatio largest width / height
 * @param mirrorProbability probability of mirroring, 0 to 1
 * @param interpolation the resampling kernel
 * @param normalization the normalisation
 * @param decoding how much of a JPEG is decoded
 */
public record TrainTransform(
    int resolutionPx,
    double minAreaFraction,
    double maxAreaFraction,
    double minAspectRatio,
    double maxAspectRatio,
    double mirrorProbability,
    Interpolation interpolation,
    Normalization normalization,
    Decoding decoding)
    implements ImageTransform {

  /**
   * Draws before the fallback; the same in torchvision, timm and the original ({@code
   * max_attempts}).
   */
  public static final int TRIES = 10;

  public TrainTransform {
    requireNonNull(interpolation, "interpolation");
    requireNonNull(normalization, "normalization");
    requireNonNull(decoding, "decoding");
    EvaluationTransform.requireResolution(resolutionPx);
    if (!(minAreaFraction > 0 && minAreaFraction <= maxAreaFraction && maxAreaFraction <= 1)) {
      throw new IllegalArgumentException(
          "Invalid area range: %s to %s (must satisfy 0 < minimum <= maximum <= 1)"
              .formatted(minAreaFraction, maxAreaFraction));
    }
    if (!(minAspectRatio > 0
        && minAspectRatio <= maxAspectRatio
        && maxAspectRatio < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "Invalid aspect ratio range: %s to %s (must satisfy 0 < minimum <= maximum)"
              .formatted(minAspectRatio, maxAspectRatio));
    }
    if (!(mirrorProbability >= 0 && mirrorProbability <= 1)) {
      throw new IllegalArgumentException(
          "Invalid mirror probability: %s (must be in [0, 1])".formatted(mirrorProbability));
    }
  }

  /**
   * Returns the recipe of the EfficientNet paper's baseline: area 0.08 to 1, aspect ratio 3/4 to
   * 4/3, mirrored half the time, bicubic, ImageNet's statistics ({@code tensorflow/tpu}, {@code
   * efficientnet/preprocessing.py}).
   */
  public static TrainTransform inception(int resolutionPx) {
    return new TrainTransform(
        resolutionPx,
        0.08,
        1.0,
        3.0 / 4.0,
        4.0 / 3.0,
        0.5,
        Interpolation.BICUBIC,
        Normalization.IMAGENET,
        Decoding.FULL);
  }

  /** Returns this with other bounds of the area, as fractions of the image's. */
  public TrainTransform withAreaRange(double minimum, double maximum) {
    return new TrainTransform(
        resolutionPx,
        minimum,
        maximum,
        minAspectRatio,
        maxAspectRatio,
        mirrorProbability,
        interpolation,
        normalization,
        decoding);
  }

  /** Returns this with other bounds of width / height. */
  public TrainTransform withAspectRatioRange(double minimum, double maximum) {
    return new TrainTransform(
        resolutionPx,
        minAreaFraction,
        maxAreaFraction,
        minimum,
        maximum,
        mirrorProbability,
        interpolation,
        normalization,
        decoding);
  }

  /** Returns this with another probability of mirroring. */
  public TrainTransform withMirrorProbability(double probability) {
    return new TrainTransform(
        resolutionPx,
        minAreaFraction,
        maxAreaFraction,
        minAspectRatio,
        maxAspectRatio,
        probability,
        interpolation,
        normalization,
        decoding);
  }

  /** Returns this with another kernel. */
  public TrainTransform withInterpolation(Interpolation other) {
    return new TrainTransform(
        resolutionPx,
        minAreaFraction,
        maxAreaFraction,
        minAspectRatio,
        maxAspectRatio,
        mirrorProbability,
        other,
        normalization,
        decoding);
  }

  /** Returns this with another normalisation. */
  public TrainTransform withNormalization(Normalization other) {
    return new TrainTransform(
        resolutionPx,
        minAreaFraction,
        maxAreaFraction,
        minAspectRatio,
        maxAspectRatio,
        mirrorProbability,
        interpolation,
        other,
        decoding);
  }

  /** Returns this with another share of a JPEG decoded. */
  public TrainTransform withDecoding(Decoding other) {
    return new TrainTransform(
        resolutionPx,
        minAreaFraction,
        maxAreaFraction,
        minAspectRatio,
        maxAspectRatio,
        mirrorProbability,
        interpolation,
        normalization,
        other);
  }

  @Override
  public CropRegion region(int widthPx, int heightPx, SampleRandom random) {
    Mirroring mirroring =
        random.stream(Stream.MIRROR).nextDouble() < mirrorProbability
            ? Mirroring.HORIZONTAL
            : Mirroring.NONE;
    SampleRandom crop = random.stream(Stream.CROP);
    // StrictMath: the same crops on every machine.
    double imageArea = (double) widthPx * heightPx;
    double minLogRatio = StrictMath.log(minAspectRatio);
    double maxLogRatio = StrictMath.log(maxAspectRatio);
    for (int attempt = 0; attempt < TRIES; attempt++) {
      double area = imageArea * crop.nextDouble(minAreaFraction, maxAreaFraction);
      double ratio = StrictMath.exp(crop.nextDouble(minLogRatio, maxLogRatio));
      long width = Math.round(Math.sqrt(area * ratio));
      long height = Math.round(Math.sqrt(area / ratio));
      if (width > 0 && width <= widthPx && height > 0 && height <= heightPx) {
        int top = crop.nextInt(heightPx - (int) height + 1);
        int left = crop.nextInt(widthPx - (int) width + 1);
        return new CropRegion(left, top, (int) width, (int) height, mirroring);
      }
    }
    return largestCentred(widthPx, heightPx, mirroring);
  }

  private CropRegion largestCentred(int widthPx, int heightPx, Mirroring mirroring) {
    double ratio = (double) widthPx / heightPx;
    int width = widthPx;
    int height = heightPx;
    if (ratio < minAspectRatio) {
      height = Math.max(1, Math.min(heightPx, (int) Math.round(widthPx / minAspectRatio)));
    } else if (ratio > maxAspectRatio) {
      width = Math.max(1, Math.min(widthPx, (int) Math.round(heightPx * maxAspectRatio)));
    }
    return new CropRegion((widthPx - width) / 2, (heightPx - height) / 2, width, height, mirroring);
  }
}
