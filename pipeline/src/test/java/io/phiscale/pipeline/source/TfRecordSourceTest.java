package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** Files with the features of imagenet_to_gcs.py, encoded here by protobuf's rules. */
class TfRecordSourceTest extends SourceTest {

  private static byte[] varint(long value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    long rest = value;
    while ((rest & ~0x7FL) != 0) {
      out.write((int) ((rest & 0x7F) | 0x80));
      rest >>>= 7;
    }
    out.write((int) rest);
    return out.toByteArray();
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  /** A length-delimited field. */
  private static byte[] field(int number, byte[]... content) {
    byte[] joined = join(content);
    return join(varint(number << 3 | 2), varint(joined.length), joined);
  }

  private static byte[] feature(Object value) {
    if (value instanceof byte[] bytes) {
      return field(1, field(1, bytes));
    }
    if (value instanceof String text) {
      return field(1, field(1, text.getBytes(UTF_8)));
    }
    if (value instanceof Float number) {
      byte[] bits = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(number).array();
      return field(2, field(1, bits));
    }
    return field(3, field(1, varint((Long) value)));
  }

  private static byte[] example(Map<String, Object> features) {
    ByteArrayOutputStream entries = new ByteArrayOutputStream();
    features.forEach(
        (name, value) ->
            entries.writeBytes(field(1, field(1, name.getBytes(UTF_8)), field(2, feature(value)))));
    return field(1, entries.toByteArray());
  }

  private static byte[] record(byte[] data) {
    byte[] length =
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(data.length).array();
    ByteBuffer record = ByteBuffer.allocate(16 + data.length).order(ByteOrder.LITTLE_ENDIAN);
    record.put(length).putInt(TfRecords.maskedCrc(length));
    record.put(data).putInt(TfRecords.maskedCrc(data));
    return record.array();
  }

  private static byte[] imageNet(int number, long label, String synset) {
    Map<String, Object> features = new LinkedHashMap<>();
    features.put("image/height", 2L);
    features.put("image/object/bbox/xmin", 0.25f);
    features.put("image/colorspace", "RGB");
    features.put("image/class/label", label);
    features.put("image/class/synset", synset);
    features.put("image/filename", synset + "_" + number + ".JPEG");
    features.put("image/encoded", png(number));
    return record(example(features));
  }

  private static TfRecordSource source(URI location) {
    return new TfRecordSource(location, Optional.empty(), OptionalInt.empty());
  }

  @Test
  void theChecksumIsTheMaskedCrc32c() {
    // CRC-32C of "123456789" is 0xE3069283 (RFC 3720's polynomial, the usual check value).
    int crc = 0xE3069283;
    assertThat(TfRecords.maskedCrc("123456789".getBytes(UTF_8)))
        .isEqualTo((crc >>> 15 | crc << 17) + 0xa282ead8);
  }

  @Test
  void readsTheImageNetRecords() throws Exception {
    write(
        "tf/train-00000-of-00002",
        join(imageNet(1, 1, "n01440764"), imageNet(2, 1000, "n15075141")));
    write("tf/train-00001-of-00002", Tars.gzip(imageNet(3, 300, "n02165456")));
    write("tf/validation-00000-of-00001", imageNet(4, 1, "n01440764"));
    write("tf/notes.txt", "x");
    TfRecordSource source = source(uri("tf/train-*"));
    assertThat(source.labelSpace(storage).names())
        .containsExactly("n01440764", "n02165456", "n15075141");
    List<SourceItem> items = items(source);
    assertThat(summaries(items))
        .containsExactly(
            "n01440764_1.JPEG n01440764",
            "n15075141_2.JPEG n15075141",
            "n02165456_3.JPEG n02165456");
    assertThat(image(items, "n15075141_2.JPEG")).hasValue(png(2));
    assertThat(items(source(uri("tf")))).hasSize(4);
    assertThat(source.description()).isEqualTo("TFRecord " + uri("tf/train-*"));
  }

  @Test
  void labelsAreNumbersFromOneOrPlacesInAList() throws Exception {
    byte[] first = record(example(Map.of("image/encoded", png(1), "image/class/label", 1L)));
    byte[] third = record(example(Map.of("image/encoded", png(2), "image/class/label", 3L)));
    URI file = write("a.tfrecord", join(first, third));
    assertThat(source(file).labelSpace(storage).names()).containsExactly("1", "2", "3");
    assertThat(summaries(items(source(file))))
        .containsExactly("a.tfrecord/00000 1", "a.tfrecord/00001 3");
    URI list = write("classes.txt", "cat\ndog\n");
    TfRecordSource listed = new TfRecordSource(file, Optional.of(list), OptionalInt.empty());
    assertThat(listed.labelSpace(storage).names()).containsExactly("cat", "dog");
    assertThat(summaries(items(listed)))
        .containsExactly("a.tfrecord/00000 cat", "a.tfrecord/00001: unknown-label");
    assertThat(summaries(items(new TfRecordSource(file, Optional.of(list), OptionalInt.of(0)))))
        .containsExactly("a.tfrecord/00000 dog", "a.tfrecord/00001: unknown-label");
    // TensorFlow Datasets count from 0.
    URI tfds =
        write(
            "tfds.tfrecord-00000-of-00001",
            record(example(Map.of("image", png(3), "label", 0L, "file_name", "x.png"))));
    assertThat(summaries(items(source(tfds)))).containsExactly("x.png 0");
    assertThat(source(tfds).labelSpace(storage).names()).containsExactly("0");
  }

  @Test
  void badRecordsAreRejectedEachUnderItsReason() throws Exception {
    byte[] wrong = record(example(Map.of("image/encoded", png(1), "image/class/label", 1L)));
    wrong[40] ^= 1;
    byte[] file =
        join(
            wrong,
            record(new byte[] {10, 100, 1}),
            record(example(Map.of("image/class/label", 1L))),
            record(example(Map.of("image/encoded", png(1)))),
            record(example(Map.of("image/encoded", png(1), "image/class/label", 0L))),
            record(example(Map.of("image/encoded", png(1), "image/class/label", 2L))));
    assertThat(summaries(items(source(write("bad.tfrecord", file)))))
        .containsExactly(
            "bad.tfrecord/00000: checksum-mismatch",
            "bad.tfrecord/00001: unreadable",
            "bad.tfrecord/00002: unsupported-format",
            "bad.tfrecord/00003: unknown-label",
            "bad.tfrecord/00004: unknown-label",
            "bad.tfrecord/00005 2");
  }

  @Test
  void damagedFilesAreErrors() throws IOException {
    URI text = write("x.tfrecord", "this is a text and no record");
    assertThatThrownBy(() -> source(text).labelSpace(storage))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("Not a TFRecord file: %s (no length with its checksum at offset 0)", text);
    byte[] good = imageNet(1, 1, "n01440764");
    URI cut = write("cut.tfrecord", Arrays.copyOf(join(good, good), good.length + 30));
    assertThatThrownBy(() -> source(cut).labelSpace(storage))
        .hasMessage(
            "Truncated TFRecord file %s: it ends in the record at offset %s", cut, good.length);
    byte[] second = good.clone();
    second[0] ^= 1;
    URI damaged = write("damaged.tfrecord", join(good, second));
    assertThatThrownBy(() -> source(damaged).labelSpace(storage))
        .hasMessage("Damaged TFRecord file %s: a wrong length at offset %s", damaged, good.length);
    write("none/a.txt", "x");
    assertThatThrownBy(() -> source(uri("none")).splits(storage))
        .hasMessageStartingWith(
            "No files in %s: expected TFRecord files of tf.Example", uri("none"));
  }
}
