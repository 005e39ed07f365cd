package io.phiscale.jobs.train;

import io.phiscale.jobs.run.SkippedImages;
import java.io.Serializable;
import java.util.List;

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
   * As {@link Slice}, in the order of {@link WireOrder} and compressed.
   *
   * @param slice index of the slice
   * @param weight examples the replica was trained on in the round (&gt; 0)
   * @param deltas changes of parameters, compressed
   * @param values what follows them in the slice, float32
   */
  record Packed(int slice, long weight, PackedVector deltas, FloatVector values)
      implements Contribution {

    /** Decoded. */
    Slice unpacked() {
      float[] all = new float[deltas.length() + values.length()];
      deltas.unpack(all);
      System.arraycopy(values.values(), 0, all, deltas.length(), values.length());
      return new Slice(slice, weight, new FloatVector(all));
    }
  }

  /**
   * How a worker's round went.
   *
   * @param worker index of the worker
   * @param examples images trained on
   * @param steps local steps taken
   * @param lossSum sum over the examples of the training loss
   * @param correct images whose class scored highest
   * @param skipped images that are damaged where they are stored, and were left out
   * @param positions digest of the positions trained on or skipped, see {@link Positions}
   * @param computeNanos time in forward, backward and update
   * @param waitNanos time waiting for batches
   * @param divergence what was not finite, or null if all was finite
   */
  record Report(
      int worker,
      long examples,
      int steps,
      double lossSum,
      long correct,
      List<SkippedImages> skipped,
      long positions,
      long computeNanos,
      long waitNanos,
      Divergence divergence)
      implements Contribution {
    public Report {
      skipped = List.copyOf(skipped);
    }

    /** Of a worker that had nothing to do. */
    public static Report idle(int worker) {
      return new Report(worker, 0, 0, 0, 0, List.of(), 0, 0, 0, null);
    }

    /** Time computing and waiting for batches. */
    long busyNanos() {
      return computeNanos + waitNanos;
    }

    /** The same, diverged. */
    public Report diverged(Divergence what) {
      return new Report(
          worker,
          examples,
          steps,
          lossSum,
          correct,
          skipped,
          positions,
          computeNanos,
          waitNanos,
          what);
    }
  }

  /**
   * A loss or parameter that was NaN or infinite.
   *
   * @param step local step, counted from 0
   * @param what "loss", "loss or gradient norm" where gradients are clipped, or "parameters"
   */
  record Divergence(int step, String what) implements Serializable {}
}
