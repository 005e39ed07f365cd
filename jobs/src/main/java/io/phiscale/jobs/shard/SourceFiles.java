package io.phiscale.jobs.shard;

import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The files that a data set was made from, by which the next version knows what is new: {@code
 * SHARDS/sources/vN.tsv}, a line per file, sorted: length in bytes, time of the last change in
 * milliseconds since 1970, and its name, with tabs between.
 *
 * @param files by name: {@code train} or {@code val} and, after a blank, the file's URI, or for an
 *     item that was refused without being read {@code rejected:} and its key
 */
record SourceFiles(SortedMap<String, State> files) {
  private static final String REJECTED = " rejected:";

  SourceFiles {
    files = new TreeMap<>(files);
  }

  /**
   * What is compared of a file.
   *
   * @param bytes its length
   * @param modifiedMillis when it was last written, milliseconds since 1970
   */
  record State(long bytes, long modifiedMillis) {}

  /** The name of a file in the list. */
  static String name(String split, URI file) {
    return split + " " + file;
  }

  /** The name of an item that was refused when the collection was listed. */
  static String rejectedName(String split, String key) {
    StringBuilder name = new StringBuilder(split).append(REJECTED);
    key.codePoints().forEach(c -> name.appendCodePoint(Character.isISOControl(c) ? 0xFFFD : c));
    return name.toString();
  }

  /**
   * The names that another list has more than this one.
   *
   * @param now the same collection, later
   * @param root the shards, for messages
   * @throws IOException if a file of this list is gone or not what it was
   */
  List<String> added(SourceFiles now, URI root) throws IOException {
    for (Map.Entry<String, State> file : files.entrySet()) {
      State before = file.getValue();
      State after = now.files.get(file.getKey());
      if (after == null && !file.getKey().contains(REJECTED)) {
        throw new IOException(
            String.format(
                "Cannot add to the shards in %s: source file %s, which they were made from, is gone;"
                    + " put it back, or shard all anew into another folder (data.shards)",
                root, shown(file.getKey())));
      }
      if (after != null && !after.equals(before)) {
        throw new IOException(
            String.format(
                "Cannot add to the shards in %s: source file %s has changed since they were made"
                    + " from it (%s bytes of %s, now %s of %s); put the old one back and give new"
                    + " images in files of their own, or shard all anew into another folder"
                    + " (data.shards)",
                root,
                shown(file.getKey()),
                before.bytes(),
                Instant.ofEpochMilli(before.modifiedMillis()),
                after.bytes(),
                Instant.ofEpochMilli(after.modifiedMillis())));
      }
    }
    List<String> added = new ArrayList<>(now.files.keySet());
    added.removeAll(files.keySet());
    return added;
  }

  private static String shown(String name) {
    return name.substring(name.indexOf(' ') + 1);
  }

  /** Its text. */
  String text() {
    StringBuilder text = new StringBuilder();
    files.forEach(
        (name, state) ->
            text.append(state.bytes())
                .append('\t')
                .append(state.modifiedMillis())
                .append('\t')
                .append(name)
                .append('\n'));
    return text.toString();
  }

  /** SHA-256 of its text, as hexadecimal digits. */
  String digest() {
    return ShardRecord.sha256(text().getBytes(StandardCharsets.UTF_8));
  }

  /** Writes the list of a version. */
  void write(Storage storage, URI root, int version) throws IOException {
    storage.writeUtf8Atomically(ShardManifest.sourcesLocation(root, version), text());
  }

  /**
   * The list of a version.
   *
   * @throws IOException if there is none, or another than the manifest says
   */
  static SourceFiles read(Storage storage, URI root, ShardManifest manifest) throws IOException {
    if (manifest.sourcesDigest().isEmpty()) {
      throw new IOException(
          String.format(
              "Cannot add to the shards in %s: they were made before Phiscale kept a list of source"
                  + " files; shard all anew into another folder (data.shards)",
              root));
    }
    URI file = ShardManifest.sourcesLocation(root, manifest.version());
    SortedMap<String, State> files = new TreeMap<>();
    for (String line : storage.readUtf8(file).lines().toList()) {
      String[] fields = line.split("\t", 3);
      try {
        files.put(fields[2], new State(Long.parseLong(fields[0]), Long.parseLong(fields[1])));
      } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
        throw new IOException(String.format("Invalid list of sources %s: %s", file, line), e);
      }
    }
    SourceFiles read = new SourceFiles(files);
    if (!read.digest().equals(manifest.sourcesDigest())) {
      throw new IOException(
          String.format(
              "Invalid list of sources %s: SHA-256 %s (the manifest has %s)",
              file, read.digest(), manifest.sourcesDigest()));
    }
    return read;
  }
}
