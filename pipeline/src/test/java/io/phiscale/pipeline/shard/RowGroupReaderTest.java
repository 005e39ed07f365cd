package io.phiscale.pipeline.shard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.storage.Storage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RowGroupReaderTest {
  /** As Spark writes a data frame. */
  private static final String SPARK_SCHEMA =
      """
      message spark_schema {
        optional binary key (STRING);
        optional int32 label;
        optional binary image;
        optional int32 width;
        optional int32 height;
        optional binary format (STRING);
        optional binary sha256 (STRING);
      }
      """;

  private final Storage storage = Storage.of(Map.of());

  @TempDir Path directory;

  private URI uri(String name) {
    return Storage.resolve(Storage.uri(directory.toString()), name);
  }

  private static List<ShardRecord> readAll(Storage storage, URI file) throws IOException {
    List<ShardRecord> records = new ArrayList<>();
    for (RowGroup group : ShardFiles.rowGroups(storage, file)) {
      records.addAll(RowGroupReader.read(storage, group, ChecksumPolicy.VERIFY));
    }
    return records;
  }

  @Test
  void readsWhatWasWrittenByRowGroup() throws IOException {
    List<ShardRecord> records = Records.some(23);
    URI file = uri("train/part-0.parquet");
    Records.write(storage, file, records, new ShardWriter.RowGroupLimit.Rows(5));

    List<RowGroup> groups = ShardFiles.rowGroups(storage, file);

    assertThat(groups).extracting(RowGroup::rows).containsExactly(5, 5, 5, 5, 3);
    assertThat(groups).extracting(RowGroup::ordinal).containsExactly(0, 1, 2, 3, 4);
    assertThat(groups).allSatisfy(group -> assertThat(group.file()).isEqualTo(file));
    assertThat(RowGroupReader.read(storage, groups.get(3))).isEqualTo(records.subList(15, 20));
    assertThat(RowGroupReader.read(storage, groups.get(0))).isEqualTo(records.subList(0, 5));
    assertThat(readAll(storage, file)).isEqualTo(records);
  }

  @Test
  void rowGroupsCanBeLimitedByBytes() throws IOException {
    List<ShardRecord> records = Records.some(200);
    URI file = uri("part.parquet");
    Records.write(storage, file, records, new ShardWriter.RowGroupLimit.Bytes(20_000));

    List<RowGroup> groups = ShardFiles.rowGroups(storage, file);

    assertThat(groups.size()).isBetween(7, 12);
    assertThat(groups).allSatisfy(group -> assertThat(group.bytes()).isLessThan(24_000));
    assertThat(readAll(storage, file)).isEqualTo(records);
  }

  @Test
  void readsWhatSparkWrites() throws IOException {
    List<ShardRecord> records = Records.some(12);
    URI file = uri("spark.parquet");
    try (ParquetWriter<Group> writer = sparkWriter(file, SPARK_SCHEMA)) {
      for (ShardRecord record : records) {
        writer.write(row(SPARK_SCHEMA, record));
      }
    }

    assertThat(readAll(storage, file)).isEqualTo(records);
    assertThat(ShardFiles.describe(storage, Storage.uri(directory.toString()), file).file().rows())
        .isEqualTo(12);
  }

  @Test
  void theOrderOfColumnsDoesNotMatterAndFurtherOnesAreIgnored() throws IOException {
    String schema =
        """
        message other {
          optional binary note (STRING);
          required binary sha256 (STRING);
          required binary format (STRING);
          required int32 height;
          required int32 width;
          required binary image;
          required int32 label;
          required binary key (STRING);
        }
        """;
    List<ShardRecord> records = Records.some(4);
    URI file = uri("other.parquet");
    try (ParquetWriter<Group> writer = sparkWriter(file, schema)) {
      for (ShardRecord record : records) {
        writer.write(row(schema, record));
      }
    }
    assertThat(readAll(storage, file)).isEqualTo(records);
  }

  private ParquetWriter<Group> sparkWriter(URI file, String schema) throws IOException {
    return ExampleParquetWriter.builder(new org.apache.hadoop.fs.Path(file))
        .withConf(storage.configuration())
        .withType(MessageTypeParser.parseMessageType(schema))
        .withCompressionCodec(CompressionCodecName.UNCOMPRESSED)
        .build();
  }

  private static Group row(String schema, ShardRecord record) {
    MessageType type = MessageTypeParser.parseMessageType(schema);
    return new SimpleGroupFactory(type)
        .newGroup()
        .append("key", record.key())
        .append("label", record.label())
        .append("image", Binary.fromConstantByteArray(record.image()))
        .append("width", record.width())
        .append("height", record.height())
        .append("format", record.format())
        .append("sha256", record.sha256());
  }

  @Test
  void aNullIsAnErrorThatNamesTheColumn() throws IOException {
    URI file = uri("null.parquet");
    try (ParquetWriter<Group> writer = sparkWriter(file, SPARK_SCHEMA)) {
      MessageType type = MessageTypeParser.parseMessageType(SPARK_SCHEMA);
      writer.write(row(SPARK_SCHEMA, Records.some(1).get(0)));
      writer.write(new SimpleGroupFactory(type).newGroup().append("key", "k"));
    }
    RowGroup group = ShardFiles.rowGroups(storage, file).get(0);
    assertThatThrownBy(() -> RowGroupReader.read(storage, group))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot read row group 0 of " + file + " (row 1): column label is null");
    assertThatThrownBy(() -> ShardFiles.describe(storage, Storage.uri(directory.toString()), file))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot read shard " + file + ": column label is null in row 1");
  }

  @Test
  void aFileWithoutTheColumnsIsNoShard() throws IOException {
    URI lacking = uri("lacking.parquet");
    String schema = "message m { required binary key (STRING); required int32 label; }";
    try (ParquetWriter<Group> writer = sparkWriter(lacking, schema)) {
      writer.write(
          new SimpleGroupFactory(MessageTypeParser.parseMessageType(schema))
              .newGroup()
              .append("key", "k")
              .append("label", 1));
    }
    assertThatThrownBy(() -> ShardFiles.rowGroups(storage, lacking))
        .isInstanceOf(IOException.class)
        .hasMessage("Not a shard: " + lacking + " has no column image");

    URI mistyped = uri("mistyped.parquet");
    String longLabels = SPARK_SCHEMA.replace("int32 label", "int64 label");
    sparkWriter(mistyped, longLabels).close();
    assertThatThrownBy(
            () -> ShardFiles.describe(storage, Storage.uri(directory.toString()), mistyped))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "Not a shard: "
                + mistyped
                + " has column label as \"optional int64 label\" (must be INT32)");
  }

  @Test
  void filesThatAreNotParquetAreNamed() throws IOException {
    URI text = uri("text.parquet");
    storage.writeUtf8Atomically(text, "this is not a Parquet file");
    assertThatThrownBy(() -> ShardFiles.rowGroups(storage, text))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot read shard " + text + ": ");
    assertThatThrownBy(() -> RowGroupReader.read(storage, new RowGroup(text, 0, 1, 1)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot read shard " + text + ": ");
    URI missing = uri("missing.parquet");
    assertThatThrownBy(() -> RowGroupReader.read(storage, new RowGroup(missing, 0, 1, 1)))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No such file: " + missing);
  }

  @Test
  void aRowGroupOtherThanDescribedIsAnError() throws IOException {
    URI file = uri("part.parquet");
    Records.write(storage, file, Records.some(4), new ShardWriter.RowGroupLimit.Rows(2));
    assertThatThrownBy(() -> RowGroupReader.read(storage, new RowGroup(file, 2, 2, 1)))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot read row group 2 of " + file + ": it has 2");
    assertThatThrownBy(() -> RowGroupReader.read(storage, new RowGroup(file, 1, 3, 1)))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot read row group 1 of " + file + " (row 0): it has 2 rows instead of 3");
  }

  @Test
  void changedImageBytesAreFoundWhenVerifying() throws IOException {
    List<ShardRecord> records = new ArrayList<>(Records.some(4));
    ShardRecord good = records.get(3);
    records.set(3, new ShardRecord(good.key(), 0, good.image(), 1, 1, "png", "0".repeat(64)));
    URI file = uri("part.parquet");
    Records.write(storage, file, records, new ShardWriter.RowGroupLimit.Rows(2));
    RowGroup group = ShardFiles.rowGroups(storage, file).get(1);

    assertThat(RowGroupReader.read(storage, group)).isEqualTo(records.subList(2, 4));
    assertThatThrownBy(() -> RowGroupReader.read(storage, group, ChecksumPolicy.VERIFY))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "Checksum mismatch in row 1 of row group 1 of %s (key %s)".formatted(file, good.key()));
  }

  @Test
  void damageAnywhereIsAnIoErrorOrIsFoundWhenVerifying() throws IOException {
    List<ShardRecord> records = Records.some(6);
    URI file = uri("whole.parquet");
    Records.write(storage, file, records, new ShardWriter.RowGroupLimit.Rows(6));
    RowGroup group = ShardFiles.rowGroups(storage, file).get(0);
    byte[] whole = Files.readAllBytes(directory.resolve("whole.parquet"));
    int failed = 0;
    for (int i = 0; i < whole.length; i += 11) {
      byte[] damaged = whole.clone();
      damaged[i] ^= (byte) 0x55;
      URI copy = uri("damaged.parquet");
      storage.writeAtomically(copy, damaged);
      try {
        RowGroupReader.read(
            storage, new RowGroup(copy, 0, group.rows(), group.bytes()), ChecksumPolicy.VERIFY);
      } catch (IOException e) {
        assertThat(e).hasMessageContaining(copy.toString());
        failed++;
      }
    }
    // Statistics, index pages and names of keys are not covered by a checksum.
    assertThat(failed).isGreaterThan(whole.length / 88);
  }

  @Test
  void aShardIsDescribedWithoutItsImages() throws IOException {
    List<ShardRecord> records = Records.some(8);
    URI file = uri("train/part-0.parquet");
    Records.write(storage, file, records, new ShardWriter.RowGroupLimit.Rows(5));

    ShardContents contents = ShardFiles.describe(storage, Storage.uri(directory.toString()), file);

    StringBuilder lines = new StringBuilder();
    for (ShardRecord record : records) {
      lines.append(record.key()).append('\0').append(record.label()).append('\0');
      lines.append(record.sha256()).append('\n');
    }
    ShardFile described = contents.file();
    assertThat(described.path()).isEqualTo("train/part-0.parquet");
    assertThat(described.rows()).isEqualTo(8);
    assertThat(described.bytes()).isEqualTo(Files.size(directory.resolve(described.path())));
    assertThat(described.recordsDigest())
        .isEqualTo(ShardRecord.sha256(lines.toString().getBytes(UTF_8)));
    assertThat(described.rowGroups())
        .extracting(ShardFile.RowGroupEntry::rows)
        .containsExactly(5, 3);
    assertThat(described.rowGroups().get(0).offset()).isEqualTo(4);
    assertThat(described.rowGroups().get(1).offset())
        .isEqualTo(4 + described.rowGroups().get(0).bytes());
    assertThat(contents.imagesPerLabel()).isEqualTo(Map.of(0, 3L, 1, 3L, 2, 2L));
  }

  @Test
  void theRecordsDigestDoesNotDependOnTheLayout() throws IOException {
    List<ShardRecord> records = Records.some(8);
    Records.write(storage, uri("a.parquet"), records, new ShardWriter.RowGroupLimit.Rows(5));
    Records.write(storage, uri("b.parquet"), records, new ShardWriter.RowGroupLimit.Rows(2));
    Records.write(
        storage, uri("c.parquet"), records.subList(0, 7), new ShardWriter.RowGroupLimit.Rows(5));
    assertThat(digest("b.parquet")).isEqualTo(digest("a.parquet"));
    assertThat(digest("c.parquet")).isNotEqualTo(digest("a.parquet"));
  }

  private String digest(String name) throws IOException {
    return ShardFiles.describe(storage, Storage.uri(directory.toString()), uri(name))
        .file()
        .recordsDigest();
  }

  @Test
  void samplesComeInTheOrderOfTheEpochWithTheirPositions() throws IOException {
    List<ShardRecord> records = Records.some(23);
    URI file = uri("part.parquet");
    Records.write(storage, file, records, new ShardWriter.RowGroupLimit.Rows(5));
    EpochOrder order = new EpochOrder(ShardFiles.rowGroups(storage, file), 11, 2);
    List<ShardRecord> expected = new ArrayList<>();
    for (RowGroupSlice slice : order.slice(0, 23)) {
      slice
          .rowsInOrder()
          .forEach(row -> expected.add(records.get(slice.group().ordinal() * 5 + row)));
    }

    List<ShardSamples.Sample> samples = new ArrayList<>();
    // Cut in the middle of row groups.
    for (int from : new int[] {0, 7, 14}) {
      int count = from == 14 ? 9 : 7;
      new ShardSamples(storage, order.slice(from, count), from).forEachRemaining(samples::add);
    }

    assertThat(samples)
        .extracting(sample -> ((ShardSamples.Stored) sample).record())
        .isEqualTo(expected);
    assertThat(samples)
        .extracting(ShardSamples.Sample::position)
        .isEqualTo(IntStream.range(0, 23).mapToObj(position -> (long) position).toList());
  }

  @Test
  void samplesReadARowGroupOnlyWhenItIsWanted() throws IOException {
    URI file = uri("part.parquet");
    Records.write(storage, file, Records.some(4), new ShardWriter.RowGroupLimit.Rows(4));
    RowGroup present = ShardFiles.rowGroups(storage, file).get(0);
    RowGroup missing = new RowGroup(uri("missing.parquet"), 0, 4, 1);
    CounterRandom order = new CounterRandom(0);
    ShardSamples samples =
        new ShardSamples(
            storage,
            List.of(
                new RowGroupSlice(present, order, 0, 2),
                new RowGroupSlice(present, order, 2, 2),
                new RowGroupSlice(missing, order, 0, 1)),
            100);

    assertThat(samples.next().position()).isEqualTo(100);
    Files.delete(directory.resolve("part.parquet"));
    samples.next();
    samples.next();
    assertThat(samples.next().position()).isEqualTo(103);
    assertThat(samples.hasNext()).isTrue();
    assertThatThrownBy(samples::next)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("No such file: " + missing.file());
    ShardSamples none = new ShardSamples(storage, List.of(), 0);
    assertThat(none.hasNext()).isFalse();
    assertThatThrownBy(none::next).isInstanceOf(NoSuchElementException.class);
  }

  @Test
  void slicesAndRecordsSurviveSerialization() throws Exception {
    RowGroupSlice slice =
        new EpochOrder(List.of(new RowGroup(uri("x"), 0, 9, 1)), 1, 0).slice(2, 5).get(0);
    RowGroupSlice copy = (RowGroupSlice) copy(slice);
    assertThat(copy).isEqualTo(slice);
    assertThat(copy.rowsInOrder().toArray()).isEqualTo(slice.rowsInOrder().toArray());
    ShardRecord record = Records.some(1).get(0);
    assertThat(copy(record)).isEqualTo(record);
  }

  private static Object copy(Object original) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(original);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return in.readObject();
    }
  }

  @Test
  void invalidRecordsAreRefused() {
    byte[] image = {1};
    String sha256 = ShardRecord.sha256(image);
    assertThat(sha256)
        .isEqualTo("4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a");
    assertThatThrownBy(() -> new ShardRecord("", 0, image, 1, 1, "png", sha256))
        .hasMessage("Invalid key: empty");
    assertThatThrownBy(() -> new ShardRecord("k", -1, image, 1, 1, "png", sha256))
        .hasMessage("Invalid label of k: -1 (must be >= 0)");
    assertThatThrownBy(() -> new ShardRecord("k", 0, image, 0, 1, "png", sha256))
        .hasMessage("Invalid size of k: 0x1 (must be > 0)");
    assertThatThrownBy(() -> new ShardRecord("k", 0, image, 1, 1, "png", "12"))
        .hasMessage("Invalid sha256 of k: 12 (must be 64 hexadecimal digits)");
    assertThatThrownBy(() -> new RowGroup(uri("f"), -1, 1, 1))
        .hasMessage("Invalid row group ordinal: -1 (must be >= 0)");
    assertThatThrownBy(() -> new RowGroup(uri("f"), 2, 0, 1))
        .hasMessage("Invalid row count of row group 2 of " + uri("f") + ": 0 (must be > 0)");
    assertThatThrownBy(() -> new ShardWriter.RowGroupLimit.Rows(0))
        .hasMessage("Invalid rows per row group: 0 (must be > 0)");
    assertThatThrownBy(() -> new ShardWriter.RowGroupLimit.Bytes(0))
        .hasMessage("Invalid bytes per row group: 0 (must be > 0)");
  }
}
