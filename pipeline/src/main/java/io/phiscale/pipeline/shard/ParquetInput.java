package io.phiscale.pipeline.shard;

import io.phiscale.pipeline.storage.ReadPolicy;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import org.apache.parquet.HadoopReadOptions;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopStreams;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.SeekableInputStream;

/** A Parquet file opened through {@link Storage}, and so with its credentials. */
record ParquetInput(Storage storage, URI file, long length) implements InputFile {
  /**
   * Opens a Parquet file and reads its footer.
   *
   * @throws IOException if it is missing, or no Parquet file; names the URI
   */
  static ParquetFileReader open(Storage storage, URI file) throws IOException {
    ParquetInput input = new ParquetInput(storage, file, storage.length(file));
    try {
      return ParquetFileReader.open(
          input, HadoopReadOptions.builder(storage.configuration()).build());
    } catch (IOException e) {
      throw new IOException("Cannot read shard %s: %s".formatted(file, e.getMessage()), e);
    } catch (RuntimeException e) {
      // Parquet reports what it cannot parse by runtime exceptions of many kinds.
      throw new IOException("Cannot read shard %s: %s".formatted(file, e.getMessage()), e);
    }
  }

  @Override
  public long getLength() {
    return length;
  }

  @Override
  public SeekableInputStream newStream() throws IOException {
    return HadoopStreams.wrap(storage.open(file, ReadPolicy.RANDOM));
  }

  @Override
  public String toString() {
    return file.toString();
  }
}
