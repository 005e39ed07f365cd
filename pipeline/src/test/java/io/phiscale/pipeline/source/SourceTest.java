package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.pipeline.storage.Storage;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
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
import java.util.Optional;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.io.TempDir;

/** What the tests of all sources share. */
abstract class SourceTest {
  final Storage storage = Storage.of(Map.of());

  @TempDir Path directory;

  URI uri(String name) {
    return Storage.uri(directory.resolve(name).toString());
  }

  URI write(String name, byte[] content) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    Files.write(file, content);
    return uri(name);
  }

  URI write(String name, String content) throws IOException {
    return write(name, content.getBytes(UTF_8));
  }

  /** A small PNG that differs for each number. */
  static byte[] png(int number) {
    BufferedImage picture = new BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < 2; y++) {
      for (int x = 0; x < 3; x++) {
        picture.setRGB(x, y, number * 7919 + y * 3 + x);
      }
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      ImageIO.write(picture, "png", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** All items of all splits, each read by a copy of the source, as on an executor. */
  List<SourceItem> items(DatasetSource source) throws Exception {
    List<SourceItem> items = new ArrayList<>();
    for (SourceSplit split : source.splits(storage)) {
      DatasetSource remote = (DatasetSource) copy(source);
      assertThat(remote).isEqualTo(source).hasSameHashCodeAs(source);
      items.addAll(items(remote, (SourceSplit) copy(split)));
    }
    return items;
  }

  List<SourceItem> items(DatasetSource source, SourceSplit split) throws IOException {
    List<SourceItem> items = new ArrayList<>();
    try (SourceItems reading = source.open(split, storage)) {
      reading.forEachRemaining(items::add);
    }
    return items;
  }

  /** "key class" of images, "key: reason" of rejected items. */
  static List<String> summaries(List<SourceItem> items) {
    return items.stream()
        .map(
            item ->
                item instanceof SourceItem.LabelledImage image
                    ? image.key() + " " + image.className()
                    : item.key() + ": " + ((SourceItem.Rejected) item).reason().id())
        .toList();
  }

  static Optional<byte[]> image(List<SourceItem> items, String key) {
    return items.stream()
        .filter(item -> item instanceof SourceItem.LabelledImage && item.key().equals(key))
        .map(item -> ((SourceItem.LabelledImage) item).bytes())
        .findFirst();
  }

  static Object copy(Object original) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(original);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return in.readObject();
    }
  }
}
