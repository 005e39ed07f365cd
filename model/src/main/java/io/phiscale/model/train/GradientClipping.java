package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.io.Serializable;
import java.nio.FloatBuffer;

/**
 * Clips gradients by their global norm: where ‖g‖ over all trainable parameters exceeds the
 * maximum, all of g is scaled by maximum / ‖g‖. Weight decay is added later, by the optimizer, and
 * is not clipped; running statistics are neither counted nor scaled, because their "gradient" is no
 * gradient.
 *
 * <p>Source: Pascanu et al., arXiv 1211.5063, algorithm 1.
 *
 * @param maximumNorm > 0; infinite: nothing is ever clipped
 */
public record GradientClipping(double maximumNorm) implements Serializable {

  /** No clipping at all. */
  public static final GradientClipping OFF = new GradientClipping(Double.POSITIVE_INFINITY);

  public GradientClipping {
    if (!(maximumNorm > 0)) {
      throw new IllegalArgumentException(
          String.format("Invalid maximum norm: %s (must be > 0)", maximumNorm));
    }
  }

  /** Whether gradients of any norm stay. */
  public boolean isOff() {
    return maximumNorm == Double.POSITIVE_INFINITY;
  }

  /**
   * Clips in place.
   *
   * @param gradients of the layout's length, changed
   * @param layout says which of them are gradients
   * @return the norm before clipping, summed in double precision; where it is NaN or infinite the
   *     gradients are as they were
   */
  public double clip(FloatBuffer gradients, ParameterLayout layout) {
    return clip(gradients, layout, new float[ChunkedOptimizer.CHUNK]);
  }

  /**
   * As {@link #clip(FloatBuffer, ParameterLayout)}.
   *
   * @param chunk overwritten; saves the allocation where a step follows the other
   */
  double clip(FloatBuffer gradients, ParameterLayout layout, float[] chunk) {
    if (gradients.limit() != layout.length()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid length of gradients: %s (must be %s, the layout's)",
              gradients.limit(), layout.length()));
    }
    double sumOfSquares = 0;
    for (ParameterLayout.Segment segment : layout.segments()) {
      if (segment.kind().runningStatistic()) {
        continue;
      }
      int end = segment.offset() + segment.length();
      for (int offset = segment.offset(); offset < end; offset += chunk.length) {
        int count = Math.min(chunk.length, end - offset);
        gradients.get(offset, chunk, 0, count);
        sumOfSquares += SumOfSquares.of(chunk, count);
      }
    }
    double norm = Math.sqrt(sumOfSquares);
    if (norm > maximumNorm && Double.isFinite(norm)) {
      scale(gradients, layout, (float) (maximumNorm / norm), chunk);
    }
    return norm;
  }

  private static void scale(
      FloatBuffer gradients, ParameterLayout layout, float factor, float[] chunk) {
    for (ParameterLayout.Segment segment : layout.segments()) {
      if (segment.kind().runningStatistic()) {
        continue;
      }
      int end = segment.offset() + segment.length();
      for (int offset = segment.offset(); offset < end; offset += chunk.length) {
        int count = Math.min(chunk.length, end - offset);
        gradients.get(offset, chunk, 0, count);
        for (int i = 0; i < count; i++) {
          chunk[i] *= factor;
        }
        gradients.put(offset, chunk, 0, count);
      }
    }
  }
}
