package io.phiscale.jobs.train;

import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.jobs.train.Contribution.Slice;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import scala.Tuple2;

/**
 * Cuts the vector [parameters, optimizer state] into slices of equal length (the last is shorter).
 *
 * @param length values in the whole vector
 * @param sliceLength values in a slice
 */
public record Slices(int length, int sliceLength) {
  /** 1 MiB: enough slices to spread a small network, few enough to keep the shuffle cheap. */
  static final int DEFAULT_SLICE_LENGTH = 1 << 18;

  public Slices {
    if (length <= 0 || sliceLength <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid slices: %s values by %s (both must be > 0)", length, sliceLength));
    }
  }

  /** Number of slices. */
  public int count() {
    return (length + sliceLength - 1) / sliceLength;
  }

  int start(int slice) {
    return slice * sliceLength;
  }

  int end(int slice) {
    return Math.min(length, start(slice) + sliceLength);
  }

  /** The vector of a round's state, in slices of the default length. */
  public static Slices of(RoundState state) {
    return new Slices(state.length(), DEFAULT_SLICE_LENGTH);
  }

  /**
   * All that a worker sends to be averaged, in the order of the slices.
   *
   * @param report the worker's report, which goes first
   * @param first one part of the worker's vector
   * @param second the rest of it
   */
  public Stream<Tuple2<SliceKey, Contribution>> contributions(
      Report report, float[] first, float[] second) {
    int worker = report.worker();
    return Stream.concat(
        report(report),
        IntStream.range(0, count())
            .mapToObj(
                slice ->
                    new Tuple2<>(
                        new SliceKey(slice, worker),
                        new Slice(slice, report.examples(), cut(slice, first, second)))));
  }

  /** What a worker sends that has nothing to be averaged. */
  public static Stream<Tuple2<SliceKey, Contribution>> report(Report report) {
    return Stream.of(new Tuple2<>(new SliceKey(SliceKey.REPORT, report.worker()), report));
  }

  /**
   * Writes averaged slices back into two vectors laid end to end.
   *
   * @param averaged a round's result; reports are passed over
   * @throws IllegalStateException if a slice is missing
   */
  public void assemble(List<Contribution> averaged, float[] first, float[] second) {
    int pasted = 0;
    for (Contribution contribution : averaged) {
      if (contribution instanceof Slice slice) {
        paste(slice.slice(), slice.values(), first, second);
        pasted++;
      }
    }
    if (pasted != count()) {
      throw new IllegalStateException(
          String.format("The averaging returned %s slices of %s", pasted, count()));
    }
  }

  /** A slice of two vectors laid end to end, copied. */
  FloatVector cut(int slice, float[] first, float[] second) {
    float[] values = new float[end(slice) - start(slice)];
    int split = Math.min(values.length, Math.max(0, first.length - start(slice)));
    System.arraycopy(first, Math.min(start(slice), first.length), values, 0, split);
    if (split < values.length) {
      System.arraycopy(
          second, start(slice) + split - first.length, values, split, values.length - split);
    }
    return new FloatVector(values);
  }

  /** Writes a slice back into two vectors laid end to end. */
  void paste(int slice, FloatVector from, float[] first, float[] second) {
    float[] values = from.values();
    if (values.length != end(slice) - start(slice)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid slice %s: %s values (must be %s)",
              slice, values.length, end(slice) - start(slice)));
    }
    int split = Math.min(values.length, Math.max(0, first.length - start(slice)));
    System.arraycopy(values, 0, first, Math.min(start(slice), first.length), split);
    if (split < values.length) {
      System.arraycopy(
          values, split, second, start(slice) + split - first.length, values.length - split);
    }
  }
}
