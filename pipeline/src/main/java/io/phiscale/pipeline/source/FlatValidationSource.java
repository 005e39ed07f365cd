package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The validation images of ImageNet-1k as downloaded: numbered files without classes, and a list
 * with the class of each.
 *
 * <pre>{@code
 * ILSVRC2012_img_val.tar (or a directory)        ILSVRC2012_validation_ground_truth.txt
 *   ILSVRC2012_val_00000001.JPEG                   490
 *   ILSVRC2012_val_00000002.JPEG                   361
 *   ...                                            ...
 * }</pre>
 *
 * <p>Line <i>n</i> of the ground truth is the class of the image whose name ends with number
 * <i>n</i>. There are as many lines as images. A line is either a class name ({@code n01751748})
 * or, as in the development kit, an ILSVRC id from 1. Ids need the synset list: its line <i>i</i>
 * starts with the synset of ILSVRC id <i>i</i>, and what follows on the line, if anything, is the
 * class's human name:
 *
 * <pre>{@code
 * n02119789 kit fox, Vulpes macrotis
 * n02100735 English setter
 * }</pre>
 *
 * <p>In place of the two lists, {@code ILSVRC2012_devkit_t12.tar.gz} can be given as it is
 * downloaded, or {@code meta.mat} in place of the synset list.
 *
 * <p>That list is the order of the development kit's {@code meta.mat} (1000 lines: those of the
 * classes that have images). It is not {@code LOC_synset_mapping.txt}, whose order is the sorted
 * one. The two orders are different on purpose: ids are only used to find the synset, while labels
 * are the places in the <em>sorted</em> synsets, as everywhere. {@link #ilsvrcIds} gives the
 * mapping between the two.
 *
 * <p>The images are a directory, a {@code .tar}, a {@code .tar.gz} or a {@code .tgz}; folders in it
 * do not matter. Ignored: names that start with a dot, {@code README*} and {@code LICENSE*}. Keys
 * are the paths: {@code ILSVRC2012_val_00000001.JPEG}.
 */
public final class FlatValidationSource implements DatasetSource {
  private static final long serialVersionUID = 1L;

  private static final String LAYOUT = "files named ANYTHING_NUMBER.EXTENSION, numbered from 1";
  private static final Pattern NUMBERED = Pattern.compile("(?:.*_)?([0-9]{1,9})\\.[A-Za-z]+");

  private final URI images;
  private final URI groundTruth;

  /** Null if there is none: an Optional is not serializable. */
  private final URI synsetList;

  /**
   * Numbered validation images.
   *
   * @param images directory or archive
   * @param groundTruth list of class names or ILSVRC ids; or the development kit as downloaded,
   *     which has the synsets too
   * @param synsetList synsets by ILSVRC id, a text, {@code meta.mat} or the development kit; needed
   *     for ids, and otherwise what class names are checked against
   */
  public FlatValidationSource(URI images, URI groundTruth, Optional<URI> synsetList) {
    this.images = requireNonNull(images, "images");
    this.groundTruth = requireNonNull(groundTruth, "groundTruth");
    this.synsetList = synsetList.orElse(Devkit.isArchive(groundTruth) ? groundTruth : null);
  }

  /** Directory or archive of the images. */
  public URI images() {
    return images;
  }

  /** List of class names or ILSVRC ids. */
  public URI groundTruth() {
    return groundTruth;
  }

  /** Synsets by ILSVRC id. */
  public Optional<URI> synsetList() {
    return Optional.ofNullable(synsetList);
  }

  private ImageFiles files() {
    return new ImageFiles(images, "", LAYOUT);
  }

  @Override
  public String description() {
    return files().description("numbered images")
        + " with ground truth "
        + groundTruth
        + (synsetList == null ? "" : " and synset list " + synsetList);
  }

  /** The synsets of the list in the order of ILSVRC ids, with human names. */
  private LabelSpace synsetsById(Storage storage) throws IOException {
    if (Devkit.hasMeta(synsetList)) {
      return Devkit.synsets(storage, synsetList);
    }
    List<String> synsets = new ArrayList<>();
    Map<String, String> humanNames = new HashMap<>();
    for (String line : lines(synsetList, storage.readUtf8(synsetList))) {
      String[] parts = line.split("\\s+", 2);
      synsets.add(parts[0]);
      if (parts.length > 1) {
        humanNames.put(parts[0], parts[1]);
      }
    }
    try {
      return new LabelSpace(synsets, humanNames);
    } catch (IllegalArgumentException e) {
      throw new IOException("Invalid synset list %s: %s".formatted(synsetList, e.getMessage()), e);
    }
  }

  /** The class of each image; the one with number <i>n</i> at index <i>n</i> - 1. */
  private List<String> classNames(Storage storage) throws IOException {
    List<String> lines = lines(groundTruth, Devkit.groundTruth(storage, groundTruth));
    boolean ids = lines.stream().allMatch(line -> line.matches("[0-9]{1,9}"));
    if (ids && synsetList == null) {
      throw new IOException(
          "Cannot read %s: it holds ILSVRC ids, which need the synset list".formatted(groundTruth));
    }
    if (synsetList == null) {
      return lines;
    }
    LabelSpace synsets = synsetsById(storage);
    List<String> names = new ArrayList<>(lines.size());
    for (int line = 0; line < lines.size(); line++) {
      String text = lines.get(line);
      int id = ids ? Integer.parseInt(text) : 0;
      if (ids ? id < 1 || id > synsets.size() : synsets.indexOf(text).isEmpty()) {
        throw new IOException(
            "Invalid ground truth %s, line %s: %s is not in the %s lines of %s"
                .formatted(groundTruth, line + 1, text, synsets.size(), synsetList));
      }
      names.add(ids ? synsets.name(id - 1) : text);
    }
    return names;
  }

  private static List<String> lines(URI file, String text) throws IOException {
    List<String> lines = text.strip().lines().map(String::strip).toList();
    int blank = lines.indexOf("");
    if (blank >= 0) {
      throw new IOException("Invalid list %s, line %s: blank".formatted(file, blank + 1));
    }
    return lines;
  }

  /** The number at the end of a file's name; 0 if there is none. */
  private static int number(String path) {
    Matcher name = NUMBERED.matcher(path.substring(path.lastIndexOf('/') + 1));
    return name.matches() ? Integer.parseInt(name.group(1)) : 0;
  }

  private static Labelling label(String path, List<String> classNames) {
    if (Labelling.isHidden(path) || Labelling.isNotice(path.substring(path.lastIndexOf('/') + 1))) {
      return Labelling.IGNORED;
    }
    int number = number(path);
    return number >= 1 && number <= classNames.size()
        ? new Labelling.InClass(classNames.get(number - 1))
        : new Labelling.Unlabelled(
            "no number from 1 to %s in its name".formatted(classNames.size()));
  }

  /**
   * The ILSVRC id (from 1) of each class, by label, where a synset list was given.
   *
   * @return empty without synset list
   */
  public List<Integer> ilsvrcIds(Storage storage) throws IOException {
    if (synsetList == null) {
      return List.of();
    }
    return labelSpace(storage).ilsvrcIds();
  }

  /**
   * {@inheritDoc}
   *
   * <p>The classes are those of the synset list, or without one those in the ground truth.
   */
  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    List<String> classNames = classNames(storage);
    requireOneImagePerLine(storage, classNames);
    if (synsetList == null) {
      return LabelSpace.sorted(classNames);
    }
    LabelSpace byId = synsetsById(storage);
    List<String> sorted = LabelSpace.sorted(byId.names()).names();
    return new LabelSpace(sorted, byId.humanNames())
        .withIlsvrcIds(sorted.stream().map(name -> byId.indexOf(name).orElseThrow() + 1).toList());
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    List<String> classNames = classNames(storage);
    requireOneImagePerLine(storage, classNames);
    return files().splits(storage, path -> label(path, classNames));
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    List<String> classNames = classNames(storage);
    return files().open(split, storage, path -> label(path, classNames));
  }

  private void requireOneImagePerLine(Storage storage, List<String> classNames) throws IOException {
    BitSet seen = new BitSet(classNames.size());
    int[] count = {0};
    int[] largest = {0};
    files()
        .visit(
            storage,
            path -> label(path, classNames),
            (path, labelling) -> {
              int number = number(path);
              if (number == 0) {
                return; // Rejected where it is read.
              }
              count[0]++;
              largest[0] = Math.max(largest[0], number);
              if (number > classNames.size()) {
                return; // Refused below, where the counts are known.
              }
              if (seen.get(number)) {
                throw new IOException(
                    "Invalid images %s: a second one has number %s (%s)"
                        .formatted(images, number, path));
              }
              seen.set(number);
            });
    if (count[0] == 0) {
      throw files().noImages();
    }
    if (count[0] != classNames.size()) {
      throw new IOException(
          "Cannot label %s: %s images, and %s lines in %s"
              .formatted(images, count[0], classNames.size(), groundTruth));
    }
    if (largest[0] > classNames.size()) {
      throw new IOException(
          "Cannot label %s: numbers up to %s, and %s lines in %s"
              .formatted(images, largest[0], classNames.size(), groundTruth));
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FlatValidationSource source
        && images.equals(source.images)
        && groundTruth.equals(source.groundTruth)
        && Objects.equals(synsetList, source.synsetList);
  }

  @Override
  public int hashCode() {
    return Objects.hash(images, groundTruth, synsetList);
  }

  @Override
  public String toString() {
    return description();
  }
}
