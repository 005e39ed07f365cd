package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import us.hebi.matlab.mat.format.Mat5;
import us.hebi.matlab.mat.format.Mat5File;
import us.hebi.matlab.mat.types.Sources;
import us.hebi.matlab.mat.types.Struct;

/**
 * The development kit of ILSVRC2012: {@code ILSVRC2012_devkit_t12.tar.gz} as downloaded, or its
 * files.
 *
 * <pre>{@code
 * ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt    an ILSVRC id a line
 * ILSVRC2012_devkit_t12/data/meta.mat                                  MATLAB 5: struct synsets
 * }</pre>
 *
 * <p>Of {@code synsets}, the fields {@code ILSVRC2012_ID, WNID, words} and {@code num_children} are
 * read; the entries without children, with ids 1 to 1000, are the classes (the kit's readme.txt,
 * section 2.1).
 */
final class Devkit {
  private static final String GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt";
  private static final String META = "meta.mat";
  private static final long MAX_BYTES = 64L << 20;

  private Devkit() {}

  /** Whether a location is the whole kit. */
  static boolean isArchive(URI location) {
    String path = location.getPath().toLowerCase(Locale.ROOT);
    return path.endsWith(".tar") || path.endsWith(".tar.gz") || path.endsWith(".tgz");
  }

  /** Whether a location holds the synsets as MATLAB wrote them. */
  static boolean hasMeta(URI location) {
    return isArchive(location) || location.getPath().toLowerCase(Locale.ROOT).endsWith(".mat");
  }

  /** The text of the ground truth, in the kit or by itself. */
  static String groundTruth(Storage storage, URI location) throws IOException {
    return isArchive(location)
        ? new String(entry(storage, location, GROUND_TRUTH), UTF_8)
        : storage.readUtf8(location);
  }

  /**
   * The synsets of {@code meta.mat} in the order of their ILSVRC ids, with human names.
   *
   * @throws IOException if it is no such file; names it
   */
  static LabelSpace synsets(Storage storage, URI location) throws IOException {
    byte[] content =
        isArchive(location) ? entry(storage, location, META) : storage.readFully(location);
    try {
      return synsets(content);
    } catch (IOException | RuntimeException e) {
      // The reader reports what it cannot decode by runtime exceptions of many kinds.
      throw new IOException("Invalid synsets %s: %s".formatted(location, e.getMessage()), e);
    }
  }

  private static LabelSpace synsets(byte[] content) throws IOException {
    TreeMap<Integer, String> byId = new TreeMap<>();
    Map<String, String> humanNames = new HashMap<>();
    try (Mat5File file = Mat5.newReader(Sources.wrap(content)).readMat()) {
      Struct synsets = file.getStruct("synsets");
      for (int i = 0; i < synsets.getNumElements(); i++) {
        if (synsets.getMatrix("num_children", i).getInt(0) != 0) {
          continue;
        }
        String synset = synsets.getChar("WNID", i).getString().strip();
        int id = synsets.getMatrix("ILSVRC2012_ID", i).getInt(0);
        if (byId.put(id, synset) != null) {
          throw new IOException("ILSVRC2012_ID %s twice".formatted(id));
        }
        humanNames.put(synset, synsets.getChar("words", i).getString().strip());
      }
    }
    List<String> names = new ArrayList<>(byId.values());
    if (names.isEmpty() || byId.firstKey() != 1 || byId.lastKey() != names.size()) {
      throw new IOException(
          "%s synsets without children with ids %s (must be 1, 2, 3, ...)"
              .formatted(
                  names.size(),
                  byId.isEmpty() ? "none" : byId.firstKey() + " to " + byId.lastKey()));
    }
    return new LabelSpace(names, humanNames);
  }

  private static byte[] entry(Storage storage, URI archive, String wanted) throws IOException {
    boolean plain = archive.getPath().toLowerCase(Locale.ROOT).endsWith(".tar");
    try (TarEntries entries =
        plain ? TarEntries.of(storage, archive) : TarEntries.ofGzip(storage, archive)) {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        String path = "/" + entry.name();
        if (entry.kind() == TarEntry.Kind.FILE
            && path.endsWith("/" + wanted)
            && entry.size() < MAX_BYTES) {
          return entries.content();
        }
      }
    }
    throw new IOException(
        "No %s in %s: expected the development kit of ILSVRC2012".formatted(wanted, archive));
  }
}
