package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.storage.Storage;
import java.io.Closeable;
import java.io.IOException;
import java.net.URI;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.util.HadoopStreams;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.RecordConsumer;

/**
 * Writes one shard without Spark: for small data sets, tools and tests. Nothing is compressed:
 * encoded images do not shrink, and the other columns are small.
 *
 * <p>Closing writes the footer; a shard that was not closed is unreadable as a whole, and is part
 * of a data set only once a manifest names it.
 */
public final class ShardWriter implements Closeable {
  private static final int PAGE_BYTES = 1 << 20;

  private final URI file;
  private final ParquetWriter<ShardRecord> writer;

  /** When a row group is full. */
  public sealed interface RowGroupLimit {
    /** After a number of images. */
    record Rows(int rows) implements RowGroupLimit {
      public Rows {
        if (rows <= 0) {
          throw new IllegalArgumentException(
              "Invalid rows per row group: %s (must be > 0)".formatted(rows));
        }
      }
    }

    /** When the next image would probably exceed a number of bytes; at least one image. */
    record Bytes(long bytes) implements RowGroupLimit {
      public Bytes {
        if (bytes <= 0) {
          throw new IllegalArgumentException(
              "Invalid bytes per row group: %s (must be > 0)".formatted(bytes));
        }
      }
    }
  }

  /**
   * Opens a new shard for writing.
   *
   * @throws IOException if the file exists
   */
  public ShardWriter(Storage storage, URI file, RowGroupLimit limit) throws IOException {
    this.file = requireNonNull(file, "file");
    Builder builder =
        new Builder(new ParquetOutput(storage, file))
            .withConf(storage.configuration())
            .withCompressionCodec(CompressionCodecName.UNCOMPRESSED)
            .withDictionaryEncoding(ShardColumns.IMAGE, false)
            .withDictionaryEncoding(ShardColumns.KEY, false)
            .withDictionaryEncoding(ShardColumns.SHA256, false)
            .withPageSize(PAGE_BYTES);
    // Parquet looks at the size of the row group only every so many rows: the smallest size with a
    // check after exactly n rows makes row groups of n.
    if (limit instanceof RowGroupLimit.Rows rows) {
      builder.withRowGroupSize(1L);
      builder.withMinRowCountForPageSizeCheck(rows.rows());
      builder.withMaxRowCountForPageSizeCheck(rows.rows());
    } else if (limit instanceof RowGroupLimit.Bytes bytes) {
      builder.withRowGroupSize(bytes.bytes());
      builder.withMinRowCountForPageSizeCheck(1);
      builder.withMaxRowCountForPageSizeCheck(1);
    }
    this.writer = builder.build();
  }

  /** Appends an image. */
  public void write(ShardRecord record) throws IOException {
    try {
      writer.write(record);
    } catch (IOException e) {
      throw new IOException("Cannot write shard %s: %s".formatted(file, e.getMessage()), e);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      writer.close();
    } catch (IOException e) {
      throw new IOException("Cannot write shard %s: %s".formatted(file, e.getMessage()), e);
    }
  }

  private record ParquetOutput(Storage storage, URI file) implements OutputFile {
    @Override
    public PositionOutputStream create(long blockSizeHint) throws IOException {
      return HadoopStreams.wrap(storage.create(file));
    }

    @Override
    public PositionOutputStream createOrOverwrite(long blockSizeHint) throws IOException {
      throw new IOException("Cannot overwrite shard " + file);
    }

    @Override
    public boolean supportsBlockSize() {
      return false;
    }

    @Override
    public long defaultBlockSize() {
      return 0;
    }
  }

  private static final class Builder extends ParquetWriter.Builder<ShardRecord, Builder> {
    Builder(OutputFile file) {
      super(file);
    }

    @Override
    protected Builder self() {
      return this;
    }

    @Override
    protected WriteSupport<ShardRecord> getWriteSupport(Configuration configuration) {
      return new ShardRecordWriteSupport();
    }
  }

  private static final class ShardRecordWriteSupport extends WriteSupport<ShardRecord> {
    private RecordConsumer consumer;

    @Override
    public WriteContext init(Configuration configuration) {
      return new WriteContext(ShardColumns.SCHEMA, Map.of());
    }

    @Override
    public void prepareForWrite(RecordConsumer recordConsumer) {
      this.consumer = recordConsumer;
    }

    @Override
    public void write(ShardRecord record) {
      consumer.startMessage();
      binary(0, Binary.fromString(record.key()));
      integer(1, record.label());
      binary(2, Binary.fromConstantByteArray(record.image()));
      integer(3, record.width());
      integer(4, record.height());
      binary(5, Binary.fromString(record.format()));
      binary(6, Binary.fromString(record.sha256()));
      consumer.endMessage();
    }

    private void binary(int field, Binary value) {
      consumer.startField(ShardColumns.ALL.get(field), field);
      consumer.addBinary(value);
      consumer.endField(ShardColumns.ALL.get(field), field);
    }

    private void integer(int field, int value) {
      consumer.startField(ShardColumns.ALL.get(field), field);
      consumer.addInteger(value);
      consumer.endField(ShardColumns.ALL.get(field), field);
    }
  }
}
