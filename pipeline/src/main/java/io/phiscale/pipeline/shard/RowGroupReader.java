package io.phiscale.pipeline.shard;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.Converter;
import org.apache.parquet.io.api.GroupConverter;
import org.apache.parquet.io.api.PrimitiveConverter;
import org.apache.parquet.io.api.RecordMaterializer;
import org.apache.parquet.schema.MessageType;

/**
 * Reads one row group of a shard, whole, and nothing else of the file but its footer. The shard may
 * have been written by Spark (optional columns) or by {@link ShardWriter} (required ones).
 */
public final class RowGroupReader {
  private RowGroupReader() {}

  /** The images of a row group in file order, their checksums not compared. */
  public static List<ShardRecord> read(Storage storage, RowGroup group) throws IOException {
    return read(storage, group, ChecksumPolicy.TRUST);
  }

  /**
   * The images of a row group in file order.
   *
   * @throws IOException if the file is missing or damaged, has not the columns of a shard, or not
   *     the row group as described, or if an image differs from its checksum and that is to be
   *     verified; names the URI
   */
  public static List<ShardRecord> read(Storage storage, RowGroup group, ChecksumPolicy checksums)
      throws IOException {
    URI file = group.file();
    List<ShardRecord> records;
    try (ParquetFileReader reader = ParquetInput.open(storage, file)) {
      int rowGroups = reader.getRowGroups().size();
      if (group.ordinal() >= rowGroups) {
        throw new IOException(
            "Cannot read row group %s of %s: it has %s"
                .formatted(group.ordinal(), file, rowGroups));
      }
      MessageType fileSchema = reader.getFileMetaData().getSchema();
      MessageType columns = ShardColumns.all(file, fileSchema);
      records = read(reader, columns, fileSchema, group);
    }
    if (checksums == ChecksumPolicy.VERIFY) {
      for (int row = 0; row < records.size(); row++) {
        if (!records.get(row).isIntact()) {
          throw new IOException(
              "Checksum mismatch in row %s of row group %s of %s (key %s)"
                  .formatted(row, group.ordinal(), file, records.get(row).key()));
        }
      }
    }
    return records;
  }

  private static List<ShardRecord> read(
      ParquetFileReader reader, MessageType columns, MessageType fileSchema, RowGroup group)
      throws IOException {
    List<ShardRecord> records = new ArrayList<>(group.rows());
    try {
      reader.setRequestedSchema(columns);
      PageReadStore pages = reader.readRowGroup(group.ordinal());
      if (pages == null || pages.getRowCount() != group.rows()) {
        throw new IOException(
            "it has %s rows instead of %s"
                .formatted(pages == null ? 0 : pages.getRowCount(), group.rows()));
      }
      RecordReader<ShardRecord> rows =
          new ColumnIOFactory()
              .getColumnIO(columns, fileSchema)
              .getRecordReader(
                  pages, new ShardRecordMaterializer(columns.getFieldCount()));
      for (int row = 0; row < group.rows(); row++) {
        records.add(rows.read());
      }
      return records;
    } catch (IOException | RuntimeException e) {
      // Parquet reports what it cannot decode by runtime exceptions of many kinds.
      throw new IOException(
          "Cannot read row group %s of %s (row %s): %s"
              .formatted(group.ordinal(), group.file(), records.size(), rootMessage(e)),
          e);
    }
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.toString() : root.getMessage();
  }

  private static final class ShardRecordMaterializer extends RecordMaterializer<ShardRecord> {
    private final ShardRecordConverter converter;

    ShardRecordMaterializer(int fields) {
      this.converter = new ShardRecordConverter(fields);
    }

    @Override
    public ShardRecord getCurrentRecord() {
      return converter.record();
    }

    @Override
    public GroupConverter getRootConverter() {
      return converter;
    }
  }

  /** Collects the columns of one row; fields are in the order of {@link ShardColumns#all}. */
  private static final class ShardRecordConverter extends GroupConverter {
    private final BinaryColumn key = new BinaryColumn(ShardColumns.KEY);
    private final IntColumn label = new IntColumn(ShardColumns.LABEL);
    private final BinaryColumn image = new BinaryColumn(ShardColumns.IMAGE);
    private final IntColumn width = new IntColumn(ShardColumns.WIDTH);
    private final IntColumn height = new IntColumn(ShardColumns.HEIGHT);
    private final BinaryColumn format = new BinaryColumn(ShardColumns.FORMAT);
    private final BinaryColumn sha256 = new BinaryColumn(ShardColumns.SHA256);
    private final List<Column> columns = List.of(key, label, image, width, height, format, sha256);
    private final ListColumn<Integer> softLabels = new ListColumn<>();
    private final ListColumn<Float> softWeights = new ListColumn<>();
    private final boolean soft;

    ShardRecordConverter(int fields) {
      this.soft = fields > columns.size();
    }

    @Override
    public Converter getConverter(int field) {
      if (field < columns.size()) {
        return columns.get(field);
      }
      return field == columns.size() ? softLabels : softWeights;
    }

    @Override
    public void start() {
      columns.forEach(Column::clear);
      softLabels.values.clear();
      softWeights.values.clear();
    }

    @Override
    public void end() {}

    ShardRecord record() {
      ShardRecord record =
          new ShardRecord(
              key.value().toStringUsingUTF8(),
              label.value(),
              image.value().getBytes(),
              width.value(),
              height.value(),
              format.value().toStringUsingUTF8(),
              sha256.value().toStringUsingUTF8());
      return soft
          ? record.withSoftTargets(new SoftTargets(softLabels.values, softWeights.values))
          : record;
    }
  }

  /** The elements of a list: the column, its repeated group and the element in one. */
  private static final class ListColumn<T> extends GroupConverter {
    private final List<T> values = new ArrayList<>();
    private final PrimitiveConverter element =
        new PrimitiveConverter() {
          @Override
          public void addInt(int value) {
            add(value);
          }

          @Override
          public void addFloat(float value) {
            add(value);
          }

          // The column's type was looked at when the file was opened.
          @SuppressWarnings("unchecked")
          private void add(Object value) {
            values.add((T) value);
          }
        };
    private final GroupConverter repeated =
        new GroupConverter() {
          @Override
          public Converter getConverter(int field) {
            return element;
          }

          @Override
          public void start() {}

          @Override
          public void end() {}
        };

    @Override
    public Converter getConverter(int field) {
      return repeated;
    }

    @Override
    public void start() {}

    @Override
    public void end() {}
  }

  private abstract static class Column extends PrimitiveConverter {
    private final String name;
    private boolean present;

    Column(String name) {
      this.name = name;
    }

    void clear() {
      present = false;
    }

    void markPresent() {
      present = true;
    }

    void requirePresent() {
      if (!present) {
        throw new IllegalStateException("column %s is null".formatted(name));
      }
    }
  }

  private static final class BinaryColumn extends Column {
    private Binary value;

    BinaryColumn(String name) {
      super(name);
    }

    @Override
    public void addBinary(Binary added) {
      value = added;
      markPresent();
    }

    Binary value() {
      requirePresent();
      return value;
    }
  }

  private static final class IntColumn extends Column {
    private int value;

    IntColumn(String name) {
      super(name);
    }

    @Override
    public void addInt(int added) {
      value = added;
      markPresent();
    }

    int value() {
      requirePresent();
      return value;
    }
  }
}
