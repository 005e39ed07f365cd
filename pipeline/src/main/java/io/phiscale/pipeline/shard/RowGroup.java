package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;
import java.net.URI;

/**
 * A row group of a shard: the unit of reading, of shuffling and of assignment to workers.
 *
 * @param file the Parquet file
 * @param ordinal its place in the file, from 0
 * @param rows the number of images
 * @param bytes its compressed size in the file
 */
public record RowGroup(URI file, int ordinal, int rows, long bytes) implements Serializable {
  public RowGroup {
    requireNonNull(file, "file");
    if (ordinal < 0) {
      throw new IllegalArgumentException(
          "Invalid row group ordinal: %s (must be >= 0)".formatted(ordinal));
    }
    if (rows <= 0) {
      throw new IllegalArgumentException(
          "Invalid row count of row group %s of %s: %s (must be > 0)"
              .formatted(ordinal, file, rows));
    }
    if (bytes < 0) {
      throw new IllegalArgumentException(
          "Invalid size of row group %s of %s: %s (must be >= 0)".formatted(ordinal, file, bytes));
    }
  }
}
