package io.phiscale.pipeline.shard;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.phiscale.pipeline.shard.ParquetInput.PageChecksums;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.parquet.column.ColumnReader;
import org.apache.parquet.column.impl.ColumnReadStoreImpl;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.io.api.Converter;
import org.apache.parquet.io.api.GroupConverter;
import org.apache.parquet.io.api.PrimitiveConverter;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;

/** What is in a written shard, found without reading its images. */
public final class ShardFiles {
  private static final List<String> DESCRIBED =
      List.of(ShardColumns.KEY, ShardColumns.LABEL, ShardColumns.SHA256);

  private ShardFiles() {}

  /**
   * The row groups of a shard, from its footer.
   *
   * @throws IOException if the file is missing, or no shard; names the URI
   */
  public static List<RowGroup> rowGroups(Storage storage, URI file) throws IOException {
    try (ParquetFileReader reader = ParquetInput.open(storage, file, PageChecksums.VERIFY)) {
      ShardColumns.project(file, reader.getFileMetaData().getSchema(), ShardColumns.ALL);
      List<RowGroup> groups = new ArrayList<>();
      for (BlockMetaData block : reader.getRowGroups()) {
        groups.add(
            new RowGroup(
                file,
                groups.size(),
                Math.toIntExact(block.getRowCount()),
                block.getCompressedSize()));
      }
      return groups;
    }
  }

  /**
   * What a manifest states about a shard, from its footer and its key, label and sha256 columns.
   *
   * @param shardsRoot the directory of the manifest, which the shard is below
   * @throws IOException if the file is missing, or no shard; names the URI
   */
  public static ShardContents describe(Storage storage, URI shardsRoot, URI file)
      throws IOException {
    MessageDigest digest = ShardRecord.newSha256();
    TreeMap<Integer, Long> imagesPerLabel = new TreeMap<>();
    List<ShardFile.RowGroupEntry> groups = new ArrayList<>();
    long rows = 0;
    try (ParquetFileReader reader = ParquetInput.open(storage, file, PageChecksums.VERIFY)) {
      MessageType fileSchema = reader.getFileMetaData().getSchema();
      ShardColumns.project(file, fileSchema, ShardColumns.ALL);
      MessageType columns = ShardColumns.withSoftTargets(file, fileSchema, DESCRIBED);
      String createdBy = reader.getFileMetaData().getCreatedBy();
      try {
        reader.setRequestedSchema(columns);
        for (BlockMetaData block : reader.getRowGroups()) {
          groups.add(
              new ShardFile.RowGroupEntry(
                  Math.toIntExact(block.getRowCount()),
                  block.getCompressedSize(),
                  block.getStartingPos()));
          rows += block.getRowCount();
          digestRows(reader.readNextRowGroup(), columns, createdBy, digest, imagesPerLabel);
        }
      } catch (IOException | RuntimeException e) {
        throw ParquetInput.failure("Cannot read shard %s: %s".formatted(file, e.getMessage()), e);
      }
    }
    return new ShardContents(
        new ShardFile(
            Storage.relativePath(shardsRoot, file),
            rows,
            storage.length(file),
            HexFormat.of().formatHex(digest.digest()),
            groups),
        imagesPerLabel);
  }

  private static void digestRows(
      PageReadStore pages,
      MessageType columns,
      String createdBy,
      MessageDigest digest,
      Map<Integer, Long> imagesPerLabel) {
    ColumnReadStoreImpl store =
        new ColumnReadStoreImpl(pages, new IgnoredValues(columns), columns, createdBy);
    ColumnReader key = store.getColumnReader(columns.getColumns().get(0));
    ColumnReader label = store.getColumnReader(columns.getColumns().get(1));
    ColumnReader sha256 = store.getColumnReader(columns.getColumns().get(2));
    List<ColumnReader> lists =
        columns.getColumns().subList(DESCRIBED.size(), columns.getColumns().size()).stream()
            .map(store::getColumnReader)
            .toList();
    for (long row = 0; row < pages.getRowCount(); row++) {
      for (ColumnReader column : List.of(key, label, sha256)) {
        if (column.getCurrentDefinitionLevel() < column.getDescriptor().getMaxDefinitionLevel()) {
          throw new IllegalStateException(
              "column %s is null in row %s".formatted(column.getDescriptor().getPath()[0], row));
        }
      }
      int value = label.getInteger();
      imagesPerLabel.merge(value, 1L, Long::sum);
      digest.update(key.getBinary().getBytes());
      digest.update((byte) 0);
      digest.update(Integer.toString(value).getBytes(UTF_8));
      digest.update((byte) 0);
      digest.update(sha256.getBinary().getBytes());
      lists.forEach(list -> digestList(list, digest));
      digest.update((byte) '\n');
      key.consume();
      label.consume();
      sha256.consume();
    }
  }

  private static void digestList(ColumnReader list, MessageDigest digest) {
    digest.update((byte) 0);
    do {
      if (list.getCurrentDefinitionLevel() == list.getDescriptor().getMaxDefinitionLevel()) {
        String value =
            switch (list.getDescriptor().getPrimitiveType().getPrimitiveTypeName()) {
              case FLOAT -> Float.toString(list.getFloat());
              default -> Integer.toString(list.getInteger());
            };
        digest.update((" " + value).getBytes(UTF_8));
      }
      list.consume();
    } while (list.getCurrentRepetitionLevel() > 0);
  }

  /** Parquet wants converters for its columns even where values are read directly. */
  private static final class IgnoredValues extends GroupConverter {
    private final GroupType group;

    IgnoredValues(GroupType group) {
      this.group = group;
    }

    @Override
    public Converter getConverter(int field) {
      Type type = group.getType(field);
      return type.isPrimitive()
          ? new PrimitiveConverter() {}
          : new IgnoredValues(type.asGroupType());
    }

    @Override
    public void start() {}

    @Override
    public void end() {}
  }
}
