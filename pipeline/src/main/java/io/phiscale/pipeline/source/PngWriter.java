package io.phiscale.pipeline.source;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.Adler32;
import java.util.zip.CRC32;

/**
 * Raw pixels as PNG (W3C PNG, second edition), 8 bits per sample, without loss.
 *
 * <p>The zlib stream has stored blocks only (RFC 1951, 3.2.4): pictures of 28 or 32 px hardly
 * shrink, and the same pixels give the same bytes whatever zlib a machine has, so that checksums
 * and the digests of data sets agree between machines.
 */
final class PngWriter {
  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  private static final int STORED_BLOCK_BYTES = 65_535;

  /** PNG colour types. */
  private static final byte GREY = 0;

  private static final byte RGB = 2;

  private PngWriter() {}

  /**
   * A grey picture.
   *
   * @param pixels H x W bytes from {@code offset}, row by row
   */
  static byte[] grey(byte[] pixels, int offset, int widthPx, int heightPx) {
    byte[] rows = new byte[heightPx * (widthPx + 1)];
    for (int y = 0; y < heightPx; y++) {
      // The byte before each row is its filter: 0, none.
      System.arraycopy(pixels, offset + y * widthPx, rows, y * (widthPx + 1) + 1, widthPx);
    }
    return png(rows, GREY, widthPx, heightPx);
  }

  /**
   * A coloured picture.
   *
   * @param planes 3 x H x W bytes from {@code offset}: all red values row by row, then green, blue
   */
  static byte[] rgbPlanes(byte[] planes, int offset, int widthPx, int heightPx) {
    int plane = widthPx * heightPx;
    byte[] rows = new byte[heightPx * (3 * widthPx + 1)];
    int to = 0;
    for (int y = 0; y < heightPx; y++) {
      to++;
      for (int x = 0; x < widthPx; x++) {
        int from = offset + y * widthPx + x;
        rows[to++] = planes[from];
        rows[to++] = planes[from + plane];
        rows[to++] = planes[from + 2 * plane];
      }
    }
    return png(rows, RGB, widthPx, heightPx);
  }

  private static byte[] png(byte[] rows, byte colourType, int widthPx, int heightPx) {
    ByteBuffer header = ByteBuffer.allocate(13);
    header.putInt(widthPx).putInt(heightPx).put((byte) 8).put(colourType);
    byte[] data = zlib(rows);
    ByteBuffer png = ByteBuffer.allocate(SIGNATURE.length + 3 * 12 + 13 + data.length);
    png.put(SIGNATURE);
    chunk(png, "IHDR", header.array());
    chunk(png, "IDAT", data);
    chunk(png, "IEND", new byte[0]);
    return png.array();
  }

  private static void chunk(ByteBuffer png, String type, byte[] data) {
    CRC32 crc = new CRC32();
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    crc.update(name);
    crc.update(data);
    png.putInt(data.length).put(name).put(data).putInt((int) crc.getValue());
  }

  private static byte[] zlib(byte[] content) {
    int blocks = Math.max(1, (content.length + STORED_BLOCK_BYTES - 1) / STORED_BLOCK_BYTES);
    ByteBuffer zlib = ByteBuffer.allocate(2 + blocks * 5 + content.length + 4);
    zlib.put((byte) 0x78).put((byte) 0x01);
    for (int block = 0; block < blocks; block++) {
      int from = block * STORED_BLOCK_BYTES;
      int length = Math.min(STORED_BLOCK_BYTES, content.length - from);
      zlib.put((byte) (block == blocks - 1 ? 1 : 0));
      // Lengths are little-endian, the checksum below is not.
      zlib.putShort(Short.reverseBytes((short) length));
      zlib.putShort(Short.reverseBytes((short) ~length));
      zlib.put(content, from, length);
    }
    Adler32 adler = new Adler32();
    adler.update(content);
    return zlib.putInt((int) adler.getValue()).array();
  }
}
