package io.phiscale.pipeline.batch;

import io.phiscale.pipeline.shard.SoftTargets;
import java.nio.FloatBuffer;
import java.util.Optional;

/**
 * A batch of normalised images and their labels: (N, H, W, C) float32, RGB, in one direct buffer of
 * native byte order that starts at a multiple of 64 bytes.
 *
 * <p>The memory belongs to the {@link BatchLoader}, which fills it anew once this is closed: keep
 * no buffer of it beyond that, and close each batch. Not thread-safe.
 */
public final class Batch implements AutoCloseable {
  private final BatchLoader owner;
  private final int resolutionPx;
  private final int count;
  private BatchBuffer buffer;

  Batch(BatchLoader owner, BatchBuffer buffer, int resolutionPx) {
    this.owner = owner;
    this.buffer = buffer;
    this.resolutionPx = resolutionPx;
    this.count = buffer.assigned();
  }

  /** Returns N, the number of images: 1 up to the capacity. */
  public int count() {
    return count;
  }

  /** Returns the number of images that a full batch has. */
  public int capacity() {
    return open().capacity();
  }

  /** Returns H and W. */
  public int resolutionPx() {
    return resolutionPx;
  }

  /**
   * Returns the images, (N, H, W, C), position 0, limit N * H * W * 3; a new view at each call.
   *
   * @throws IllegalStateException if this is closed
   */
  public FloatBuffer images() {
    BatchBuffer open = open();
    return open.images().duplicate().position(0).limit(open.offset(count));
  }

  /**
   * Returns the class index of an image.
   *
   * @param index the image, 0 to N - 1
   * @throws IllegalStateException if this is closed
   */
  public int label(int index) {
    requireIndex(index);
    return open().label(index);
  }

  /**
   * Returns what share of an image is of its {@link #label}; the rest is of its {@link
   * #otherLabel}. 1 where nothing was mixed.
   *
   * @param index the image, 0 to N - 1
   * @throws IllegalStateException if this is closed
   */
  public float labelShare(int index) {
    requireIndex(index);
    return open().labelShare(index);
  }

  /**
   * Returns all labels of an image with their weights, where it has several; {@link #label} is the
   * strongest of them.
   *
   * @param index the image, 0 to N - 1
   * @throws IllegalStateException if this is closed
   */
  public Optional<SoftTargets> softTargets(int index) {
    requireIndex(index);
    return open().softTargets(index);
  }

  /**
   * Returns all labels of the image that was mixed into an image, or its own, where there are
   * several.
   *
   * @param index the image, 0 to N - 1
   * @throws IllegalStateException if this is closed
   */
  public Optional<SoftTargets> otherSoftTargets(int index) {
    requireIndex(index);
    return open().otherSoftTargets(index);
  }

  /**
   * Returns the class index of the image that was mixed into an image, or its own.
   *
   * @param index the image, 0 to N - 1
   * @throws IllegalStateException if this is closed
   */
  public int otherLabel(int index) {
    requireIndex(index);
    return open().otherLabel(index);
  }

  /**
   * Returns the position of an image in the epoch's global order.
   *
   * @param index the image, 0 to N - 1
   * @throws IllegalStateException if this is closed
   */
  public long position(int index) {
    requireIndex(index);
    return open().position(index);
  }

  /**
   * Gives the memory back to the loader. May be repeated, and may follow the loader's own closing.
   */
  @Override
  public void close() {
    if (buffer != null) {
      BatchBuffer returned = buffer;
      buffer = null;
      owner.recycle(returned);
    }
  }

  /** The memory behind this, to see that it is recycled. */
  BatchBuffer memory() {
    return open();
  }

  private BatchBuffer open() {
    if (buffer == null) {
      throw new IllegalStateException("Cannot read a batch that is closed");
    }
    return buffer;
  }

  private void requireIndex(int index) {
    if (index < 0 || index >= count) {
      throw new IllegalArgumentException(
          "Invalid index: %d (must be in [0, %d))".formatted(index, count));
    }
  }
}
