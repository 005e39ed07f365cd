package io.phiscale.model.kernels;

import org.bytedeco.javacpp.BytePointer;

/** Native memory that grows and never shrinks, at addresses that are multiples of 64. */
final class NativeBuffer implements AutoCloseable {

  private static final int ALIGNMENT = 64;

  private BytePointer memory;
  private Floats floats;
  private long capacity;

  private void reserve(long bytes) {
    if (memory == null || capacity < bytes) {
      close();
      memory = new BytePointer(bytes + ALIGNMENT);
      capacity = bytes;
    }
  }

  /** Address of at least so many bytes; what was in it before may be lost. */
  long bytes(long count) {
    reserve(Math.max(count, ALIGNMENT));
    return (memory.address() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** At least so many values; what was in it before may be lost. */
  Floats floats(long count) {
    long address = bytes(count * Float.BYTES);
    if (floats == null || floats.address() != address || floats.length() < count) {
      floats = new Floats(address, capacity / Float.BYTES);
    }
    return floats;
  }

  /** What it has taken, in bytes. */
  long heldBytes() {
    return memory == null ? 0 : memory.capacity();
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.deallocate();
      memory = null;
      floats = null;
      capacity = 0;
    }
  }
}
