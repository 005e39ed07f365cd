package io.phiscale.model.kernels;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Numbered buffers that grow to the largest shape asked of them and are then reused, so that a step
 * allocates nothing. Lies outside every ND4J workspace. Owns its memory until {@link #close}.
 *
 * <p>Not thread-safe: one per owner.
 */
public final class Scratch implements AutoCloseable {

  private static final int MAXIMUM_VIEWS = 64;
  private static final long LINE_BYTES = 64;

  private final Map<String, Slot> slots = new HashMap<>();

  private static final class Slot {
    private final INDArray buffer;
    private final long offset;
    private final long length;
    private final Map<Shape, INDArray> views = new HashMap<>();

    Slot(INDArray buffer, long length) {
      this.buffer = buffer;
      this.offset = alignedOffset(buffer);
      this.length = length;
    }
  }

  private record Shape(String text) {
    static Shape of(long[] sizes) {
      return new Shape(Arrays.toString(sizes));
    }
  }

  /**
   * The buffer of a name in a shape; contents are whatever the last user left. Two calls with one
   * name give the same memory, so a name has one use at a time.
   *
   * @param name of the buffer
   * @param type FLOAT or DOUBLE
   * @param shape of the array returned, c-ordered
   */
  public INDArray array(String name, DataType type, long... shape) {
    long length = 1;
    for (long size : shape) {
      length *= size;
    }
    Slot slot = slots.get(name);
    if (slot == null || slot.length < length || slot.buffer.dataType() != type) {
      if (slot != null) {
        slot.buffer.close();
      }
      slot = new Slot(allocate(type, length), length);
      slots.put(name, slot);
    }
    Shape key = Shape.of(shape);
    INDArray view = slot.views.get(key);
    if (view == null) {
      if (slot.views.size() >= MAXIMUM_VIEWS) {
        slot.views.clear();
      }
      INDArray flat = slot.buffer.get(NDArrayIndex.interval(slot.offset, slot.offset + length));
      view = Views.shaped(flat, shape);
      slot.views.put(key, view);
    }
    return view;
  }

  /** At an address that is a multiple of a cache line, or vectors would lie across two lines. */
  private static INDArray allocate(DataType type, long length) {
    long spare = LINE_BYTES / type.width();
    return detached(() -> Nd4j.createUninitialized(type, length + spare));
  }

  private static long alignedOffset(INDArray whole) {
    long address = whole.data().addressPointer().address();
    long past = address % LINE_BYTES;
    return past == 0 ? 0 : (LINE_BYTES - past) / whole.dataType().width();
  }

  /** An array made outside every ND4J workspace that may be open. */
  static INDArray detached(Supplier<INDArray> maker) {
    MemoryWorkspace outside = Nd4j.getMemoryManager().scopeOutOfWorkspaces();
    try {
      return maker.get();
    } finally {
      outside.close();
    }
  }

  /** Memory of all buffers, in bytes. */
  public long heldBytes() {
    return slots.values().stream()
        .mapToLong(slot -> slot.buffer.length() * slot.buffer.dataType().width())
        .sum();
  }

  /** Frees every buffer; arrays handed out before must not be used any more. */
  @Override
  public void close() {
    slots.values().forEach(slot -> slot.buffer.close());
    slots.clear();
  }
}
