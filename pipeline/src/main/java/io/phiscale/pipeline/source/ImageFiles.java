package io.phiscale.pipeline.source;

import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.StringJoiner;

/**
 * A tree of image files that is a directory, a tar or a gzip-compressed tar: what the layouts of
 * files have in common.
 *
 * @param root the directory or archive
 * @param prefix the part of the tree that is the collection, without slashes at its ends; empty for
 *     all of it. Paths are relative to it
 * @param layout for messages: what a collection should look like
 */
record ImageFiles(URI root, String prefix, String layout) {
  private static final long FILE_GROUP_BYTES = 64L << 20;

  /** What opening a file costs, in bytes that could be read meanwhile. */
  private static final long FILE_OPEN_BYTES = 64L << 10;

  private static final long TAR_RANGE_BYTES = 16L << 20;

  ImageFiles {
    if (prefix.startsWith("/") || prefix.endsWith("/")) {
      throw new IllegalArgumentException(
          "Invalid prefix: %s (must not start or end with /)".formatted(prefix));
    }
  }

  private enum Container {
    DIRECTORY,
    TAR,
    COMPRESSED_TAR
  }

  private Container container() {
    String path = root.getPath().toLowerCase(Locale.ROOT);
    if (path.endsWith(".tar")) {
      return Container.TAR;
    }
    return path.endsWith(".tar.gz") || path.endsWith(".tgz")
        ? Container.COMPRESSED_TAR
        : Container.DIRECTORY;
  }

  String description(String source) {
    return source + " " + root + (prefix.isEmpty() ? "" : " (" + prefix + ")");
  }

