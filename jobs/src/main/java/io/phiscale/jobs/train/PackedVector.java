package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import java.io.Serializable;

/** Compressed deltas on their way through the shuffle; see {@link DeltaCodec}. */
final class PackedVector implements Serializable {
  private static final long serialVersionUID = 1L;

  private final Wire wire;
  private final int length;
  private final byte[] bytes;

  /**
   * @param wire the format
   * @param length number of values
   * @param bytes the encoded values; not copied
   */
  PackedVector(Wire wire, int length, byte[] bytes) {
    this.wire = wire;
    this.length = length;
    this.bytes = bytes;
  }

  /** Number of values. */
  int length() {
    return length;
  }

  /** Decodes to the front of an array. */
  void unpack(float[] values) {
    DeltaCodec.decode(wire, bytes, values, 0, length);
  }
}
