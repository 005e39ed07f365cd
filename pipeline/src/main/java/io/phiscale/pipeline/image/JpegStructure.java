package io.phiscale.pipeline.image;

import io.phiscale.pipeline.image.DecodeResult.Reduction;
import io.phiscale.pipeline.image.DecodeResult.Size;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the markers of a JPEG stream say, read without decoding (ITU-T T.81 annex B; Exif 2.32
 * section 4.5.4 for the orientation; the Adobe segment as in libjpeg's {@code jdmarker.c}).
 */
final class JpegStructure {
  private static final int SOF_BASELINE = 0xC0;
  private static final int SOF_EXTENDED = 0xC1;
  private static final int EOI = 0xD9;
  private static final int SOS = 0xDA;
  private static final int DRI = 0xDD;
  private static final int APP1 = 0xE1;
  private static final int APP14 = 0xEE;
  private static final int ORIENTATION_TAG = 0x0112;
  private static final int BLOCK_ROWS = 8;
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long LOWEST_BITS = 0x0101_0101_0101_0101L;
  private static final long HIGHEST_BITS = 0x8080_8080_8080_8080L;

  private final byte[] bytes;
  private int widthPx;
  private int heightPx;
  private int components;
  private int frameAt;
  private int frameMarker;
  private int mcuRows;
  private int scans;
  private int scanComponents;
  private boolean restarts;
  private int orientation = 1;
  private int exifSegments;
  private boolean orientationGiven;
  private boolean adobe;
  private boolean ended;
  private int endAt;

  private JpegStructure(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Walks the stream from its start up to the end-of-image marker, or to the end of the bytes. */
  static JpegStructure whole(byte[] bytes) {
    JpegStructure structure = new JpegStructure(bytes);
    structure.walk(false);
    return structure;
  }

  /** Walks the stream only as far as the frame header, which holds the size. */
  static JpegStructure header(byte[] bytes) {
    JpegStructure structure = new JpegStructure(bytes);
    structure.walk(true);
    return structure;
  }

  /** Width of the frame, or 0 where no frame header was found. */
  int widthPx() {
    return widthPx;
  }

  /** Height of the frame, or 0 where no frame header was found or it leaves the height open. */
  int heightPx() {
    return heightPx;
  }

  /**
   * Whether the frame is CMYK without an Adobe segment: its values then count ink, and not its
   * absence.
   */
  boolean plainCmyk() {
    return components == 4 && !adobe;
  }

  /** EXIF orientation, 1 (upright) to 8. */
  int orientation() {
    return orientation;
  }

  /** The frame's size once the orientation is applied. */
  Size upright(ImageHeader header) {
    return orientation > 4
        ? new Size(header.heightPx(), header.widthPx())
        : new Size(header.widthPx(), header.heightPx());
  }

  /** How the upright image lies once it is decoded at 1 / {@code times} of its size. */
  Reduction reduction(Size upright, int times) {
    boolean reversedX =
        orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    boolean reversedY =
        orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    return new Reduction(
        times,
        reversedX ? filledUp(upright.widthPx(), times) : 0,
        reversedY ? filledUp(upright.heightPx(), times) : 0);
  }

  private static int filledUp(int sidePx, int times) {
    return ImageDecoder.divided(sidePx, times) * times - sidePx;
  }

  /** Whether the end-of-image marker was reached. */
  boolean ended() {
    return ended;
  }

  /**
   * The least part that shows the first rows.
   *
   * @param rows the upright rows that are needed, from the top
   * @return the whole, unless less will do and that is simple: one scan of Huffman codes, without
   *     restarts, of an image that is stored upright or mirrored
   */
  Part part(int rows) {
    boolean cuttable =
        ended
            && mcuRows > 0
            && (frameMarker == SOF_BASELINE || frameMarker == SOF_EXTENDED)
            && scans == 1
            && scanComponents == components
            && !restarts
            && orientation <= 2
            // Where it is not said, OpenCV may read a strange block in another way.
            && (exifSegments == 0 || (exifSegments == 1 && orientationGiven));
    // One row of blocks more: upsampling of colour looks at the row below.
    long needed = cuttable ? ((rows - 1L) / mcuRows + 2) * mcuRows : heightPx;
    return needed < heightPx ? new Part((int) needed, endAt) : new Part(heightPx, bytes.length);
  }

  /**
   * What a decoder is given of the stream.
   *
   * @param rows the height that the frame header is to say
   * @param bytes how many bytes; without the end-of-image marker where rows are missing, so that
   *     libjpeg runs out of bytes in silence instead of finding too many
   */
  record Part(int rows, int bytes) {}

  /** Writes the height that the frame header says. */
  void putHeight(int rows, ByteBuffer copy) {
    copy.put(frameAt + 1, (byte) (rows >> 8));
    copy.put(frameAt + 2, (byte) rows);
  }

  private void walk(boolean stopAtFrame) {
    int position = 2;
    while (position + 1 < bytes.length) {
      if ((bytes[position] & 0xff) != 0xff) {
        position++; // libjpeg skips bytes between segments, too
        continue;
      }
      int marker = bytes[position + 1] & 0xff;
      if (marker == 0xff) {
        position++;
        continue;
      }
      position += 2;
      if (marker == EOI) {
        ended = true;
        endAt = position - 2;
        return;
      }
      if (marker == 0 || marker == 1 || (marker >= 0xd0 && marker <= 0xd8)) {
        continue;
      }
      if (position + 2 > bytes.length) {
        return;
      }
      int length = u16(position);
      int end = position + length;
      if (length < 2 || end > bytes.length) {
        return;
      }
      segment(marker, position + 2, end);
      if (stopAtFrame && components != 0) {
        return;
      }
      position = marker == SOS ? afterEntropyCodedData(end) : end;
    }
  }

  /** Marks the lowest byte that is 0xff, and perhaps higher ones; 0 where none is. */
  private static long bytesOfOnes(long word) {
    long inverted = ~word;
    return (inverted - LOWEST_BITS) & word & HIGHEST_BITS;
  }

  private int afterEntropyCodedData(int start) {
    byte[] data = bytes;
    int last = data.length - 1;
    int position = start;
    while (position < last) {
      while (position + Long.BYTES <= last) {
        long marks = bytesOfOnes((long) LONGS.get(data, position));
        if (marks != 0) {
          position += Long.numberOfTrailingZeros(marks) / Byte.SIZE;
          break;
        }
        position += Long.BYTES;
      }
      if (position < last && data[position] == (byte) 0xff) {
        int next = data[position + 1] & 0xff;
        if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) {
          return position;
        }
      }
      position++;
    }
    return data.length;
  }

  private void segment(int marker, int start, int end) {
    boolean frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame && end - start >= 6 && components == 0) {
      frameMarker = marker;
      frameAt = start;
      heightPx = u16(start + 1);
      widthPx = u16(start + 3);
      components = bytes[start + 5] & 0xff;
      for (int at = start + 7; at < end; at += 3) {
        mcuRows = Math.max(mcuRows, (bytes[at] & 0x0f) * BLOCK_ROWS);
      }
    } else if (marker == SOS) {
      scans++;
      scanComponents = start < end ? bytes[start] & 0xff : 0;
    } else if (marker == DRI) {
      restarts = true;
    } else if (marker == APP14 && end - start >= 12 && startsWith(start, "Adobe")) {
      adobe = true;
    } else if (marker == APP1 && end - start >= 14 && startsWith(start, "Exif\0")) {
      exifSegments++;
      orientation = exifOrientation(start + 6, end);
    }
  }

  private int exifOrientation(int tiff, int end) {
    boolean littleEndian = bytes[tiff] == 'I';
    long directory = tiff + number(tiff + 4, 4, littleEndian);
    if (directory + 2 > end) {
      return orientation;
    }
    int entries = (int) number((int) directory, 2, littleEndian);
    long entry = directory + 2;
    for (int i = 0; i < entries && entry + 12 <= end; i++, entry += 12) {
      if (number((int) entry, 2, littleEndian) == ORIENTATION_TAG) {
        int value = (int) number((int) entry + 8, 2, littleEndian);
        orientationGiven = value >= 1 && value <= 8;
        return orientationGiven ? value : 1;
      }
    }
    return orientation;
  }

  private boolean startsWith(int start, String ascii) {
    for (int i = 0; i < ascii.length(); i++) {
      if (bytes[start + i] != ascii.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private int u16(int position) {
    return (bytes[position] & 0xff) << 8 | (bytes[position + 1] & 0xff);
  }

  private long number(int position, int size, boolean littleEndian) {
    long value = 0;
    for (int i = 0; i < size; i++) {
      int at = littleEndian ? position + size - 1 - i : position + i;
      value = value << 8 | (bytes[at] & 0xff);
    }
    return value;
  }
}
