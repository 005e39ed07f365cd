package io.phiscale.pipeline.shard;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.parquet.io.SeekableInputStream;

/**
 * A stream of a stored file that marks the failures of the storage, so that they are not taken for
 * damage of the file, and finds reads beyond the file's end, which only a damaged file asks for.
 */
final class StorageStream extends SeekableInputStream {
  private final SeekableInputStream stored;
  private final long length;

  /** The storage did not give what it holds. */
  static final class StorageFailure extends IOException {
    private static final long serialVersionUID = 1L;

    StorageFailure(Exception cause) {
      super(cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    }
  }

  private interface Access<T> {
    T get() throws IOException;
  }

  /**
   * @param stored the file; closed with this
   * @param length its bytes
   */
  StorageStream(SeekableInputStream stored, long length) {
    this.stored = stored;
    this.length = length;
  }

  private static <T> T marked(Access<T> access) throws IOException {
    try {
      return access.get();
    } catch (IOException | RuntimeException e) {
      throw new StorageFailure(e);
    }
  }

  private void require(long from, long bytes) throws IOException {
    if (from < 0 || bytes > length - from) {
      throw new EOFException(
          "bytes %s to %s were asked for, of %s".formatted(from, from + bytes, length));
    }
  }

  @Override
  public long getPos() throws IOException {
    return marked(stored::getPos);
  }

  @Override
  public void seek(long position) throws IOException {
    require(position, 0);
    marked(
        () -> {
          stored.seek(position);
          return position;
        });
  }

  @Override
  public int read() throws IOException {
    return marked(stored::read);
  }

  @Override
  public int read(byte[] bytes, int start, int count) throws IOException {
    return marked(() -> stored.read(bytes, start, count));
  }

  @Override
  public int read(ByteBuffer buffer) throws IOException {
    return marked(() -> stored.read(buffer));
  }

  @Override
  public void readFully(byte[] bytes) throws IOException {
    readFully(bytes, 0, bytes.length);
  }

  @Override
  public void readFully(byte[] bytes, int start, int count) throws IOException {
    require(getPos(), count);
    marked(
        () -> {
          stored.readFully(bytes, start, count);
          return count;
        });
  }

  @Override
  public void readFully(ByteBuffer buffer) throws IOException {
    require(getPos(), buffer.remaining());
    marked(
        () -> {
          stored.readFully(buffer);
          return buffer;
        });
  }

  @Override
  public void close() throws IOException {
    marked(
        () -> {
          stored.close();
          return stored;
        });
  }
}
