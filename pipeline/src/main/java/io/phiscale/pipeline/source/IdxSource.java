package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;

/**
 * IDX files: MNIST, Fashion-MNIST, KMNIST, EMNIST; plain or gzip-compressed.
 *
 * <pre>{@code
 * train-images-idx3-ubyte.gz   magic 0x00000803, count, rows, columns, then bytes
 * train-labels-idx1-ubyte.gz   magic 0x00000801, count, then one byte each
 * t10k-images-idx3-ubyte.gz
 * t10k-labels-idx1-ubyte.gz
 * }</pre>
 *
 * <p>The location is the directory of these files (a dot in place of the last hyphen is understood
 * too), or one file of images, beside which the labels lie under the same name with {@code labels}
 * and {@code idx1}: {@code emnist-balanced-train-images-idx3-ubyte.gz}. Pixels become grey PNG as
 * they are: EMNIST's pictures stay transposed.
 *
 * <p>Keys are {@code train/00042.png}. Without list of classes, the names are the labels, from 0 to
 * the largest.
 *
 * <p>Source: http://yann.lecun.com/exdb/mnist, "the IDX file format".
 */
public final class IdxSource implements DatasetSource {
  private static final long serialVersionUID = 1L;

  private static final int IMAGES = 0x00000803;
  private static final int LABELS = 0x00000801;
  private static final String LAYOUT =
      "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and"
          + " t10k-labels-idx1-ubyte, plain or .gz";
  private static final Pattern IMAGES_NAME =
      Pattern.compile("(?:(.*)-)?images([-.])idx3-ubyte(\\.gz)?");
  private static final int MAX_SIDE_PX = 1 << 14;

  private final URI root;
  private final CollectionPart part;

  /** Null if there is none: an Optional is not serializable. */
  private final URI classes;

  /**
   * IDX files.
   *
   * @param root the directory, or the file of images
   * @param part which files of the directory; of no meaning for a file
   * @param classes list of class names in label order, one a line
   */
  public IdxSource(URI root, CollectionPart part, Optional<URI> classes) {
    this.root = requireNonNull(root, "root");
    this.part = requireNonNull(part, "part");
    this.classes = classes.orElse(null);
  }

  /** The two files, and what precedes the numbers in keys. */
  private record Files(StoredFile images, URI labels, String folder) {}

  private Files find(Storage storage) throws IOException {
    if (IMAGES_NAME.matcher(fileName(root)).matches()) {
      return files(storage, storage.file(root));
    }
    if (!storage.isDirectory(root)) {
      storage.length(root); // Says so if there is no such file.
      throw new IOException(
          "Cannot read %s: not named like a file of images (expected a directory with %s)"
              .formatted(root, LAYOUT));
    }
    String wanted = part == CollectionPart.TRAIN ? "train" : "t10k";
    for (StoredFile file : storage.listRecursively(root)) {
      Matcher name = IMAGES_NAME.matcher(fileName(file.uri()));
      if (name.matches() && wanted.equals(name.group(1))) {
        return files(storage, file);
      }
    }
    throw new IOException(
        "No images in %s: no %s-images-idx3-ubyte (expected %s)".formatted(root, wanted, LAYOUT));
  }

  private static Files files(Storage storage, StoredFile images) throws IOException {
    String name = fileName(images.uri());
    Matcher parts = IMAGES_NAME.matcher(name);
    if (!parts.matches()) {
      throw new IllegalArgumentException("Invalid file of images: " + name);
    }
    String prefix = parts.group(1) == null ? "" : parts.group(1) + "-";
    String plain = prefix + "labels" + parts.group(2) + "idx1-ubyte";
    URI folder = images.uri().resolve(".");
    for (String candidate : List.of(plain + ".gz", plain)) {
      URI labels = Storage.resolve(folder, candidate);
      if (storage.exists(labels)) {
        return new Files(images, labels, parts.group(1) == null ? "images" : parts.group(1));
      }
    }
    throw new IOException("Cannot label %s: no %s beside it".formatted(images.uri(), plain));
  }

  private static String fileName(URI uri) {
    return uri.getPath().substring(uri.getPath().lastIndexOf('/') + 1);
  }

  private static DataInputStream open(Storage storage, URI file) throws IOException {
    InputStream in = new BufferedInputStream(storage.open(file), 1 << 16);
    in.mark(2);
    boolean gzip = in.read() == 0x1F && in.read() == 0x8B;
    in.reset();
    return new DataInputStream(
        gzip ? new BufferedInputStream(new GzipCompressorInputStream(in, true), 1 << 16) : in);
  }

