package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * CIFAR-10 and CIFAR-100 in the binary version, as downloaded or extracted.
 *
 * <pre>{@code
 * cifar-10-binary.tar.gz             cifar-100-binary.tar.gz
 *   cifar-10-batches-bin/              cifar-100-binary/
 *     batches.meta.txt                   fine_label_names.txt
 *     data_batch_1.bin ... _5.bin        train.bin
 *     test_batch.bin                     test.bin
 * }</pre>
 *
 * <p>A record is one label byte (CIFAR-10) or a coarse and a fine one (CIFAR-100, of which the fine
 * one is used), and 3 x 32 x 32 bytes: all red values row by row, then green, then blue. Pictures
 * become PNG without loss. Class names are the lines of the list of names, in its order, which is
 * the labels'.
 *
 * <p>Keys are {@code data_batch_1/00042.png}: the file and the record's place in it, from 0. A
 * label outside the list is rejected; a file that is no whole number of records is an error.
 *
 * <p>Source: https://www.cs.toronto.edu/~kriz/cifar.html.
 *
 * @param root the directory, or the archive as downloaded
 * @param part training or test images
 */
public record CifarSource(URI root, CollectionPart part) implements DatasetSource {
  private static final int SIDE_PX = 32;
  private static final int PIXEL_BYTES = 3 * SIDE_PX * SIDE_PX;
  private static final String LAYOUT =
      "batches.meta.txt, data_batch_1.bin ... and test_batch.bin of CIFAR-10, or"
          + " fine_label_names.txt, train.bin and test.bin of CIFAR-100";

  public CifarSource {
    requireNonNull(root, "root");
    requireNonNull(part, "part");
  }

  /** How the two collections differ. */
  private enum Kind {
    CIFAR_10("batches.meta.txt", "data_batch_[0-9]+\\.bin", "test_batch\\.bin", 1),
    CIFAR_100("fine_label_names.txt", "train\\.bin", "test\\.bin", 2);

    private final String names;
    private final Pattern train;
    private final Pattern test;

    /** The last of them is the label. */
    private final int labelBytes;

    Kind(String names, String train, String test, int labelBytes) {
      this.names = names;
      this.train = Pattern.compile(train);
      this.test = Pattern.compile(test);
      this.labelBytes = labelBytes;
    }

    boolean hasImagesOf(CollectionPart part, String fileName) {
      return (part == CollectionPart.TRAIN ? train : test).matcher(fileName).matches();
    }

    int recordBytes() {
      return labelBytes + PIXEL_BYTES;
    }
  }

  /** What was found, its classes and, in a directory, its files of images. */
  private record Found(Kind kind, LabelSpace labels, List<StoredFile> files) {}

  private boolean isArchive() {
    String path = root.getPath().toLowerCase(Locale.ROOT);
    return path.endsWith(".tar") || isCompressed();
  }

  private boolean isCompressed() {
    String path = root.getPath().toLowerCase(Locale.ROOT);
    return path.endsWith(".tar.gz") || path.endsWith(".tgz");
  }

  private TarEntries entries(Storage storage) throws IOException {
    return isCompressed() ? TarEntries.ofGzip(storage, root) : TarEntries.of(storage, root);
  }

  private static String fileName(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private Found find(Storage storage) throws IOException {
    TreeMap<String, String> lists = new TreeMap<>();
    List<StoredFile> files = new ArrayList<>();
    List<String> names = new ArrayList<>();
    if (isArchive()) {
      try (TarEntries entries = entries(storage)) {
        for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
          String name = fileName(entry.name());
          names.add(name);
          for (Kind kind : Kind.values()) {
            if (name.equals(kind.names) && entry.size() < SourceItem.MAX_IMAGE_BYTES) {
              lists.put(name, new String(entries.content(), UTF_8));
            }
          }
        }
      }
    } else {
      for (StoredFile file : storage.listRecursively(root)) {
        String name = fileName(file.uri().getPath());
        names.add(name);
        files.add(file);
        for (Kind kind : Kind.values()) {
          if (name.equals(kind.names)) {
            lists.put(name, storage.readUtf8(file.uri()));
          }
        }
      }
    }
    for (Kind kind : Kind.values()) {
      if (lists.containsKey(kind.names)
          && names.stream().anyMatch(name -> kind.hasImagesOf(part, name))) {
        files.removeIf(file -> !kind.hasImagesOf(part, fileName(file.uri().getPath())));
        return new Found(kind, ClassList.parse(root, lists.get(kind.names)), files);
      }
    }
    throw new IOException("No images in %s: expected %s".formatted(root, LAYOUT));
  }

