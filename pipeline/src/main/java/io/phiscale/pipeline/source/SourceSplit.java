package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.storage.StoredFile;
import java.io.Serializable;
import java.net.URI;
import java.util.List;

/** A part of a collection that one task reads. */
public sealed interface SourceSplit extends Serializable {
  /** About how many bytes reading it takes. */
  long bytes();

  /**
   * Files of their own.
   *
   * @param files in sorted order
   */
  record FileGroup(List<StoredFile> files) implements SourceSplit {
    public FileGroup {
      files = List.copyOf(files);
      if (files.isEmpty()) {
        throw new IllegalArgumentException("Invalid file group: no files");
      }
    }

    @Override
    public long bytes() {
      return files.stream().mapToLong(StoredFile::bytes).sum();
    }
  }

  /**
   * The entries of an uncompressed tar whose headers start in a range of offsets: of a whole tar, a
   * part of one, or a tar inside a tar.
   *
   * @param tar the outermost archive
   * @param start offset of the first entry's header in it
   * @param end offset at which the last entry has ended
   * @param directory what precedes the entries' names in their keys: empty, or a path without slash
   *     at its end
   */
  record TarRange(URI tar, long start, long end, String directory) implements SourceSplit {
    public TarRange {
      requireNonNull(tar, "tar");
      requireNonNull(directory, "directory");
      if (start < 0 || end <= start) {
        throw new IllegalArgumentException(
            "Invalid range of %s: %s to %s".formatted(tar, start, end));
      }
    }

    @Override
    public long bytes() {
      return end - start;
    }
  }

  /**
   * A whole gzip-compressed tar, which can only be read from its beginning.
   *
   * @param tar the archive
   * @param bytes its compressed length
   */
  record CompressedTar(URI tar, long bytes) implements SourceSplit {
    public CompressedTar {
      requireNonNull(tar, "tar");
    }
  }

  /**
   * Items that were found to be wrong when the splits were made.
   *
   * @param items at least one
   */
  record AlreadyRejected(List<SourceItem.Rejected> items) implements SourceSplit {
    public AlreadyRejected {
      items = List.copyOf(items);
      if (items.isEmpty()) {
        throw new IllegalArgumentException("Invalid rejected items: none");
      }
    }

    @Override
    public long bytes() {
      return 0;
    }
  }
}
