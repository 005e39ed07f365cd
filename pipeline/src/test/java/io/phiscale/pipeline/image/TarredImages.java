package io.phiscale.pipeline.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.compress.archivers.ArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/** Encoded images for benchmarks. */
public final class TarredImages {
  private TarredImages() {}

  /** Returns the first files of a tar, encoded as they are. */
  public static List<byte[]> read(Path tar, int most) throws IOException {
    List<byte[]> images = new ArrayList<>();
    try (InputStream file = Files.newInputStream(tar);
        TarArchiveInputStream entries = new TarArchiveInputStream(file)) {
      for (ArchiveEntry entry = entries.getNextEntry();
          entry != null && images.size() < most;
          entry = entries.getNextEntry()) {
        if (!entry.isDirectory()) {
          images.add(entries.readAllBytes());
        }
      }
    }
    return images;
  }
}
