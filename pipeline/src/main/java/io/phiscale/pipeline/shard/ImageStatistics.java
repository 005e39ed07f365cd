package io.phiscale.pipeline.shard;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What the images of a split are like.
 *
 * @param images how many were counted; 0: unknown (the manifest is of an earlier version, or the
 *     split is empty), and then all else is 0
 * @param minWidth smallest width, pixels
 * @param meanWidth mean width, pixels
 * @param maxWidth largest width, pixels
 * @param minHeight smallest height, pixels
 * @param meanHeight mean height, pixels
 * @param maxHeight largest height, pixels
 * @param mean of red, green and blue, in [0, 1]; every image counts alike, whatever its size
 * @param standardDeviation of red, green and blue over all pixels, so weighted
 */
@JsonPropertyOrder({
  "images",
  "minWidth",
  "meanWidth",
  "maxWidth",
  "minHeight",
  "meanHeight",
  "maxHeight",
  "mean",
  "standardDeviation"
})
public record ImageStatistics(
    long images,
    int minWidth,
    double meanWidth,
    int maxWidth,
    int minHeight,
    double meanHeight,
    int maxHeight,
    List<Double> mean,
    List<Double> standardDeviation)
    implements Serializable {
  /** Not counted. */
  public static final ImageStatistics UNKNOWN =
      new ImageStatistics(0, 0, 0, 0, 0, 0, 0, List.of(0.0, 0.0, 0.0), List.of(0.0, 0.0, 0.0));

  public ImageStatistics {
    mean = List.copyOf(mean);
    standardDeviation = List.copyOf(standardDeviation);
    if (mean.size() != 3 || standardDeviation.size() != 3) {
      throw new IllegalArgumentException(
          "Invalid statistics: %s means and %s standard deviations (must be 3 of each)"
              .formatted(mean.size(), standardDeviation.size()));
    }
    if (images < 0
        || minWidth < 0
        || minWidth > maxWidth
        || minHeight < 0
        || minHeight > maxHeight) {
      throw new IllegalArgumentException(
          "Invalid statistics: %s images, width %s to %s, height %s to %s"
              .formatted(images, minWidth, maxWidth, minHeight, maxHeight));
    }
  }

  /** The statistics of these images and those of another. */
  public ImageStatistics and(ImageStatistics other) {
    if (!known() || !other.known()) {
      return known() ? this : other;
    }
    long sum = images + other.images;
    List<Double> means = new ArrayList<>();
    List<Double> deviations = new ArrayList<>();
    for (int channel = 0; channel < 3; channel++) {
      double first = weighted(mean.get(channel), other, other.mean.get(channel));
      double second =
          weighted(
              square(mean.get(channel)) + square(standardDeviation.get(channel)),
              other,
              square(other.mean.get(channel)) + square(other.standardDeviation.get(channel)));
      means.add(first);
      deviations.add(Math.sqrt(Math.max(0, second - square(first))));
    }
    return new ImageStatistics(
        sum,
        Math.min(minWidth, other.minWidth),
        weighted(meanWidth, other, other.meanWidth),
        Math.max(maxWidth, other.maxWidth),
        Math.min(minHeight, other.minHeight),
        weighted(meanHeight, other, other.meanHeight),
        Math.max(maxHeight, other.maxHeight),
        means,
        deviations);
  }

  private double weighted(double mine, ImageStatistics other, double theirs) {
    return (mine * images + theirs * other.images) / (images + other.images);
  }

  private static double square(double value) {
    return value * value;
  }

  /** Whether anything was counted. */
  public boolean known() {
    return images > 0;
  }
}
