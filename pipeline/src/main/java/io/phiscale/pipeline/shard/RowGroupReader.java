package io.phiscale.pipeline.shard;

import io.phiscale.pipeline.shard.ParquetInput.PageChecksums;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.column.page.DataPage;
import org.apache.parquet.column.page.DataPageV2;
import org.apache.parquet.column.page.DictionaryPage;
import org.apache.parquet.column.page.Page;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.column.page.PageReader;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
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
 *
 * <p>Two checksums guard a shard: each Parquet page has a CRC-32, which is compared whenever it is
 * read and covers every column; each image has its SHA-256, which travels with it from the
 * collection on and is compared by {@link ChecksumPolicy#VERIFY} or {@link ShardRecord#isIntact}.
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
   * @throws DamagedShardException if the file is damaged, has not the columns of a shard, or not
   *     the row group as described, or if an image differs from its checksum and that is to be
   *     verified; names the URI
   * @throws IOException if the file is missing or cannot be read; names the URI
   */
  public static List<ShardRecord> read(Storage storage, RowGroup group, ChecksumPolicy checksums)
      throws IOException {
    try {
      List<ShardRecord> records = contents(storage, group).records();
      if (checksums == ChecksumPolicy.VERIFY) {
        requireIntact(records, group);
      }
      return records;
    } catch (DamagedShardException e) {
      if (checksums == ChecksumPolicy.VERIFY
          && withoutImageChecksums(storage, group, e) instanceof RowGroupContents.Read left) {
        requireIntact(left.records(), group);
      }
      throw e;
    }
  }

  /**
   * The images of a row group in file order, their checksums not compared.
   *
   * @throws IOException as {@link #read}
   */
  static RowGroupContents.Read contents(Storage storage, RowGroup group) throws IOException {
    return read(storage, group, PageChecksums.VERIFY, ShardColumns.ALL);
  }

  /** Names the first image that differs from its checksum. */
  private static void requireIntact(List<ShardRecord> records, RowGroup group)
      throws DamagedShardException {
    for (int row = 0; row < records.size(); row++) {
      if (!records.get(row).isIntact()) {
        throw new DamagedShardException(
            "Checksum mismatch in row %s of row group %s of %s (key %s)"
                .formatted(row, group.ordinal(), group.file(), records.get(row).key()));
      }
    }
  }

  /**
   * What is left of a row group that may be damaged. Images are not compared with their checksums
   * here.
   *
   * <p>Damage counts once it is found twice: what came damaged over the network comes right when it
   * is read again. The result is then a function of the stored bytes alone.
   *
   * @throws IOException if the file is missing or cannot be read, which is no damage; names the URI
   */
  public static RowGroupContents salvage(Storage storage, RowGroup group) throws IOException {
    try {
      return contents(storage, group);
    } catch (DamagedShardException first) {
      try {
        return contents(storage, group);
      } catch (DamagedShardException again) {
        return withoutImageChecksums(storage, group, again);
      }
    }
  }

  /** Where all other columns are right, each image's own checksum can tell whether it is. */
  private static RowGroupContents withoutImageChecksums(
      Storage storage, RowGroup group, DamagedShardException damage) throws IOException {
    List<String> others =
        ShardColumns.ALL.stream().filter(column -> !column.equals(ShardColumns.IMAGE)).toList();
    try {
      read(storage, group, PageChecksums.VERIFY, others);
      return read(storage, group, PageChecksums.IGNORE, ShardColumns.ALL);
    } catch (DamagedShardException e) {
      damage.addSuppressed(e);
      return new RowGroupContents.Lost(damage.getMessage());
    }
  }

  private static RowGroupContents.Read read(
      Storage storage, RowGroup group, PageChecksums checksums, List<String> columns)
      throws IOException {
    URI file = group.file();
    try (ParquetFileReader reader = ParquetInput.open(storage, file, checksums)) {
      int rowGroups = reader.getRowGroups().size();
      if (group.ordinal() >= rowGroups) {
        throw new DamagedShardException(
            "Cannot read row group %s of %s: it has %s"
                .formatted(group.ordinal(), file, rowGroups));
      }
      MessageType fileSchema = reader.getFileMetaData().getSchema();
      return read(
          reader,
          ShardColumns.withSoftTargets(file, fileSchema, columns),
          fileSchema,
          group,
          checksums);
    }
  }

  private static RowGroupContents.Read read(
      ParquetFileReader reader,
      MessageType columns,
      MessageType fileSchema,
      RowGroup group,
      PageChecksums checksums)
      throws IOException {
    List<ShardRecord> records = new ArrayList<>(group.rows());
    try {
      BlockMetaData block = reader.getRowGroups().get(group.ordinal());
      if (block.getRowCount() != group.rows()) {
        throw new IOException(
            "it has %s rows instead of %s".formatted(block.getRowCount(), group.rows()));
      }
      // Before memory is allocated for what a damaged footer says.
      if (block.getCompressedSize() != group.bytes()) {
        throw new IOException(
            "it has %s bytes instead of %s".formatted(block.getCompressedSize(), group.bytes()));
      }
      reader.setRequestedSchema(columns);
      CountedPages pages = new CountedPages(reader.readRowGroup(group.ordinal()));
      RecordReader<ShardRecord> rows =
          new ColumnIOFactory()
              .getColumnIO(columns, fileSchema)
              .getRecordReader(pages, new ShardRecordMaterializer(columns));
      for (int row = 0; row < group.rows(); row++) {
        records.add(rows.read());
      }
      return new RowGroupContents.Read(
          records, checksums == PageChecksums.VERIFY && pages.withoutChecksum == 0);
    } catch (IOException | RuntimeException e) {
      throw ParquetInput.failure(
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

  /** Pages as they come, those of images without a checksum counted. */
  private static final class CountedPages implements PageReadStore {
    private final PageReadStore pages;
    private int withoutChecksum;

    CountedPages(PageReadStore pages) {
      this.pages = pages;
    }

    @Override
    public PageReader getPageReader(ColumnDescriptor column) {
      PageReader reader = pages.getPageReader(column);
      if (!column.getPath()[0].equals(ShardColumns.IMAGE)) {
        return reader;
      }
      return new PageReader() {
        @Override
        public DictionaryPage readDictionaryPage() {
          DictionaryPage page = reader.readDictionaryPage();
          count(page);
          return page;
        }

        @Override
        public long getTotalValueCount() {
          return reader.getTotalValueCount();
        }

        @Override
        public DataPage readPage() {
          DataPage page = reader.readPage();
          count(page);
          return page;
        }
      };
    }

    private void count(Page page) {
      // Parquet compares pages of the second form with nothing.
      if (page != null && (page.getCrc().isEmpty() || page instanceof DataPageV2)) {
        withoutChecksum++;
      }
    }

    @Override
    public long getRowCount() {
      return pages.getRowCount();
    }
  }

  private static final class ShardRecordMaterializer extends RecordMaterializer<ShardRecord> {
    private final ShardRecordConverter converter;

    ShardRecordMaterializer(MessageType requested) {
      converter = new ShardRecordConverter(requested);
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

  /**
   * Collects the columns of one row, lists of labels and weights where there are. An image that is
   * not among them is empty.
   */
  private static final class ShardRecordConverter extends GroupConverter {
    private final BinaryColumn key = new BinaryColumn(ShardColumns.KEY);
    private final IntColumn label = new IntColumn(ShardColumns.LABEL);
    private final BinaryColumn image = new BinaryColumn(ShardColumns.IMAGE);
    private final IntColumn width = new IntColumn(ShardColumns.WIDTH);
    private final IntColumn height = new IntColumn(ShardColumns.HEIGHT);
    private final BinaryColumn format = new BinaryColumn(ShardColumns.FORMAT);
    private final BinaryColumn sha256 = new BinaryColumn(ShardColumns.SHA256);
    private final List<Converter> fields = new ArrayList<>();
    private final List<Column> columns = new ArrayList<>();
    private final ListColumn<Integer> softLabels = new ListColumn<>();
    private final ListColumn<Float> softWeights = new ListColumn<>();
    private final boolean soft;

    ShardRecordConverter(MessageType requested) {
      for (Column column : List.of(key, label, image, width, height, format, sha256)) {
        if (requested.containsField(column.name)) {
          columns.add(column);
        }
      }
      fields.addAll(columns);
      soft = requested.containsField(ShardColumns.SOFT_LABELS);
      if (soft) {
        fields.addAll(List.of(softLabels, softWeights));
      }
    }

    @Override
    public Converter getConverter(int field) {
      return fields.get(field);
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
              columns.contains(image) ? image.value().getBytes() : new byte[0],
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
