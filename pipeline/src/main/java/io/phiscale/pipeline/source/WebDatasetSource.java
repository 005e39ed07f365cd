package io.phiscale.pipeline.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.Closeable;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * WebDataset shards: tars in which the files of a sample follow each other, with one name up to the
 * first dot.
 *
 * <pre>{@code
 * train-000000.tar
 *   n01440764/10026.cls     7
 *   n01440764/10026.jpg
 *   n01440764/10027.json    {"label": 7}
 *   n01440764/10027.jpg
 * }</pre>
 *
 * <p>The location is a tar, a directory of tars, or a pattern: {@code train-{000000..000146}.tar},
 * {@code train-*.tar}; {@code .tar.gz} and {@code .tgz} are read too. One tar is one split.
 *
 * <p>The image is the first of {@code .jpg .jpeg .png .webp .bmp .gif}. The label is a field of
 * {@code .json}, or if none is named what {@code .cls} holds, and if there is none the json's
 * {@code label} or {@code cls}. It is a number, or a class name. Without list of classes, names are
 * sorted, and numbers are labels. Other files of a sample are ignored, as are files whose names
 * begin with {@code __NAME__}, and those without a dot.
 *
 * <p>Keys are the samples' with the image's extension, {@code n01440764/10026.jpg}, or if the json
 * has a text {@code key}, that: {@code phiscale dataset export} writes it.
 *
 * <p>Rejected: a sample without image or label, or with two files of one extension. Samples are
 * grouped as {@code group_by_keys} does (webdataset/webdataset, tariterators.py@e0953f9).
 */
public final class WebDatasetSource implements ScannedSource {
  private static final long serialVersionUID = 1L;

  private static final String LAYOUT = ".tar files of samples (KEY.jpg with KEY.cls or KEY.json)";
  private static final List<String> IMAGES = List.of("jpg", "jpeg", "png", "webp", "bmp", "gif");
  private static final Pattern NAME = Pattern.compile("((?:.*/|)[^.]+)[.]([^/]*)");
  private static final Pattern META = Pattern.compile("__[^/]*__(?:$|/.*)");
  private static final int MAX_LABEL_BYTES = 1 << 20;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final URI location;

  /** Null if there is none: an Optional is not serializable. */
  private final URI classes;

  private final String labelField;
  private final int firstLabel;

  /**
   * WebDataset shards.
   *
   * @param location tar, directory or pattern
   * @param classes list of class names in label order, one a line
   * @param labelField the field of {@code .json} with the label, nested ones after a dot; empty:
   *     {@code .cls} before the json's {@code label} and {@code cls}
   * @param firstLabel the number of the first class
   */
  public WebDatasetSource(URI location, Optional<URI> classes, String labelField, int firstLabel) {
    this.location = requireNonNull(location, "location");
    this.classes = classes.orElse(null);
    this.labelField = requireNonNull(labelField, "labelField");
    this.firstLabel = firstLabel;
  }

  @Override
  public String description() {
    return "WebDataset " + FilePatterns.shown(location);
  }

