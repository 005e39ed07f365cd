package io.phiscale.jobs.shard;

import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.pipeline.image.ColourMoments;
import io.phiscale.pipeline.shard.ImageStatistics;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/** Adds up {@link ImageStatistics}; in the same order, to the same bits. */
final class StatisticsSum implements Serializable {
  private static final long serialVersionUID = 1L;

  private long images;
  private int minWidth = Integer.MAX_VALUE;
  private int maxWidth;
  private long width;
  private int minHeight = Integer.MAX_VALUE;
  private int maxHeight;
  private long height;
  private final double[] sums = new double[3];
  private final double[] squares = new double[3];

  void add(Accepted accepted) {
    images++;
    int w = accepted.image().width();
    int h = accepted.image().height();
    minWidth = Math.min(minWidth, w);
    maxWidth = Math.max(maxWidth, w);
    width += w;
    minHeight = Math.min(minHeight, h);
    maxHeight = Math.max(maxHeight, h);
    height += h;
    ColourMoments colours = accepted.colours();
    sums[0] += colours.red();
    sums[1] += colours.green();
    sums[2] += colours.blue();
    squares[0] += colours.redSquare();
    squares[1] += colours.greenSquare();
    squares[2] += colours.blueSquare();
  }

  void add(StatisticsSum other) {
    images += other.images;
    minWidth = Math.min(minWidth, other.minWidth);
    maxWidth = Math.max(maxWidth, other.maxWidth);
    width += other.width;
    minHeight = Math.min(minHeight, other.minHeight);
    maxHeight = Math.max(maxHeight, other.maxHeight);
    height += other.height;
    for (int channel = 0; channel < sums.length; channel++) {
      sums[channel] += other.sums[channel];
      squares[channel] += other.squares[channel];
    }
  }

  ImageStatistics statistics() {
    if (images == 0) {
      return ImageStatistics.UNKNOWN;
    }
    List<Double> mean = new ArrayList<>();
    List<Double> deviation = new ArrayList<>();
    for (int channel = 0; channel < sums.length; channel++) {
      double first = sums[channel] / images;
      mean.add(first);
      deviation.add(Math.sqrt(Math.max(0, squares[channel] / images - first * first)));
    }
    return new ImageStatistics(
        images,
        minWidth,
        (double) width / images,
        maxWidth,
        minHeight,
        (double) height / images,
        maxHeight,
        mean,
        deviation);
  }
}
