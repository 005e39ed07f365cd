package io.phiscale.pipeline.image;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import org.bytedeco.javacpp.BytePointer;

/** What became of encoded bytes. */
public sealed interface DecodeResult {

  /**
   * The bytes did not become an image.
   *
   * @param reason the reason, to count by
   * @param detail what exactly was wrong, for people
   */
  record Rejected(DecodeFailure reason, String detail) implements DecodeResult {
    public Rejected {
      requireNonNull(reason, "reason");
      requireNonNull(detail, "detail");
    }
  }

  /**
   * How large an image is, upright.
   *
   * @param widthPx width
   * @param heightPx height
   */
  record Size(int widthPx, int heightPx) {}

  /**
   * How much of an image is to be decoded, at least. A JPEG may be decoded in part; what is not
   * simple, and any other format, is decoded in full.
   *
   * @param rows the first upright rows, in pixels of the whole image, at least 1; what lies below
   *     them may be left out
   * @param reduction by what its sides may be smaller: 1, 2, 4 or 8
   */
  record Extent(int rows, int reduction) {
    /** All of it. */
    public static final Extent WHOLE = new Extent(Integer.MAX_VALUE, 1);

    public Extent {
      if (rows < 1) {
        throw new IllegalArgumentException(
            "Invalid number of rows: %s (must be >= 1)".formatted(rows));
      }
    }
  }

  /**
   * How a smaller image lies over the whole one. A side that is no multiple is filled up at its
   * stored end, which is its upright start where the orientation reverses it.
   *
   * @param times by what a side is smaller: 1, 2, 4 or 8
   * @param leadX pixels of the whole image by which the first column begins before it
   * @param leadY pixels of the whole image by which the first row begins before it
   */
  record Reduction(int times, int leadX, int leadY) {
    static final Reduction NONE = new Reduction(1, 0, 0);
  }

  /**
   * A decoded image: 8-bit RGB, upright, shape (H, W, 3).
   *
   * <p>The pixels belong to the {@link ImageDecoder} that returned this: they can be read until
   * this is closed, and the decoder decodes nothing else before that. Closing frees nothing (the
   * decoder reuses the memory for its next image) and may be repeated.
   */
  final class Decoded implements DecodeResult, AutoCloseable {
    private final ImageDecoder owner;
    private final ImageFormat format;
    private final int widthPx;
    private final int heightPx;
    private final int rowBytes;
    private final Size whole;
    private final Reduction reduction;
    private ByteBuffer pixels;

    Decoded(
        ImageDecoder owner,
        ImageFormat format,
        int widthPx,
        int heightPx,
        int rowBytes,
        Size whole,
        Reduction reduction,
        ByteBuffer pixels) {
      this.owner = owner;
      this.format = format;
      this.widthPx = widthPx;
      this.heightPx = heightPx;
      this.rowBytes = rowBytes;
      this.whole = whole;
      this.reduction = reduction;
      this.pixels = pixels;
    }

    /** Returns the width in pixels, after orientation, as it was decoded. */
    public int widthPx() {
      return widthPx;
    }

    /** Returns the height in pixels, after orientation, as it was decoded: of the first rows. */
    public int heightPx() {
      return heightPx;
    }

    /** Returns the size after orientation that the image has where nothing is left out. */
    public Size whole() {
      return whole;
    }

    /** Returns by what the decoded pixels are fewer, along each side: 1, 2, 4 or 8. */
    public int reduction() {
      return reduction.times();
    }

    /** Returns where a region of the whole image lies on the grid that was reduced. */
    CropRegion onReducedGrid(CropRegion region) {
      region.requireInside(whole.widthPx(), whole.heightPx());
      return region.shifted(reduction.leadX(), reduction.leadY());
    }

    /** Returns the format of the encoded bytes. */
    public ImageFormat format() {
      return format;
    }

    /**
     * Copies a region, row by row, unmirrored.
     *
     * @param region the region; must lie inside the image
     * @param target receives height * width * 3 bytes, shape (H, W, RGB), from index 0
     * @throws IllegalStateException if this is closed
     */
    public void copyRegion(CropRegion region, byte[] target) {
      region.requireInside(widthPx, heightPx);
      copyRows(region.left(), region.top(), region.width(), region.height(), target);
    }

    /** Copies {@code rows} times {@code width} pixels from (left, top) on. */
    void copyRows(int left, int top, int width, int rows, byte[] target) {
      requireOpen();
      int length = width * ImageResampler.CHANNELS;
      int source = top * rowBytes + left * ImageResampler.CHANNELS;
      for (int row = 0; row < rows; row++) {
        pixels.get(source, target, row * length, length);
        source += rowBytes;
      }
    }

    /**
     * Returns the colour of one pixel as 0xRRGGBB.
     *
     * @throws IllegalStateException if this is closed
     */
    public int rgb(int x, int y) {
      requireOpen();
      if (x < 0 || x >= widthPx || y < 0 || y >= heightPx) {
        throw new IllegalArgumentException(
            "Invalid pixel: (%d, %d) (must lie inside %d x %d px)"
                .formatted(x, y, widthPx, heightPx));
      }
      int at = y * rowBytes + x * ImageResampler.CHANNELS;
      return (pixels.get(at) & 0xff) << 16
          | (pixels.get(at + 1) & 0xff) << 8
          | (pixels.get(at + 2) & 0xff);
    }

    /** A pointer to the pixels, valid while this is open. */
    BytePointer pixels() {
      requireOpen();
      return new BytePointer(pixels);
    }

    /** Bytes from one row to the next. */
    int rowBytes() {
      return rowBytes;
    }

    /** Gives the pixels back to the decoder. */
    @Override
    public void close() {
      if (pixels != null) {
        pixels = null;
        owner.release();
      }
    }

    private void requireOpen() {
      if (pixels == null) {
        throw new IllegalStateException("Cannot read a decoded image that is closed");
      }
    }
  }
}
