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
 * @param maximumNorm > 0
 */
public record GradientClipping(double maximumNorm) implements Serializable {

  public GradientClipping {
    if (!(maximumNorm > 0) || Double.isInfinite(maximumNorm)) {
      throw new IllegalArgumentException(
          String.format("Invalid maximum norm: %s (must be > 0 and finite)", maximumNorm));
    }
  }

  /**
   * Clips in place.
   *
   * @param gradients of the layout's length, changed
   * @param layout says which of them are gradients
   * @return the norm before clipping, summed in double precision
   * @throws IllegalStateException if the norm is NaN or infinite; the gradients are then as they
   *     were
   */
  public double clip(FloatBuffer gradients, ParameterLayout layout) {
    if (gradients.limit() != layout.length()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid length of gradients: %s (must be %s, the layout's)",
              gradients.limit(), layout.length()));
    }
    double sumOfSquares = 0;
    float[] chunk = new float[ChunkedOptimizer.CHUNK];
    for (ParameterLayout.Segment segment : layout.segments()) {
      if (segment.kind().runningStatistic()) {
        continue;
      }
      int end = segment.offset() + segment.length();
      for (int offset = segment.offset(); offset < end; offset += chunk.length) {
        int count = Math.min(chunk.length, end - offset);
        gradients.get(offset, chunk, 0, count);
        for (int i = 0; i < count; i++) {
          sumOfSquares += (double) chunk[i] * chunk[i];
        }
      }
    }
    double norm = Math.sqrt(sumOfSquares);
    if (!Double.isFinite(norm)) {
      throw new IllegalStateException(
          String.format("Cannot clip gradients: their global norm is %s", norm));
    }
    if (norm > maximumNorm) {
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