  private static int header(DataInputStream in, URI file, int magic) throws IOException {
    try {
      int found = in.readInt();
      if (found != magic) {
        throw new IOException(
            "Not an IDX file of %s: %s has magic 0x%08X (must be 0x%08X)"
                .formatted(magic == IMAGES ? "images" : "labels", file, found, magic));
      }
      int count = in.readInt();
      if (count <= 0) {
        throw new IOException("Damaged IDX file %s: %s items".formatted(file, count));
      }
      return count;
    } catch (EOFException e) {
      throw new IOException("Truncated IDX file %s: it ends in its header".formatted(file), e);
    }
  }

  private static byte[] labels(Storage storage, URI file) throws IOException {
    try (DataInputStream in = open(storage, file)) {
      int count = header(in, file, LABELS);
      byte[] labels = in.readNBytes(count);
      if (labels.length != count) {
        throw new IOException(
            "Truncated IDX file %s: %s labels of %s".formatted(file, labels.length, count));
      }
      return labels;
    }
  }

  @Override
  public String description() {
    return "IDX " + root + " (" + part.name().toLowerCase(Locale.ROOT) + ")";
  }

  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    Files files = find(storage);
    if (classes != null) {
      return ClassList.read(storage, classes);
    }
    return numbered(labels(storage, files.labels()));
  }

  private static LabelSpace numbered(byte[] labels) {
    int largest = 0;
    for (byte label : labels) {
      largest = Math.max(largest, label & 0xFF);
    }
    return LabelSpace.of(IntStream.rangeClosed(0, largest).mapToObj(String::valueOf).toList());
  }

  /** The file of images is one split. */
  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    return List.of(new SourceSplit.FileGroup(List.of(find(storage).images())));
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    if (!(split instanceof SourceSplit.FileGroup group) || group.files().size() != 1) {
      throw new IllegalArgumentException("Invalid split of %s: %s".formatted(root, split));
    }
    Files files = files(storage, group.files().get(0));
    byte[] labels = labels(storage, files.labels());
    LabelSpace names = classes == null ? numbered(labels) : ClassList.read(storage, classes);
    DataInputStream in = open(storage, files.images().uri());
    try {
      return new Items(files, labels, names, in);
    } catch (IOException | RuntimeException e) {
      in.close();
      throw e;
    }
  }

  private static final class Items extends ImageFiles.AdvancingItems {
    private final Files files;
    private final byte[] labels;
    private final LabelSpace names;
    private final DataInputStream in;
    private final int rows;
    private final int columns;
    private final byte[] pixels;
    private int next;

    Items(Files files, byte[] labels, LabelSpace names, DataInputStream in) throws IOException {
      this.files = files;
      this.labels = labels;
      this.names = names;
      this.in = in;
      URI file = files.images().uri();
      int count = header(in, file, IMAGES);
      if (count != labels.length) {
        throw new IOException(
            "Cannot label %s: %s images, and %s labels in %s"
                .formatted(file, count, labels.length, files.labels()));
      }
      try {
        rows = in.readInt();
        columns = in.readInt();
      } catch (EOFException e) {
        throw new IOException("Truncated IDX file %s: it ends in its header".formatted(file), e);
      }
      if (rows <= 0 || columns <= 0 || rows > MAX_SIDE_PX || columns > MAX_SIDE_PX) {
        throw new IOException(
            "Damaged IDX file %s: images of %s x %s px".formatted(file, rows, columns));
      }
      pixels = new byte[rows * columns];
    }

    @Override
    SourceItem advance() throws IOException {
      if (next == labels.length) {
        return null;
      }
      if (in.readNBytes(pixels, 0, pixels.length) != pixels.length) {
        throw new IOException(
            "Truncated IDX file %s: it ends in image %s of %s"
                .formatted(files.images().uri(), next, labels.length));
      }
      int label = labels[next] & 0xFF;
      String key = "%s/%05d.png".formatted(files.folder(), next);
      next++;
      if (label >= names.size()) {
        return new SourceItem.Rejected(
            key,
            RejectReason.UNKNOWN_LABEL,
            "label %s (there are %s classes)".formatted(label, names.size()));
      }
      return new SourceItem.LabelledImage(
          key, names.name(label), PngWriter.grey(pixels, 0, columns, rows));
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof IdxSource source
        && root.equals(source.root)
        && part == source.part
        && Objects.equals(classes, source.classes);
  }

  @Override
  public int hashCode() {
    return Objects.hash(root, part, classes);
  }

  @Override
  public String toString() {
    return description();
  }
}
