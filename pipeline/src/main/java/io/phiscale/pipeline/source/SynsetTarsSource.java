package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * One tar per synset: ImageNet-21k, releases winter21 and fall11.
 *
 * <pre>{@code
 * winter21_whole/            or        fall11_whole.tar
 *   n00004475.tar                        n00004475.tar
 *     n00004475_6590.JPEG                  n00004475_6590.JPEG
 *   n00005787.tar                        n00005787.tar
 * }</pre>
 *
 * <p>The location is the directory of the tars, or an uncompressed tar of them. {@code
 * winter21_whole.tar.gz} can only be read from its beginning by one task: extract the outer archive
 * (not the inner tars). A synset's tar is one split, read where it lies.
 *
 * <p>Which synsets make which classes can be chosen: {@link #mapped} sends each to its nearest
 * ancestor among some, {@link #keeping} drops classes. Synsets that are of no class are not read
 * and are no rejects. Keys are {@code n00004475/n00004475_6590.JPEG} whatever the class, which is
 * the synset's id unless mapped. Class names are sorted.
 */
public final class SynsetTarsSource implements DatasetSource {
  private static final long serialVersionUID = 1L;

  private static final String LAYOUT =
      "a directory, or an uncompressed tar, of SYNSET.tar files, each with images";
  private static final String SUFFIX = ".tar";

  private final URI root;

  /** The class of each synset that is read; null: every synset is its own. */
  private final TreeMap<String, String> classOf;

  /** For people: what was chosen. */
  private final String choice;

  /** All synsets, each its own class. */
  public SynsetTarsSource(URI root) {
    this(root, null, "");
  }

  private SynsetTarsSource(URI root, Map<String, String> classOf, String choice) {
    this.root = requireNonNull(root, "root");
    this.classOf = classOf == null ? null : new TreeMap<>(classOf);
    this.choice = choice;
    String path = root.getPath().toLowerCase(Locale.ROOT);
    if (path.endsWith(".tar.gz") || path.endsWith(".tgz")) {
      throw new IllegalArgumentException(
          "Cannot read %s in parallel: it is compressed as a whole (extract it, without the tars"
                  .formatted(root)
              + " in it, and give the directory)");
    }
  }

  private boolean isTar() {
    return root.getPath().toLowerCase(Locale.ROOT).endsWith(SUFFIX);
  }

  /** All synset tars, of a class or not, and what is wrong beside them. */
  private List<SourceSplit> all(Storage storage) throws IOException {
    if (isTar()) {
      return new ImageNetTarSource(root).splits(storage);
    }
    List<SourceSplit> splits = new ArrayList<>();
    List<SourceItem.Rejected> rejected = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>();
    for (StoredFile file : storage.listRecursively(root)) {
      String path = Storage.relativePath(root, file.uri());
      String fileName = path.substring(path.lastIndexOf('/') + 1);
      if (Labelling.isHidden(path) || !fileName.endsWith(SUFFIX)) {
        continue; // Lists and notices lie beside the tars.
      }
      String name = fileName.substring(0, fileName.length() - SUFFIX.length());
      if (file.bytes() == 0) {
        rejected.add(new SourceItem.Rejected(path, RejectReason.EMPTY, "no bytes"));
      } else if (!names.add(name)) {
        rejected.add(
            new SourceItem.Rejected(
                path, RejectReason.DUPLICATE_KEY, "a second tar of synset " + name));
      } else {
        splits.add(new SourceSplit.TarRange(file.uri(), 0, file.bytes(), name));
      }
    }
    if (splits.isEmpty()) {
      throw new IOException("No images in %s: expected %s".formatted(root, LAYOUT));
    }
    if (!rejected.isEmpty()) {
      splits.add(new SourceSplit.AlreadyRejected(rejected));
    }
    return splits;
  }

  private Optional<String> classOf(String synset) {
    return classOf == null ? Optional.of(synset) : Optional.ofNullable(classOf.get(synset));
  }

  /** The synsets that have a tar. */
  public Set<String> synsets(Storage storage) throws IOException {
    Set<String> synsets = new TreeSet<>();
    for (SourceSplit split : all(storage)) {
      if (split instanceof SourceSplit.TarRange range) {
        synsets.add(range.directory());
      }
    }
    return synsets;
  }

  /**
   * The same collection with each synset's images in the class of its nearest ancestor (or itself)
   * among the targets; synsets that are no kind of any target are dropped.
   *
   * @throws IOException if no synset is a kind of any target
   */
  public SynsetTarsSource mapped(SynsetHierarchy hierarchy, Set<String> targets, Storage storage)
      throws IOException {
    Map<String, String> mapped = new HashMap<>();
    for (String synset : synsets(storage)) {
      hierarchy.nearest(synset, targets).ifPresent(target -> mapped.put(synset, target));
    }
    if (mapped.isEmpty()) {
      throw new IOException(
          "No synset of %s is a kind of any of the %s targets".formatted(root, targets.size()));
    }
    return new SynsetTarsSource(
        root, mapped, choice + ", mapped to %s ancestors".formatted(targets.size()));
  }

  /**
   * The same collection without the classes that have too few images.
   *
   * @param imagesPerClass of all splits, see {@link #images}
   * @param minImages fewer than these, and a class is dropped
   * @throws IOException if no class is left
   */
  public SynsetTarsSource keeping(Map<String, Long> imagesPerClass, long minImages, Storage storage)
      throws IOException {
    Map<String, String> kept = new HashMap<>();
    for (String synset : synsets(storage)) {
      classOf(synset)
          .filter(name -> imagesPerClass.getOrDefault(name, 0L) >= minImages)
          .ifPresent(name -> kept.put(synset, name));
    }
    if (kept.isEmpty()) {
      throw new IOException("No class of %s has %s images".formatted(root, minImages));
    }
    return new SynsetTarsSource(
        root, kept, choice + ", classes of at least %s images".formatted(minImages));
  }

  /**
   * The number of images of a split, by class: one entry, or none for what is no tar. Reads headers
   * only.
   */
  public Map<String, Long> images(SourceSplit split, Storage storage) throws IOException {
    if (!(split instanceof SourceSplit.TarRange range)) {
      return Map.of();
    }
    long images = 0;
    try (TarEntries entries = entries(range, storage)) {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        if (entry.kind() == TarEntry.Kind.FILE
            && entry.size() > 0
            && !Labelling.isHidden(ImageFiles.clean(entry.name()))) {
          images++;
        }
      }
    }
    return Map.of(classOf(range.directory()).orElseThrow(), images);
  }

  private TarEntries entries(SourceSplit.TarRange range, Storage storage) throws IOException {
    return isTar()
        ? TarEntries.ofRange(storage, range.tar(), range.start(), range.end())
        : TarEntries.of(storage, range.tar());
  }

  @Override
  public String description() {
    return "synset tars " + root + choice;
  }

  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    Set<String> names = new TreeSet<>();
    synsets(storage).forEach(synset -> classOf(synset).ifPresent(names::add));
    return LabelSpace.sorted(names);
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    return all(storage).stream()
        .filter(
            split ->
                !(split instanceof SourceSplit.TarRange range)
                    || classOf(range.directory()).isPresent())
        .toList();
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    if (split instanceof SourceSplit.AlreadyRejected rejected) {
      return new ImageNetTarSource.RejectedItems(rejected.items().iterator());
    }
    if (split instanceof SourceSplit.TarRange range
        && (range.tar().equals(root) || !isTar())
        && classOf(range.directory()).isPresent()) {
      return new ImageNetTarSource.InnerTarItems(
          entries(range, storage), range.directory(), classOf(range.directory()).get());
    }
    throw new IllegalArgumentException("Invalid split of %s: %s".formatted(root, split));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SynsetTarsSource source
        && root.equals(source.root)
        && Collections.unmodifiableMap(classOf == null ? new TreeMap<>() : classOf)
            .equals(source.classOf == null ? Map.of() : source.classOf)
        && choice.equals(source.choice);
  }

  @Override
  public int hashCode() {
    return 31 * root.hashCode() + choice.hashCode();
  }

  @Override
  public String toString() {
    return description();
  }
}
