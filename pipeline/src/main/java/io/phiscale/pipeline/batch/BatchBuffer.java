package io.phiscale.pipeline.batch;

import io.phiscale.pipeline.shard.SoftTargets;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * The memory of one batch, reused for many. Slots are assigned in order, filled in any order by
 * several threads, and then closed up. All but the filling of a slot happens under the loader's
 * lock.
 */
final class BatchBuffer {
  /** What vector instructions and native kernels like best. */
  private static final int ALIGNMENT_BYTES = 64;

  private final int valuesPerImage;
  private final ByteBuffer memory;
  private final FloatBuffer images;
  private final int[] labels;
  private final int[] otherLabels;
  private final float[] labelShares;
  private final List<Optional<SoftTargets>> softTargets;

  /** The slot whose image was mixed into that of a slot, or itself. */
  private final int[] others;

  private final long[] positions;
  private final boolean[] filled;
  private int assigned;
  private int pending;
  private Throwable failure;
  private String failedKey;

  BatchBuffer(int capacity, int valuesPerImage) {
    this.valuesPerImage = valuesPerImage;
    int bytes = bytes(capacity, valuesPerImage);
    // One more than the start needs: an aligned slice also ends at a multiple.
    this.memory = BatchMemory.SHARED.take(bytes + 2 * ALIGNMENT_BYTES);
    this.images =
        memory
            .alignedSlice(ALIGNMENT_BYTES)
            .limit(bytes)
            .slice()
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    this.labels = new int[capacity];
    this.otherLabels = new int[capacity];
    this.labelShares = new float[capacity];
    this.softTargets = new ArrayList<>(Collections.nCopies(capacity, Optional.empty()));
    this.others = new int[capacity];
    this.positions = new long[capacity];
    this.filled = new boolean[capacity];
  }

  /** Bytes of the images of one batch; throws where they are too many for one buffer. */
  static int bytes(int capacity, int valuesPerImage) {
    long bytes = (long) capacity * valuesPerImage * Float.BYTES;
    if (bytes > Integer.MAX_VALUE - ALIGNMENT_BYTES) {
      throw new IllegalArgumentException(
          "Invalid batch size: %d images of %d floats (must be below 2 GiB)"
              .formatted(capacity, valuesPerImage));
    }
    return (int) bytes;
  }

  int capacity() {
    return labels.length;
  }

  int assigned() {
    return assigned;
  }

  int pending() {
    return pending;
  }

  boolean isFull() {
    return assigned == labels.length;
  }

  /** Takes the next slot. */
  int assign(int label, Optional<SoftTargets> targets, long position) {
    int slot = assigned++;
    labels[slot] = label;
    softTargets.set(slot, targets);
    others[slot] = slot;
    otherLabels[slot] = label;
    labelShares[slot] = 1;
    positions[slot] = position;
    filled[slot] = false;
    pending++;
    return slot;
  }

  /** Where slot's image goes; to be written to by the slot's thread only. */
  FloatBuffer images() {
    return images;
  }

  int offset(int slot) {
    return slot * valuesPerImage;
  }

  /** The slot holds its image. */
  void fill(int slot) {
    filled[slot] = true;
    pending--;
  }

  /** The slot will hold nothing. */
  void skip() {
    pending--;
  }

  /** The slot's thread failed. The first failure counts. */
  void fail(String key, Throwable cause) {
    pending--;
    if (failure == null) {
      failure = cause;
      failedKey = key;
    }
  }

  Throwable failure() {
    return failure;
  }

  String failedKey() {
    return failedKey;
  }

  /** Moves the images up over skipped slots; afterwards {@link #assigned()} is their number. */
  void closeUp() {
    int count = 0;
    for (int slot = 0; slot < assigned; slot++) {
      if (!filled[slot]) {
        continue;
      }
      if (slot != count) {
        images.put(offset(count), images, offset(slot), valuesPerImage);
        labels[count] = labels[slot];
        otherLabels[count] = labels[slot];
        softTargets.set(count, softTargets.get(slot));
        positions[count] = positions[slot];
      }
      count++;
    }
    assigned = count;
  }

  int label(int index) {
    return labels[index];
  }

  /** What an image is by the rest of its share. */
  int otherLabel(int index) {
    return otherLabels[index];
  }

  float labelShare(int index) {
    return labelShares[index];
  }

  Optional<SoftTargets> softTargets(int index) {
    return softTargets.get(index);
  }

  /** Those of the image that was mixed in, or its own. */
  Optional<SoftTargets> otherSoftTargets(int index) {
    return softTargets.get(others[index]);
  }

  /** The image has become {@code share} of its own label and the rest of another image's. */
  void mixLabel(int index, int other, float share) {
    others[index] = other;
    otherLabels[index] = labels[other];
    labelShares[index] = share;
  }

  long position(int index) {
    return positions[index];
  }

  void reset() {
    assigned = 0;
    pending = 0;
    failure = null;
    failedKey = null;
  }

  /** Nothing reads or writes the images any more: their memory is for others. */
  void release() {
    BatchMemory.SHARED.giveBack(memory);
  }
}
