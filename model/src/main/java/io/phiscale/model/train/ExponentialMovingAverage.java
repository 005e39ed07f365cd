package io.phiscale.model.train;

import java.io.Serializable;
import java.nio.FloatBuffer;

/**
 * A moving average of all parameters, running statistics of batch norm included, which evaluation
 * may use instead of them.
 *
 * <pre>
 *   d = min(decay, (1 + n) / (10 + n)),   n = global step
 *   average ← d^H · average + (1 − d^H) · parameters
 * </pre>
 *
 * <p>The original updates at every step (H = 1). A trainer that sees the averaged parameters only
 * once per round of H local steps gives H as {@code stepsCovered}: the average then forgets as fast
 * per step as the original's. Applying a decay of 0.9999 once per round instead would leave mostly
 * initial weights after few rounds.
 *
 * <p>Source: tensorflow/tpu {@code models/official/efficientnet/main.py} ({@code
 * tf.train.ExponentialMovingAverage} with {@code num_updates}) and {@code utils.py} ({@code
 * get_ema_vars}).
 *
 * @param decay largest part of the average that a step keeps, in [0, 1)
 */
public record ExponentialMovingAverage(double decay) implements Serializable {

  /** The original's 0.9999. */
  public static final ExponentialMovingAverage ORIGINAL = new ExponentialMovingAverage(0.9999);

  public ExponentialMovingAverage {
    if (!(decay >= 0 && decay < 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid moving-average decay: %s (must be in [0, 1))", decay));
    }
  }

  /**
   * d, the part of the average that one step keeps.
   *
   * @param step global steps done, ≥ 0
   */
  public double decayAt(long step) {
    if (step < 0) {
      throw new IllegalArgumentException(String.format("Invalid step: %s (must be >= 0)", step));
    }
    return Math.min(decay, (1.0 + step) / (10.0 + step));
  }

  /**
   * As {@link #update(FloatBuffer, FloatBuffer, long, int)}, of the trained part alone: the average
   * of what is frozen keeps its bits.
   *
   * @param average of all parameters, changed
   * @param parameters all of them
   */
  public void update(
      float[] average, float[] parameters, TrainedPart part, long step, int stepsCovered) {
    for (TrainedPart.Range range : part.ranges()) {
      update(
          FloatBuffer.wrap(average, range.offset(), range.length()).slice(),
          FloatBuffer.wrap(parameters, range.offset(), range.length()).slice(),
          step,
          stepsCovered);
    }
  }

  /**
   * Moves the average towards the parameters, in place. The d of the last step covered is used for
   * all of them.
   *
   * @param average changed
   * @param parameters as long as the average
   * @param step global steps done, the covered ones included, ≥ 0
   * @param stepsCovered H, steps since the last update, > 0
   */
  public void update(FloatBuffer average, FloatBuffer parameters, long step, int stepsCovered) {
    if (average.limit() != parameters.limit()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid length of average: %s (must be %s, the parameters')",
              average.limit(), parameters.limit()));
    }
    if (stepsCovered <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of steps covered: %s (must be > 0)", stepsCovered));
    }
    float change = (float) (1 - StrictMath.pow(decayAt(step), stepsCovered));
    float[] averageChunk = new float[ChunkedOptimizer.CHUNK];
    float[] parameterChunk = new float[ChunkedOptimizer.CHUNK];
    for (int offset = 0; offset < average.limit(); offset += ChunkedOptimizer.CHUNK) {
      int count = Math.min(ChunkedOptimizer.CHUNK, average.limit() - offset);
      average.get(offset, averageChunk, 0, count);
      parameters.get(offset, parameterChunk, 0, count);
      for (int i = 0; i < count; i++) {
        averageChunk[i] += change * (parameterChunk[i] - averageChunk[i]);
      }
      average.put(offset, averageChunk, 0, count);
    }
  }
}
