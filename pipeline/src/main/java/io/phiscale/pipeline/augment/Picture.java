package io.phiscale.pipeline.augment;

import java.util.Arrays;

/**
 * An 8-bit RGB picture that operations change in place: (H, W, RGB), rows without padding.
 *
 * <p>What a channel's value becomes independently of its neighbours is kept as one table per
 * channel and composed, not carried out: a chain of such operations costs three times 256 steps,
 * and the pixels are touched once, where an operation needs them or at the end.
 *
 * <p>Owns two buffers that grow to the largest picture; nothing is allocated per picture. Not
 * thread-safe.
 */
public final class Picture {
  static final int CHANNELS = 3;
  static final int VALUES = 256;

  private final byte[] tables = new byte[CHANNELS * VALUES];
  private final byte[] identity = new byte[CHANNELS * VALUES];
  private final int[] next = new int[CHANNELS * VALUES];
  private final int[] counts = new int[CHANNELS * VALUES];
  private byte[] pixels = new byte[0];
  private byte[] spare = new byte[0];
  private int[] line = new int[0];
  private float[] sums = new float[0];
  private Picture sibling;
  private int width;
  private int height;
  private boolean pending;

  /** Makes a picture without pixels; see {@link #resize}. */
  public Picture() {
    for (int i = 0; i < identity.length; i++) {
      identity[i] = (byte) i;
    }
    resize(0, 0);
  }

  /** Gives it a size. What the pixels are is undefined until {@link #pixels} is filled. */
  public void resize(int widthPx, int heightPx) {
    if (widthPx < 0 || heightPx < 0) {
      throw new IllegalArgumentException(
          "Invalid size: %d x %d px (must be >= 0)".formatted(widthPx, heightPx));
    }
    width = widthPx;
    height = heightPx;
    int bytes = Math.multiplyExact(Math.multiplyExact(widthPx, heightPx), CHANNELS);
    if (pixels.length < bytes) {
      pixels = new byte[bytes];
      spare = new byte[bytes];
    }
    forgetTables();
  }

  /** Returns the width in pixels. */
  public int widthPx() {
    return width;
  }

  /** Returns the height in pixels. */
  public int heightPx() {
    return height;
  }

  /** Returns the number of bytes of the picture. */
  public int length() {
    return width * height * CHANNELS;
  }

  /**
   * Returns the pixels, to be read or written: (H, W, RGB), the first {@link #length} bytes of an
   * array that may be longer. Valid until the next operation.
   */
  public byte[] pixels() {
    if (pending) {
      byte[] values = pixels;
      byte[] table = tables;
      int end = length();
      for (int i = 0; i < end; i += CHANNELS) {
        values[i] = table[values[i] & 0xff];
        values[i + 1] = table[VALUES + (values[i + 1] & 0xff)];
        values[i + 2] = table[2 * VALUES + (values[i + 2] & 0xff)];
      }
      forgetTables();
    }
    return pixels;
  }

  /** Makes this a copy of another picture. */
  void copyOf(Picture other) {
    resize(other.width, other.height);
    System.arraycopy(other.pixels(), 0, pixels, 0, length());
  }

  /** The pixels before {@link #tables}. */
  byte[] storedPixels() {
    return pixels;
  }

  /** What becomes of a stored value: entry {@code channel * 256 + value}. */
  byte[] tables() {
    return tables;
  }

  /** Tells that every stored pixel has been written with {@link #tables} applied. */
  void forgetTables() {
    System.arraycopy(identity, 0, tables, 0, tables.length);
    pending = false;
  }

  /** Where the next operation's table goes, entry {@code channel * 256 + value}: 0 to 255. */
  int[] next() {
    return next;
  }

  /** Puts {@link #next} behind the tables. */
  void applyNext() {
    for (int c = 0; c < CHANNELS; c++) {
      for (int i = c * VALUES; i < (c + 1) * VALUES; i++) {
        tables[i] = (byte) next[c * VALUES + (tables[i] & 0xff)];
      }
    }
    pending = true;
  }

  /** How often each value occurs, entry {@code channel * 256 + value}. */
  int[] histogram() {
    int[] stored = next;
    Arrays.fill(stored, 0);
    byte[] values = pixels;
    int end = length();
    for (int i = 0; i < end; i += CHANNELS) {
      stored[values[i] & 0xff]++;
      stored[VALUES + (values[i + 1] & 0xff)]++;
      stored[2 * VALUES + (values[i + 2] & 0xff)]++;
    }
    Arrays.fill(counts, 0);
    for (int c = 0; c < CHANNELS; c++) {
      for (int i = c * VALUES; i < (c + 1) * VALUES; i++) {
        counts[c * VALUES + (tables[i] & 0xff)] += stored[i];
      }
    }
    return counts;
  }

  /** Memory for an operation's result, as long as the pixels; becomes them by {@link #swap}. */
  byte[] spare() {
    return spare;
  }

  /** Makes the spare memory the pixels. */
  void swap() {
    byte[] old = pixels;
    pixels = spare;
    spare = old;
  }

  /** Scratch of at least a number of values. */
  int[] line(int length) {
    if (line.length < length) {
      line = new int[length];
    }
    return line;
  }

  /** Scratch of at least a number of values, all 0 up to that number. */
  float[] sums(int length) {
    if (sums.length < length) {
      sums = new float[length];
    } else {
      Arrays.fill(sums, 0, length, 0f);
    }
    return sums;
  }

  /** Another picture, always the same one, for operations that need a second. */
  Picture sibling() {
    if (sibling == null) {
      sibling = new Picture();
    }
    return sibling;
  }
}
