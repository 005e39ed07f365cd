package io.phiscale.jobs.train;

import java.io.Serializable;

/** What a worker sends, and what the average of it is, in one round. */
public sealed interface Contribution extends Serializable {

  /**
   * One slice of a replica's state vector after the local steps, or the average of such slices.
   *
   * @param slice index of the slice
   * @param weight examples the replica was trained on in the round (&gt; 0)
   * @param values the slice's values, float32
   */
  record Slice(int slice, long weight, FloatVector values) implements Contribution {}

  /**
   * How a worker's round went.
   *
   * @param worker index of the worker
   * @param examples images trained on
   * @param steps local steps taken
   * @param lossSum sum over the examples of the training loss
   * @param skipped images that could not be decoded any more
   * @param computeNanos time in forward, backward and update
   * @param waitNanos time waiting for batches
   * @param divergence what was not finite, or null if all was finite
   */
  record Report(
      int worker,
      long examples,
      int steps,
      double lossSum,
      long skipped,
      long computeNanos,
      long waitNanos,
      Divergence divergence)
      implements Contribution {}

  /**
   * A loss or parameter that was NaN or infinite.
   *
   * @param step local step, counted from 0
   * @param what "loss" or "parameters"
   */
  record Divergence(int step, String what) implements Serializable {}
}
