package io.phiscale.pipeline.shard;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import org.apache.parquet.HadoopReadOptions;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopStreams;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.SeekableInputStream;

/**
 * A Parquet file opened through {@link Storage}, and so with its credentials.
 *
 * <p>What goes wrong in the storage is told apart from what is wrong with the file: see {@link
 * #failure}.
 */
record ParquetInput(Storage storage, URI file, long length) implements InputFile {

  /** Whether pages are compared with the CRC-32 that was written with them. */
  enum PageChecksums {
    /** They are, whatever the column. */
    VERIFY,
    /** They are not. */
    IGNORE
  }

  /**
   * Opens a Parquet file and reads its footer.
   *
   * @throws DamagedShardException if it is no Parquet file, or its footer is damaged; names the URI
   * @throws IOException if it is missing or cannot be read; names the URI
   */
  static ParquetFileReader open(Storage storage, URI file, PageChecksums checksums)
      throws IOException {
    ParquetInput input = new ParquetInput(storage, file, storage.length(file));
    try {
      return ParquetFileReader.open(
          input,
          HadoopReadOptions.builder(storage.configuration())
              .usePageChecksumVerification(checksums == PageChecksums.VERIFY)
              .build());
    } catch (IOException | RuntimeException e) {
      throw failure("Cannot read shard %s: %s".formatted(file, e.getMessage()), e);
    }
  }

  /**
   * What Parquet's failure means: {@link DamagedShardException}, unless the storage failed, which
   * its cause then says. Parquet reports what it cannot decode by exceptions of many kinds, runtime
   * exceptions among them.
   */
  static IOException failure(String message, Exception exception) {
    for (Throwable cause = exception; cause != null; cause = cause.getCause()) {
      if (cause instanceof StorageStream.StorageFailure) {
        return new IOException(message, exception);
      }
    }
    return new DamagedShardException(message, exception);
  }

  @Override
  public long getLength() {
    return length;
  }

  @Override
  public SeekableInputStream newStream() throws IOException {
    try {
      return new StorageStream(HadoopStreams.wrap(storage.openSelfChecked(file)), length);
    } catch (IOException | RuntimeException e) {
      throw new StorageStream.StorageFailure(e);
    }
  }

  @Override
  public String toString() {
    return file.toString();
  }
}
