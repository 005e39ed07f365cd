package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * TFRecord files of {@code tf.Example}: ImageNet as the original EfficientNet recipe reads it
 * ({@code train-00000-of-01024}, {@code validation-00000-of-00128}), plain or gzip-compressed; no
 * TensorFlow.
 *
 * <pre>{@code
 * image/encoded        bytes   JPEG or PNG
 * image/class/label    int64   from 1 to 1000
 * image/class/synset   bytes   n01440764
 * image/filename       bytes   n01440764_10026.JPEG
 * }</pre>
 *
 * <p>The class is the synset where there is one, and otherwise what the label means: its place in
 * the list of classes, whose first has number 1, or without list the number. The names of
 * TensorFlow Datasets ({@code image}, {@code label} from 0, {@code file_name}) are understood too.
 *
 * <p>The location is a file, a directory (all files whose names hold {@code -of-} or end in {@code
 * .tfrecord}, {@code .tfrecords} or these with {@code .gz}), or a pattern: {@code
 * train-*-of-01024}. One file is one split. Keys are the file names in the records, or {@code
 * train-00000-of-01024/00042}, the place in the file from 0.
 *
 * <p>Records whose checksum is wrong, that are no example, or that lack image or label are
 * rejected; after a damaged length nothing can be found, which is an error.
 *
 * <p>Source: tensorflow/tpu, models/official/efficientnet/imagenet_input.py; tools/datasets/
 * imagenet_to_gcs.py.
 */
public final class TfRecordSource implements ScannedSource {
  private static final long serialVersionUID = 1L;

  private static final String LAYOUT =
      "TFRecord files of tf.Example (image/encoded with image/class/label or image/class/synset)";

  private final URI location;

  /** Null if there is none: an Optional is not serializable. */
  private final URI classes;

  /** Null: 1 for image/class/label, 0 for label. */
  private final Integer firstLabel;

  /**
   * TFRecord files.
   *
   * @param location file, directory or pattern
   * @param classes list of class names in label order, one a line
   * @param firstLabel the number of the first class; empty: 1 for {@code image/class/label}, 0 for
   *     {@code label}
   */
  public TfRecordSource(URI location, Optional<URI> classes, OptionalInt firstLabel) {
    this.location = requireNonNull(location, "location");
    this.classes = classes.orElse(null);
    this.firstLabel = firstLabel.isPresent() ? firstLabel.getAsInt() : null;
  }

  private static boolean isRecords(String name) {
    return name.contains("-of-") || name.matches("(?i).*\\.tfrecords?(\\.gz)?");
  }

  @Override
  public String description() {
    return "TFRecord " + FilePatterns.shown(location);
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    List<SourceSplit> splits = new ArrayList<>();
    for (StoredFile file :
        FilePatterns.expand(storage, location, TfRecordSource::isRecords, LAYOUT)) {
      splits.add(new SourceSplit.FileGroup(List.of(file)));
    }
    return splits;
  }

  @Override
  public Optional<LabelSpace> listedLabels(Storage storage) throws IOException {
    return NumberedClasses.read(storage, classes, 0).list();
  }

  @Override
  public Set<String> classNames(SourceSplit split, Storage storage) throws IOException {
    Set<String> names = new TreeSet<>();
    try (SourceItems items = open(split, storage)) {
      while (items.hasNext()) {
        if (items.next() instanceof SourceItem.LabelledImage image) {
          names.add(image.className());
        }
      }
    }
    return names;
  }

  @Override
  public LabelSpace labels(SortedSet<String> found) throws IOException {
    if (found.isEmpty()) {
      throw new IOException(
          "No labelled images in %s: expected %s".formatted(FilePatterns.shown(location), LAYOUT));
    }
    // Whether numbers start at 0 or 1 was decided record by record.
    return NumberedClasses.labels(
        found, firstLabel != null ? firstLabel : found.contains("0") ? 0 : 1);
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    if (!(split instanceof SourceSplit.FileGroup group) || group.files().size() != 1) {
      throw new IllegalArgumentException("Invalid split of %s: %s".formatted(location, split));
    }
    URI file = group.files().get(0).uri();
    Optional<LabelSpace> list = listedLabels(storage);
    return new Items(file, list, new TfRecords(file, storage.open(file)));
  }

  private final class Items extends ImageFiles.AdvancingItems {
    private final String fileName;
    private final Optional<LabelSpace> list;
    private final TfRecords records;
    private long next;

    Items(URI file, Optional<LabelSpace> list, TfRecords records) {
      this.fileName = file.getPath().substring(file.getPath().lastIndexOf('/') + 1);
      this.list = list;
      this.records = records;
    }

    @Override
    SourceItem advance() throws IOException {
      byte[] record = records.next();
      if (record == null) {
        return null;
      }
      String place = "%s/%05d".formatted(fileName, next++);
      if (!records.isIntact()) {
        return new SourceItem.Rejected(
            place, RejectReason.CHECKSUM_MISMATCH, "the record differs from its CRC-32C");
      }
      TfExample example;
      try {
        example = TfExample.parse(record);
      } catch (IllegalArgumentException e) {
        return new SourceItem.Rejected(place, RejectReason.UNREADABLE, e.getMessage());
      }
      return item(example, example.text("image/filename", "file_name").orElse(place));
    }

    private SourceItem item(TfExample example, String key) {
      byte[] image = example.bytes().getOrDefault("image/encoded", example.bytes().get("image"));
      if (image == null) {
        return new SourceItem.Rejected(
            key,
            RejectReason.UNSUPPORTED_FORMAT,
            "no feature image/encoded or image (there are %s)"
                .formatted(new TreeSet<>(example.bytes().keySet())));
      }
      SourceItem.Rejected size = ImageFiles.sizeProblem(key, image.length);
      if (size != null) {
        return size;
      }
      Optional<String> synset = example.text("image/class/synset");
      Long label = example.integers().get("image/class/label");
      int first = 1;
      if (label == null) {
        label = example.integers().get("label");
        first = 0;
      }
      if (synset.isEmpty() && label == null) {
        return new SourceItem.Rejected(
            key,
            RejectReason.UNKNOWN_LABEL,
            "no feature image/class/synset, image/class/label or label");
      }
      NumberedClasses numbered = new NumberedClasses(list, firstLabel != null ? firstLabel : first);
      Long number = label;
      Optional<String> className =
          synset.isPresent() ? numbered.named(synset.get()) : numbered.named(number);
      return className
          .<SourceItem>map(name -> new SourceItem.LabelledImage(key, name, image))
          .orElseGet(
              () ->
                  new SourceItem.Rejected(
                      key,
                      RejectReason.UNKNOWN_LABEL,
                      numbered.problem(synset.orElseGet(() -> String.valueOf(number)))));
    }

    @Override
    public void close() throws IOException {
      records.close();
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TfRecordSource source
        && location.equals(source.location)
        && Objects.equals(classes, source.classes)
        && Objects.equals(firstLabel, source.firstLabel);
  }

  @Override
  public int hashCode() {
    return Objects.hash(location, classes, firstLabel);
  }

  @Override
  public String toString() {
    return description();
  }
}
