package io.phiscale.pipeline.augment;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;

/** What {@code src/test/python/export_augmentations.py} wrote. */
final class Tables {
  private Tables() {}

  /** The rows of a file, split at tabs. */
  static List<String[]> rows(String name) {
    try (InputStream stream = Tables.class.getResourceAsStream(name)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .map(line -> line.split("\t"))
          .toList();
    } catch (IOException exception) {
      throw new UncheckedIOException(exception);
    }
  }

  /** The rows of a file whose first column is {@code kind}. */
  static List<String[]> rows(String name, String kind) {
    return rows(name).stream().filter(row -> row[0].equals(kind)).toList();
  }

  /** One of the small pictures. */
  static Picture picture(String name) {
    String[] row =
        rows("operations.tsv", "picture").stream()
            .filter(candidate -> candidate[3].equals(name))
            .findFirst()
            .orElseThrow();
    Picture picture = new Picture();
    picture.resize(Integer.parseInt(row[4]), Integer.parseInt(row[5]));
    byte[] bytes = Base64.getDecoder().decode(row[6]);
    System.arraycopy(bytes, 0, picture.pixels(), 0, bytes.length);
    return picture;
  }
}
