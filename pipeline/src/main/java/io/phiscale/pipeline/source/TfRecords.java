package io.phiscale.pipeline.source;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;

/**
 * The records of a TFRecord file, plain or gzip-compressed, their checksums verified.
 *
 * <pre>
 *   uint64 length      little-endian
 *   uint32 masked CRC-32C of the length
 *   byte   data[length]
 *   uint32 masked CRC-32C of the data
 * </pre>
 *
 * <p>masked(c) = ((c &gt;&gt;&gt; 15) | (c &lt;&lt; 17)) + 0xa282ead8, modulo 2^32.
 *
 * <p>Source: tensorflow/tensorflow, core/lib/io/record_writer.h and core/lib/hash/crc32c.h.
 */
final class TfRecords implements Closeable {
  private static final int MASK_DELTA = 0xa282ead8;

  private final URI file;
  private final DataInputStream in;
  private long offset;
  private boolean intact;

  TfRecords(URI file, InputStream stream) throws IOException {
    this.file = file;
    InputStream buffered = new BufferedInputStream(stream, 1 << 16);
    buffered.mark(2);
    boolean gzip = buffered.read() == 0x1F && buffered.read() == 0x8B;
    buffered.reset();
    this.in =
        new DataInputStream(
            gzip
                ? new BufferedInputStream(new GzipCompressorInputStream(buffered, true), 1 << 16)
                : buffered);
  }

  /** The masked CRC-32C of bytes. */
  static int maskedCrc(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    int value = (int) crc.getValue();
    return ((value >>> 15) | (value << 17)) + MASK_DELTA;
  }

  /**
   * The next record's data, or null after the last. Whether it is as it was written, {@link
   * #isIntact} says; a damaged length is an error, for nothing can be found after it.
   */
  byte[] next() throws IOException {
    byte[] length = new byte[Long.BYTES];
    int read = in.readNBytes(length, 0, length.length);
    if (read == 0) {
      return null;
    }
    byte[] crc = new byte[Integer.BYTES];
    if (read < length.length || in.readNBytes(crc, 0, crc.length) < crc.length) {
      throw truncated();
    }
    if (littleEndian(crc).getInt() != maskedCrc(length)) {
      throw new IOException(
          offset == 0
              ? "Not a TFRecord file: %s (no length with its checksum at offset 0)".formatted(file)
              : "Damaged TFRecord file %s: a wrong length at offset %s".formatted(file, offset));
    }
    long bytes = littleEndian(length).getLong();
    if (bytes < 0 || bytes > 2 * SourceItem.MAX_IMAGE_BYTES) {
      throw new IOException(
          "Cannot read %s: a record of %s bytes at offset %s (at most %s)"
              .formatted(file, bytes, offset, 2 * SourceItem.MAX_IMAGE_BYTES));
    }
    byte[] data = in.readNBytes((int) bytes);
    if (data.length < bytes || in.readNBytes(crc, 0, crc.length) < crc.length) {
      throw truncated();
    }
    intact = littleEndian(crc).getInt() == maskedCrc(data);
    offset += length.length + crc.length + bytes + crc.length;
    return data;
  }

  /** Whether the data of the record that was read last has the checksum it was written with. */
  boolean isIntact() {
    return intact;
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private IOException truncated() {
    return new IOException(
        "Truncated TFRecord file %s: it ends in the record at offset %s".formatted(file, offset));
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
