package io.phiscale.pipeline.storage;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;
import java.net.URI;

/**
 * A regular file found by listing.
 *
 * @param uri where it is, with scheme
 * @param bytes its length
 */
public record StoredFile(URI uri, long bytes) implements Serializable {
  public StoredFile {
    requireNonNull(uri, "uri");
    if (bytes < 0) {
      throw new IllegalArgumentException(
          "Invalid length of %s: %s (must be >= 0)".formatted(uri, bytes));
    }
  }
}
