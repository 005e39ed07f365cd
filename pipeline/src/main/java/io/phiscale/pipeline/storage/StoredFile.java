package io.phiscale.pipeline.storage;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;
import java.net.URI;

/**
 * A regular file found by listing.
 *
 * @param uri where it is, with scheme
 * @param bytes its length
 * @param modifiedMillis when it was last written, milliseconds since 1970
 */
public record StoredFile(URI uri, long bytes, long modifiedMillis) implements Serializable {
  public StoredFile {
    requireNonNull(uri, "uri");
    if (bytes < 0) {
      throw new IllegalArgumentException(
          "Invalid length of %s: %s (must be >= 0)".formatted(uri, bytes));
    }
  }
}
