package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.jobs.train.Contribution.Packed;
import io.phiscale.jobs.train.Contribution.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A replica's state, ready to be sent compressed: [deltas of parameters, compressed | running
 * statistics | optimizer state], in slices.
 *
 * <p>Deltas keep their residual where the format is int8; the floating-point formats are fine
 * enough without. Statistics and optimizer state are sent as they are: a rounded variance or mean
 * square is a wrong one, and under error compensation it could become negative.
 */
final class PackedState {
  private final Wire wire;
  private final List<byte[]> deltas;
  private final float[] values;
  private final float[] residual;
  private final Slices slices;
  private final int deltaLength;

  private PackedState(
      Wire wire, List<byte[]> deltas, float[] values, float[] residual, Slices slices, int length) {
    this.wire = wire;
    this.deltas = deltas;
    this.values = values;
    this.residual = residual;
    this.slices = slices;
    this.deltaLength = length;
  }

  /**
   * Compresses.
   *
   * @param wire how
   * @param order of the wire
   * @param start parameters that the round started from, finite
   * @param local parameters after it, finite
   * @param optimizerState sent beside them, possibly empty
   * @param carried residual of the worker's rounds before; empty: none
   * @param sliceLength values of a slice, a multiple of {@link DeltaCodec#BLOCK}
   */
  static PackedState pack(
      Wire wire,
      WireOrder order,
      float[] start,
      float[] local,
      float[] optimizerState,
      float[] carried,
      int sliceLength) {
    if (sliceLength % DeltaCodec.BLOCK != 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid slice length: %s (must be a multiple of %s)",
              sliceLength, DeltaCodec.BLOCK));
    }
    float[] unsent = order.deltas(start, local);
    for (int i = 0; i < carried.length; i++) {
      unsent[i] += carried[i];
    }
    float[] values = order.statistics(local, optimizerState);
    Slices slices = new Slices(unsent.length + values.length, sliceLength);
    List<byte[]> deltas = new ArrayList<>();
    for (int from = 0; from < unsent.length; from += sliceLength) {
      int to = Math.min(unsent.length, from + sliceLength);
      byte[] bytes = DeltaCodec.encode(wire, unsent, from, to);
      if (wire == Wire.INT8) {
        DeltaCodec.residual(wire, unsent, bytes, from, to);
      }
      deltas.add(bytes);
    }
    return new PackedState(
        wire, deltas, values, wire == Wire.INT8 ? unsent : new float[0], slices, order.deltas());
  }

  /** What is to be sent next time; empty where nothing is held back. */
  float[] residual() {
    return residual;
  }

  /** The slices, in order. */
  Stream<Packed> contributions(long weight) {
    return IntStream.range(0, slices.count())
        .mapToObj(
            slice -> {
              int start = slices.start(slice);
              int end = slices.end(slice);
              int split = Math.max(start, Math.min(end, deltaLength));
              byte[] bytes = slice < deltas.size() ? deltas.get(slice) : new byte[0];
              float[] rest =
                  Arrays.copyOfRange(
                      values, Math.max(0, start - deltaLength), Math.max(0, end - deltaLength));
              return new Packed(
                  slice,
                  weight,
                  new PackedVector(wire, split - start, bytes),
                  new FloatVector(rest));
            });
  }

  /**
   * The driver's side: averaged slices as parameters, in their own order, and optimizer state.
   *
   * @param order of the wire
   * @param start parameters that the round started from
   * @param averaged the round's slices
   * @param optimizerState receives the averaged one
   * @return the averaged parameters
   * @throws IllegalStateException if a slice is missing
   */
  static float[] unpack(
      WireOrder order, float[] start, List<Slice> averaged, Slices slices, float[] optimizerState) {
    float[] deltas = new float[order.deltas()];
    float[] values = new float[order.statistics() + optimizerState.length];
    for (Slice slice : averaged) {
      slices.paste(slice.slice(), slice.values(), deltas, values);
    }
    System.arraycopy(values, order.statistics(), optimizerState, 0, optimizerState.length);
    return order.parameters(start, deltas, values);
  }
}
