package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.Arrays;
import java.util.List;

/**
 * One Parquet file of a split, as its manifest lists it.
 *
 * @param path relative to the directory of the manifest, with {@code /} between names
 * @param rows the number of images
 * @param bytes the length of the file
 * @param recordsDigest what the file contains, whatever its name and layout: the SHA-256, as
 *     hexadecimal digits, of key, NUL, label in decimal, NUL, sha256 and line feed of every row in
 *     file order, in UTF-8; before the line feed also, where the file has soft targets, NUL and the
 *     labels, NUL and the weights, a blank before each
 * @param rowGroups in file order
 */
@JsonPropertyOrder({"path", "rows", "bytes", "recordsDigest", "rowGroups"})
public record ShardFile(
    String path, long rows, long bytes, String recordsDigest, List<RowGroupEntry> rowGroups)
    implements Serializable {

  /**
   * A row group of the file.
   *
   * @param rows the number of images
   * @param bytes the compressed size of its column chunks
   * @param offset where it starts in the file
   */
  @JsonPropertyOrder({"rows", "bytes", "offset"})
  public record RowGroupEntry(int rows, long bytes, long offset) implements Serializable {
    public RowGroupEntry {
      if (rows <= 0 || bytes <= 0 || offset <= 0) {
        throw new IllegalArgumentException(
            "Invalid row group: %s rows, %s bytes at offset %s (all must be > 0)"
                .formatted(rows, bytes, offset));
      }
    }
  }

  public ShardFile {
    requireNonNull(recordsDigest, "recordsDigest");
    rowGroups = List.copyOf(rowGroups);
    if (path.isBlank()
        || path.startsWith("/")
        || Arrays.asList(path.split("/", -1)).contains("..")) {
      throw new IllegalArgumentException(
          "Invalid shard path: %s (must be below the manifest's directory)".formatted(path));
    }
    long sum = rowGroups.stream().mapToLong(RowGroupEntry::rows).sum();
    if (rows != sum) {
      throw new IllegalArgumentException(
          "Invalid row count of shard %s: %s (its row groups have %s)".formatted(path, rows, sum));
    }
    if (bytes <= 0) {
      throw new IllegalArgumentException(
          "Invalid length of shard %s: %s (must be > 0)".formatted(path, bytes));
    }
  }
}