  private static boolean isTar(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".tar") || isCompressed(lower);
  }

  private static boolean isCompressed(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".tar.gz") || lower.endsWith(".tgz");
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    List<SourceSplit> splits = new ArrayList<>();
    for (StoredFile file :
        FilePatterns.expand(storage, location, WebDatasetSource::isTar, LAYOUT)) {
      if (isCompressed(file.uri().getPath())) {
        splits.add(new SourceSplit.CompressedTar(file.uri(), file.bytes()));
      } else if (file.bytes() == 0) {
        throw new IOException("Not a tar: %s (no bytes)".formatted(file.uri()));
      } else {
        splits.add(new SourceSplit.TarRange(file.uri(), 0, file.bytes(), ""));
      }
    }
    return splits;
  }

  private static TarEntries entries(SourceSplit split, Storage storage) throws IOException {
    if (split instanceof SourceSplit.TarRange range) {
      return TarEntries.of(storage, range.tar());
    }
    if (split instanceof SourceSplit.CompressedTar tar) {
      return TarEntries.ofGzip(storage, tar.tar());
    }
    throw new IllegalArgumentException("Invalid split of WebDataset shards: " + split);
  }

  @Override
  public Optional<LabelSpace> listedLabels(Storage storage) throws IOException {
    return NumberedClasses.read(storage, classes, firstLabel).list();
  }

  @Override
  public Set<String> classNames(SourceSplit split, Storage storage) throws IOException {
    Set<String> names = new TreeSet<>();
    NumberedClasses numbered = NumberedClasses.read(storage, classes, firstLabel);
    try (Samples samples = new Samples(entries(split, storage), Contents.LABELS)) {
      for (Sample sample = samples.next(); sample != null; sample = samples.next()) {
        if (label(sample, numbered) instanceof Labelling.InClass inClass) {
          names.add(inClass.className());
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
    return NumberedClasses.labels(found, firstLabel);
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    NumberedClasses numbered = NumberedClasses.read(storage, classes, firstLabel);
    return new Items(new Samples(entries(split, storage), Contents.IMAGES_AND_LABELS), numbered);
  }

  private Labelling label(Sample sample, NumberedClasses numbered) {
    JsonNode json = sample.json();
    if (!labelField.isEmpty()) {
      JsonNode value = json == null ? null : json.at("/" + labelField.replace('.', '/'));
      return value == null || value.isMissingNode()
          ? new Labelling.Unlabelled("its .json has no " + labelField)
          : label(value, numbered);
    }
    byte[] cls = sample.files.get("cls");
    if (cls != null) {
      String text = new String(cls, UTF_8).strip();
      return numbered
          .named(text)
          .<Labelling>map(Labelling.InClass::new)
          .orElseGet(() -> new Labelling.Unlabelled(numbered.problem(text)));
    }
    for (String field : List.of("label", "cls")) {
      if (json != null && json.has(field)) {
        return label(json.get(field), numbered);
      }
    }
    return new Labelling.Unlabelled("no .cls, and no .json with label or cls");
  }

  private static Labelling label(JsonNode value, NumberedClasses numbered) {
    Optional<String> name =
        value.isIntegralNumber() && value.canConvertToLong()
            ? numbered.named(value.longValue())
            : value.isTextual() ? numbered.named(value.textValue()) : Optional.empty();
    return name.<Labelling>map(Labelling.InClass::new)
        .orElseGet(() -> new Labelling.Unlabelled(numbered.problem(value.toString())));
  }

  private enum Contents {
    LABELS,
    IMAGES_AND_LABELS
  }

  /** The files of one key, by extension in lower case. */
  private static final class Sample {
    private final String key;
    private final TreeMap<String, byte[]> files = new TreeMap<>();
    private SourceItem.Rejected problem;

    Sample(String key) {
      this.key = key;
    }

    /** The json, or null if there is none that can be read. */
    JsonNode json() {
      byte[] text = files.get("json");
      try {
        return text == null ? null : JSON.readTree(text);
      } catch (JsonProcessingException e) {
        return null;
      } catch (IOException e) {
        throw new IllegalStateException("Reading from memory cannot fail", e);
      }
    }
  }

  /** Groups the entries of a tar. */
  private static final class Samples implements Closeable {
    private final TarEntries entries;
    private final Contents contents;
    private Sample held;
    private boolean ended;

    Samples(TarEntries entries, Contents contents) {
      this.entries = entries;
      this.contents = contents;
    }

    /** The next sample, or null after the last. */
    Sample next() throws IOException {
      if (ended) {
        return null;
      }
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        if (entry.kind() == TarEntry.Kind.DIRECTORY || META.matcher(entry.name()).matches()) {
          continue;
        }
        SourceItem.Rejected problem =
            ImageFiles.entryProblem(ImageFiles.clean(entry.name()), entry);
        Matcher name = NAME.matcher(ImageFiles.clean(entry.name()));
        if (problem == null && !name.matches()) {
          continue;
        }
        Sample done = null;
        String key = problem == null ? name.group(1) : entry.name();
        if (held == null || problem != null || !held.key.equals(key)) {
          done = held;
          held = new Sample(key);
          held.problem = problem;
        }
        if (problem == null) {
          add(name.group(2).toLowerCase(Locale.ROOT), entry);
        }
        if (done != null) {
          return done;
        }
      }
      ended = true;
      return held;
    }

    private void add(String extension, TarEntry entry) throws IOException {
      boolean image = IMAGES.contains(extension);
      boolean label = extension.equals("cls") || extension.equals("json");
      if (!image && !label) {
        return;
      }
      String key = held.key + "." + extension;
      if (held.files.containsKey(extension)) {
        held.problem =
            new SourceItem.Rejected(
                key, RejectReason.DUPLICATE_KEY, "a second file of this name in one sample");
      } else if (image && contents == Contents.LABELS) {
        held.files.put(extension, new byte[0]);
      } else {
        SourceItem.Rejected problem = ImageFiles.sizeProblem(key, entry.size());
        if (problem == null && label && entry.size() > MAX_LABEL_BYTES) {
          problem =
              new SourceItem.Rejected(
                  key,
                  RejectReason.TOO_LARGE,
                  "%s bytes (at most %s)".formatted(entry.size(), MAX_LABEL_BYTES));
        }
        if (problem != null) {
          held.problem = problem;
        }
        held.files.put(extension, problem == null ? entries.content() : new byte[0]);
      }
    }

    @Override
    public void close() throws IOException {
      entries.close();
    }
  }

  private final class Items extends ImageFiles.AdvancingItems {
    private final Samples samples;
    private final NumberedClasses numbered;

    Items(Samples samples, NumberedClasses numbered) {
      this.samples = samples;
      this.numbered = numbered;
    }

    @Override
    SourceItem advance() throws IOException {
      Sample sample = samples.next();
      if (sample == null) {
        return null;
      }
      if (sample.problem != null) {
        return sample.problem;
      }
      Optional<String> extension = IMAGES.stream().filter(sample.files::containsKey).findFirst();
      if (extension.isEmpty()) {
        return new SourceItem.Rejected(
            sample.key,
            RejectReason.UNSUPPORTED_FORMAT,
            "no image among its files (.%s)".formatted(String.join(", .", IMAGES)));
      }
      JsonNode json = sample.json();
      String key =
          json != null && json.path("key").isTextual() && !json.path("key").textValue().isBlank()
              ? json.path("key").textValue()
              : sample.key + "." + extension.get();
      Labelling labelling = label(sample, numbered);
      return labelling instanceof Labelling.InClass inClass
          ? new SourceItem.LabelledImage(
              key, inClass.className(), sample.files.get(extension.get()))
          : new SourceItem.Rejected(
              key, RejectReason.UNKNOWN_LABEL, ((Labelling.Unlabelled) labelling).detail());
    }

    @Override
    public void close() throws IOException {
      samples.close();
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof WebDatasetSource source
        && location.equals(source.location)
        && Objects.equals(classes, source.classes)
        && labelField.equals(source.labelField)
        && firstLabel == source.firstLabel;
  }

  @Override
  public int hashCode() {
    return Objects.hash(location, classes, labelField, firstLabel);
  }

  @Override
  public String toString() {
    return description();
  }
}