  @Override
  public String description() {
    return "CIFAR binary " + root + " (" + part.name().toLowerCase(Locale.ROOT) + ")";
  }

  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    return find(storage).labels();
  }

  /** One split per file, or the archive. */
  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    if (isArchive()) {
      return List.of(new SourceSplit.CompressedTar(root, storage.length(root)));
    }
    List<SourceSplit> splits = new ArrayList<>();
    for (StoredFile file : find(storage).files()) {
      splits.add(new SourceSplit.FileGroup(List.of(file)));
    }
    return splits;
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    Found found = find(storage);
    if (split instanceof SourceSplit.CompressedTar tar && tar.tar().equals(root)) {
      return new Items(found, new ArchivedFiles(found.kind(), part, entries(storage)));
    }
    if (split instanceof SourceSplit.FileGroup group && group.files().size() == 1) {
      return new Items(found, new OneFile(storage, group.files().get(0)));
    }
    throw new IllegalArgumentException("Invalid split of %s: %s".formatted(root, split));
  }

  /** Files of records, one after the other. */
  private interface Files {
    /** The next file's content, or null after the last. */
    byte[] next() throws IOException;

    /** The name of the file that was read last. */
    String name();

    void close() throws IOException;
  }

  private static final class OneFile implements Files {
    private final Storage storage;
    private final StoredFile file;
    private boolean read;

    OneFile(Storage storage, StoredFile file) {
      this.storage = storage;
      this.file = file;
    }

    @Override
    public byte[] next() throws IOException {
      if (read) {
        return null;
      }
      read = true;
      return storage.readFully(file.uri());
    }

    @Override
    public String name() {
      return fileName(file.uri().getPath());
    }

    @Override
    public void close() {}
  }

  private static final class ArchivedFiles implements Files {
    private final Kind kind;
    private final CollectionPart part;
    private final TarEntries entries;
    private String name;

    ArchivedFiles(Kind kind, CollectionPart part, TarEntries entries) {
      this.kind = kind;
      this.part = part;
      this.entries = entries;
    }

    @Override
    public byte[] next() throws IOException {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        name = fileName(entry.name());
        if (entry.kind() == TarEntry.Kind.FILE && kind.hasImagesOf(part, name)) {
          return entries.content();
        }
      }
      return null;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void close() throws IOException {
      entries.close();
    }
  }

  private final class Items extends ImageFiles.AdvancingItems {
    private final Found found;
    private final Files files;
    private byte[] records = {};
    private int next;

    Items(Found found, Files files) {
      this.found = found;
      this.files = files;
    }

    @Override
    SourceItem advance() throws IOException {
      int recordBytes = found.kind().recordBytes();
      while (next * recordBytes == records.length) {
        records = files.next();
        next = 0;
        if (records == null) {
          records = new byte[0];
          return null;
        }
        if (records.length == 0 || records.length % recordBytes != 0) {
          throw new IOException(
              "Damaged file %s of %s: %s bytes (must be a multiple of %s, a record's)"
                  .formatted(files.name(), root, records.length, recordBytes));
        }
      }
      int start = next * recordBytes;
      int label = records[start + found.kind().labelBytes - 1] & 0xFF;
      String key = "%s/%05d.png".formatted(files.name().replace(".bin", ""), next);
      next++;
      if (label >= found.labels().size()) {
        return new SourceItem.Rejected(
            key,
            RejectReason.UNKNOWN_LABEL,
            "label %s (there are %s classes)".formatted(label, found.labels().size()));
      }
      return new SourceItem.LabelledImage(
          key,
          found.labels().name(label),
          PngWriter.rgbPlanes(records, start + found.kind().labelBytes, SIDE_PX, SIDE_PX));
    }

    @Override
    public void close() throws IOException {
      files.close();
    }
  }
}