  /** Visits all files of the collection that are not ignored, without reading them. */
  void visit(Storage storage, Labelling.Rule rule, Labelling.Visitor visitor) throws IOException {
    if (container() == Container.DIRECTORY) {
      for (StoredFile file : list(storage)) {
        String path = selected(Storage.relativePath(root, file.uri()));
        if (path != null) {
          visit(path, rule, visitor);
        }
      }
      return;
    }
    try (TarEntries entries = openTar(storage)) {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        String path = path(entry);
        if (path != null) {
          visit(path, rule, visitor);
        }
      }
    }
  }

  private static void visit(String path, Labelling.Rule rule, Labelling.Visitor visitor)
      throws IOException {
    Labelling labelling = rule.of(path);
    if (!(labelling instanceof Labelling.Ignored)) {
      visitor.visit(path, labelling);
    }
  }

  IOException noImages() {
    return new IOException(
        "No images in %s%s: expected %s"
            .formatted(root, prefix.isEmpty() ? "" : " below " + prefix, layout));
  }

  List<SourceSplit> splits(Storage storage, Labelling.Rule rule) throws IOException {
    return switch (container()) {
      case DIRECTORY -> fileGroups(storage, rule);
      case TAR -> tarRanges(storage, rule);
      case COMPRESSED_TAR -> List.of(new SourceSplit.CompressedTar(root, storage.length(root)));
    };
  }

  private List<SourceSplit> fileGroups(Storage storage, Labelling.Rule rule) throws IOException {
    List<SourceSplit> splits = new ArrayList<>();
    List<StoredFile> group = new ArrayList<>();
    long groupBytes = 0;
    boolean anyImage = false;
    for (StoredFile file : list(storage)) {
      String path = selected(Storage.relativePath(root, file.uri()));
      Labelling labelling = path == null ? Labelling.IGNORED : rule.of(path);
      if (labelling instanceof Labelling.Ignored) {
        continue;
      }
      anyImage |= labelling instanceof Labelling.InClass;
      long cost = file.bytes() + FILE_OPEN_BYTES;
      if (!group.isEmpty() && groupBytes + cost > FILE_GROUP_BYTES) {
        splits.add(new SourceSplit.FileGroup(group));
        group.clear();
        groupBytes = 0;
      }
      group.add(file);
      groupBytes += cost;
    }
    if (!anyImage) {
      throw noImages();
    }
    splits.add(new SourceSplit.FileGroup(group));
    return splits;
  }

  private List<SourceSplit> tarRanges(Storage storage, Labelling.Rule rule) throws IOException {
    List<SourceSplit> splits = new ArrayList<>();
    boolean anyImage = false;
    long start = 0;
    long end = 0;
    try (TarEntries entries = openTar(storage)) {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        if (entry.end() - start > TAR_RANGE_BYTES && end > start) {
          splits.add(new SourceSplit.TarRange(root, start, end, ""));
          start = end;
        }
        end = entry.end();
        String path = path(entry);
        anyImage |= path != null && rule.of(path) instanceof Labelling.InClass;
      }
    }
    if (!anyImage) {
      throw noImages();
    }
    splits.add(new SourceSplit.TarRange(root, start, end, ""));
    return splits;
  }

  SourceItems open(SourceSplit split, Storage storage, Labelling.Rule rule) throws IOException {
    if (split instanceof SourceSplit.FileGroup group) {
      return new FileItems(this, group, storage, rule);
    }
    if (split instanceof SourceSplit.TarRange range && range.tar().equals(root)) {
      return new TarItems(
          this, TarEntries.ofRange(storage, range.tar(), range.start(), range.end()), rule);
    }
    if (split instanceof SourceSplit.CompressedTar tar && tar.tar().equals(root)) {
      return new TarItems(this, TarEntries.ofGzip(storage, tar.tar()), rule);
    }
    throw new IllegalArgumentException("Invalid split of %s: %s".formatted(root, split));
  }

  private TarEntries openTar(Storage storage) throws IOException {
    return container() == Container.TAR
        ? TarEntries.of(storage, root)
        : TarEntries.ofGzip(storage, root);
  }

  private List<StoredFile> list(Storage storage) throws IOException {
    URI top = prefix.isEmpty() ? root : Storage.resolve(root, prefix);
    List<StoredFile> files = storage.listRecursively(top);
    if (files.size() == 1 && !storage.isDirectory(top)) {
      throw new IOException(
          "Cannot read %s: it is a file (expected a directory, .tar, .tar.gz or .tgz)"
              .formatted(top));
    }
    return files;
  }

  /** The path relative to the prefix, or null if it is not below it. */
  private String selected(String path) {
    if (prefix.isEmpty()) {
      return path;
    }
    return path.startsWith(prefix + "/") ? path.substring(prefix.length() + 1) : null;
  }

  /** The selected path of an entry that may be an image, or null. */
  private String path(TarEntry entry) {
    return entry.kind() == TarEntry.Kind.FILE && nameProblem(entry.name()) == null
        ? selected(clean(entry.name()))
        : null;
  }

  /** A name without empty and {@code .} parts, as archives made by {@code tar c .} have them. */
  static String clean(String name) {
    StringJoiner clean = new StringJoiner("/");
    for (String part : name.split("/", -1)) {
      if (!part.isEmpty() && !part.equals(".")) {
        clean.add(part);
      }
    }
    return clean.toString();
  }

  /** Why an entry's name cannot be a path inside a collection, or null. */
  static RejectReason nameProblem(String name) {
    if (name.indexOf('\uFFFD') >= 0) {
      return RejectReason.INVALID_NAME;
    }
    if (name.startsWith("/") || Arrays.asList(name.split("/", -1)).contains("..")) {
      return RejectReason.UNSAFE_ENTRY;
    }
    return clean(name).isEmpty() ? RejectReason.INVALID_NAME : null;
  }

  /** What is wrong with a file of this size, or null. */
  static SourceItem.Rejected sizeProblem(String key, long bytes) {
    if (bytes == 0) {
      return new SourceItem.Rejected(key, RejectReason.EMPTY, "no bytes");
    }
    if (bytes > SourceItem.MAX_IMAGE_BYTES) {
      return new SourceItem.Rejected(
          key,
          RejectReason.TOO_LARGE,
          "%s bytes (at most %s)".formatted(bytes, SourceItem.MAX_IMAGE_BYTES));
    }
    return null;
  }

  /**
   * What an entry is that is not a file with a usable name: rejected, or null for what is a file.
   */
  static SourceItem.Rejected entryProblem(String key, TarEntry entry) {
    RejectReason name = nameProblem(entry.name());
    if (name != null) {
      return new SourceItem.Rejected(
          entry.name(), name, "entry at offset %s".formatted(entry.start()));
    }
    return switch (entry.kind()) {
      case LINK ->
          new SourceItem.Rejected(
              key, RejectReason.LINK_ENTRY, "entry at offset %s".formatted(entry.start()));
      case OTHER ->
          new SourceItem.Rejected(
              key,
              RejectReason.UNSAFE_ENTRY,
              "neither file nor directory, at offset %s".formatted(entry.start()));
      case FILE, DIRECTORY -> null;
    };
  }

  /** Items made one ahead of the caller. */
  abstract static class AdvancingItems implements SourceItems {
    private SourceItem ahead;

    /** The next item, or null after the last. */
    abstract SourceItem advance() throws IOException;

    @Override
    public boolean hasNext() {
      if (ahead == null) {
        try {
          ahead = advance();
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
      }
      return ahead != null;
    }

    @Override
    public SourceItem next() {
      if (!hasNext()) {
        throw new NoSuchElementException("no more items in this split");
      }
      SourceItem item = ahead;
      ahead = null;
      return item;
    }
  }

  private static final class FileItems extends AdvancingItems {
    private final ImageFiles images;
    private final Iterator<StoredFile> files;
    private final Storage storage;
    private final Labelling.Rule rule;

    FileItems(
        ImageFiles images, SourceSplit.FileGroup group, Storage storage, Labelling.Rule rule) {
      this.images = images;
      this.files = group.files().iterator();
      this.storage = storage;
      this.rule = rule;
    }

    @Override
    SourceItem advance() throws IOException {
      while (files.hasNext()) {
        StoredFile file = files.next();
        String path = images.selected(Storage.relativePath(images.root(), file.uri()));
        Labelling labelling = path == null ? Labelling.IGNORED : rule.of(path);
        if (labelling instanceof Labelling.Unlabelled unlabelled) {
          return new SourceItem.Rejected(path, RejectReason.UNKNOWN_LABEL, unlabelled.detail());
        }
        if (labelling instanceof Labelling.InClass inClass) {
          SourceItem.Rejected problem = sizeProblem(path, file.bytes());
          return problem != null
              ? problem
              : new SourceItem.LabelledImage(
                  path, inClass.className(), storage.readFully(file.uri()));
        }
      }
      return null;
    }

    @Override
    public void close() {}
  }

  private static final class TarItems extends AdvancingItems {
    private final ImageFiles images;
    private final TarEntries entries;
    private final Labelling.Rule rule;

    TarItems(ImageFiles images, TarEntries entries, Labelling.Rule rule) {
      this.images = images;
      this.entries = entries;
      this.rule = rule;
    }

    @Override
    SourceItem advance() throws IOException {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        SourceItem item = item(entry);
        if (item != null) {
          return item;
        }
      }
      return null;
    }

    private SourceItem item(TarEntry entry) throws IOException {
      if (entry.kind() == TarEntry.Kind.DIRECTORY) {
        return null;
      }
      String path =
          nameProblem(entry.name()) == null ? images.selected(clean(entry.name())) : entry.name();
      if (path == null) {
        return null;
      }
      SourceItem.Rejected problem = entryProblem(path, entry);
      if (problem != null) {
        return problem;
      }
      Labelling labelling = rule.of(path);
      if (labelling instanceof Labelling.Unlabelled unlabelled) {
        return new SourceItem.Rejected(path, RejectReason.UNKNOWN_LABEL, unlabelled.detail());
      }
      if (labelling instanceof Labelling.InClass inClass) {
        problem = sizeProblem(path, entry.size());
        return problem != null
            ? problem
            : new SourceItem.LabelledImage(path, inClass.className(), entries.content());
      }
      return null;
    }

    @Override
    public void close() throws IOException {
      entries.close();
    }
  }
}
