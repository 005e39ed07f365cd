package io.phiscale.jobs.run;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;

/** Gives a file of any file system to a reader that wants a local one. */
public final class LocalCopy {
  private LocalCopy() {}

  /** Reads a local file. */
  @FunctionalInterface
  public interface Reader<T> {
    /** Reads it; it may be gone afterwards. */
    T read(Path file) throws IOException;
  }

  /** Reads a local file where it lies, any other from a temporary copy. */
  public static <T> T of(Storage storage, URI place, Reader<T> reader) throws IOException {
    return storage.within("Cannot read", place, () -> read(storage, place, reader));
  }

  private static <T> T read(Storage storage, URI place, Reader<T> reader) throws IOException {
    if ("file".equals(place.getScheme())) {
      return reader.read(Path.of(place));
    }
    Path folder = Files.createTempDirectory("phiscale-copy");
    Path copy = folder.resolve(Path.of(place.getPath()).getFileName().toString());
    try {
      try (InputStream in = storage.open(place)) {
        Files.copy(in, copy);
      }
      return reader.read(copy);
    } finally {
      Files.deleteIfExists(copy);
      Files.delete(folder);
    }
  }
}
