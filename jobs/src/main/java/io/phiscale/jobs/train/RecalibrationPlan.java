package io.phiscale.jobs.train;

import io.phiscale.model.spec.ParameterLayout.Kind;
import io.phiscale.model.spec.ParameterLayout.Segment;
import io.phiscale.model.train.TrainedPart;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What recalibration measures: which images in which batches, and how running statistics are cut
 * into slices. It depends on the run alone, not on who computes it.
 *
 * @param images the first so many positions of epoch 0's order (&gt; 0)
 * @param batchSize images of a batch; the last may have fewer
 * @param statistics where running statistics lie in a parameter vector
 * @param channels pairs of mean and variance
 */
record RecalibrationPlan(long images, int batchSize, TrainedPart statistics, int channels)
    implements Serializable {
  private static final int CHANNELS_OF_SLICE = 1 << 13;

  /** Batches of nearly equal size, none above the run's. */
  static RecalibrationPlan of(TrainingRecipe recipe, long wanted) {
    long images = Math.min(wanted, recipe.plan().samples());
    long batches = -Math.floorDiv(-images, (long) recipe.plan().batchSize());
    TrainedPart statistics = recipe.replica().runningStatistics();
    return new RecalibrationPlan(
        images,
        Math.toIntExact(-Math.floorDiv(-images, batches)),
        statistics,
        statistics.length() / 2);
  }

  int batches() {
    return Math.toIntExact(-Math.floorDiv(-images, (long) batchSize));
  }

  int slices() {
    return (channels + CHANNELS_OF_SLICE - 1) / CHANNELS_OF_SLICE;
  }

  /**
   * Moments of one batch in slices.
   *
   * @param values in the order of {@link #statistics}
   * @param network index of the network
   */
  List<BatchMoments> cut(float[] values, int network, long examples) {
    float[] means = new float[channels];
    float[] variances = new float[channels];
    int mean = 0;
    int variance = 0;
    for (Segment segment : statistics.layout().segments()) {
      if (segment.kind() == Kind.RUNNING_MEAN) {
        System.arraycopy(values, segment.offset(), means, mean, segment.length());
        mean += segment.length();
      } else {
        System.arraycopy(values, segment.offset(), variances, variance, segment.length());
        variance += segment.length();
      }
    }
    List<BatchMoments> cut = new ArrayList<>();
    for (int slice = 0; slice < slices(); slice++) {
      int start = slice * CHANNELS_OF_SLICE;
      int length = Math.min(channels - start, CHANNELS_OF_SLICE);
      cut.add(
          new BatchMoments(
              network * slices() + slice,
              examples,
              copy(means, start, length),
              copy(variances, start, length)));
    }
    return cut;
  }

  private static FloatVector copy(float[] values, int start, int length) {
    float[] copy = new float[length];
    System.arraycopy(values, start, copy, 0, length);
    return new FloatVector(copy);
  }

  /** The running statistics of one network, in the order of {@link #statistics}. */
  float[] paste(List<BatchMoments> slices, int network) {
    float[] means = new float[channels];
    float[] variances = new float[channels];
    int pasted = 0;
    for (BatchMoments moments : slices) {
      if (moments.slice() / slices() == network) {
        int start = moments.slice() % slices() * CHANNELS_OF_SLICE;
        int length = moments.means().length();
        System.arraycopy(moments.means().values(), 0, means, start, length);
        System.arraycopy(moments.variances().values(), 0, variances, start, length);
        pasted += length;
      }
    }
    if (pasted != channels) {
      throw new IllegalStateException(
          String.format(
              "Recalibration returned running statistics of %s channels of %s", pasted, channels));
    }
    float[] values = new float[statistics.length()];
    int mean = 0;
    int variance = 0;
    for (Segment segment : statistics.layout().segments()) {
      if (segment.kind() == Kind.RUNNING_MEAN) {
        System.arraycopy(means, mean, values, segment.offset(), segment.length());
        mean += segment.length();
      } else {
        System.arraycopy(variances, variance, values, segment.offset(), segment.length());
        variance += segment.length();
      }
    }
    return values;
  }
}
