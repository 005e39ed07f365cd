package io.phiscale.model.kernels;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.Pointer;

/**
 * A stretch of native memory that holds FLOATs, as oneDNN (an address) and as Java (a buffer) want
 * it. A view: whoever allocated the memory frees it.
 */
final class Floats {

  private final long address;
  private final int length;
  private final ByteBuffer bytes;
  private final FloatBuffer floats;

  /**
   * @param address of the first value
   * @param length in values; 4 · length must be below 2 GiB, which a buffer can address
   */
  Floats(long address, long length) {
    if (length > Integer.MAX_VALUE / Float.BYTES) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid array length: %s (must be <= %s, 2 GiB of FLOATs; use a smaller batch)",
              length, Integer.MAX_VALUE / Float.BYTES));
    }
    this.address = address;
    this.length = (int) length;
    this.bytes =
        new Address()
            .at(address, length * Float.BYTES)
            .asByteBuffer()
            .order(ByteOrder.nativeOrder());
    this.floats = bytes.asFloatBuffer();
  }

  /** A pointer whose address can be set. */
  static final class Address extends Pointer {

    Address at(long newAddress, long bytes) {
      address = newAddress;
      position = 0;
      limit = bytes;
      capacity = bytes;
      return this;
    }
  }

  long address() {
    return address;
  }

  /** Address of a value. */
  long address(long index) {
    return address + index * Float.BYTES;
  }

  int length() {
    return length;
  }

  /** In native order, position 0. */
  ByteBuffer bytes() {
    return bytes;
  }

  float at(int index) {
    return bytes.getFloat(index * Float.BYTES);
  }

  void put(int index, float value) {
    bytes.putFloat(index * Float.BYTES, value);
  }

  /** values(to + i) = this(from + i), i < count. */
  void read(int from, float[] values, int to, int count) {
    floats.get(from, values, to, count);
  }

  /** this(to + i) = values(from + i), i < count. */
  void write(int to, float[] values, int from, int count) {
    floats.put(to, values, from, count);
  }
}
