package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;

/**
 * ImageNet-1k as Kaggle gives it, "ImageNet Object Localization Challenge".
 *
 * <pre>{@code
 * LOC_synset_mapping.txt        n01440764 tench, Tinca tinca
 * LOC_val_solution.csv          ImageId,PredictionString
 *                               ILSVRC2012_val_00048981,n03995372 85 1 499 272
 * ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_10026.JPEG
 * ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG
 * }</pre>
 *
 * <p>The location is the directory of these files, or the archive with {@code ILSVRC/} ({@code
 * imagenet_object_localization_patched2019.tar.gz}), beside which the two lists lie. A zip has to
 * be extracted: it cannot be read in parallel. The class of a validation image is the first synset
 * of its row; an image without row is rejected. Test images have no published labels and are not
 * read.
 *
 * <p>Classes are those of the mapping, in its order, which is the sorted one. Keys are {@code
 * n01440764/n01440764_10026.JPEG} and {@code ILSVRC2012_val_00000001.JPEG}, as from the other
 * layouts of ImageNet.
 *
 * @param root the directory, or the archive
 * @param part training images, or the validation images as test part
 */
public record ImageNetKaggleSource(URI root, CollectionPart part) implements DatasetSource {
  private static final String TRAIN = "ILSVRC/Data/CLS-LOC/train";
  private static final String VALIDATION = "ILSVRC/Data/CLS-LOC/val";
  private static final String SOLUTION = "LOC_val_solution.csv";
  private static final String MAPPING = "LOC_synset_mapping.txt";
  private static final String LAYOUT =
      "ILSVRC/Data/CLS-LOC/{train,val} of Kaggle's ImageNet Object Localization Challenge";
  private static final Pattern ROW = Pattern.compile("([^,]+),\\s*(n[0-9]{8})\\b.*");

  public ImageNetKaggleSource {
    requireNonNull(root, "root");
    requireNonNull(part, "part");
    if (root.getPath().toLowerCase(Locale.ROOT).endsWith(".zip")) {
      throw new IllegalArgumentException(
          "Cannot read %s: a zip (extract it, or take the .tar.gz)".formatted(root));
    }
  }

  private ImageFiles files() {
    return new ImageFiles(root, part == CollectionPart.TRAIN ? TRAIN : VALIDATION, LAYOUT);
  }

  private URI list(String name) {
    return Devkit.isArchive(root)
        ? new Path(new Path(root).getParent(), name).toUri()
        : Storage.resolve(root, name);
  }

  /** The rule for the paths below the part's folder. */
  private Labelling.Rule rule(Storage storage) throws IOException {
    if (part == CollectionPart.TRAIN) {
      return ImageNetKaggleSource::folder;
    }
    Map<String, String> classes = solution(storage);
    return path -> solved(path, classes);
  }

  private static Labelling folder(String path) {
    if (Labelling.isHidden(path)) {
      return Labelling.IGNORED;
    }
    int slash = path.indexOf('/');
    return slash < 0
        ? new Labelling.Unlabelled("not in a class folder")
        : new Labelling.InClass(path.substring(0, slash));
  }

  private static Labelling solved(String path, Map<String, String> classes) {
    if (Labelling.isHidden(path)) {
      return Labelling.IGNORED;
    }
    String name = path.substring(path.lastIndexOf('/') + 1);
    int dot = name.lastIndexOf('.');
    String synset = classes.get(dot < 0 ? name : name.substring(0, dot));
    return synset == null
        ? new Labelling.Unlabelled("not in " + SOLUTION)
        : new Labelling.InClass(synset);
  }

  private Map<String, String> solution(Storage storage) throws IOException {
    URI file = list(SOLUTION);
    Map<String, String> classes = new HashMap<>();
    List<String> lines = storage.readUtf8(file).lines().toList();
    for (int line = 0; line < lines.size(); line++) {
      Matcher row = ROW.matcher(lines.get(line));
      if (row.matches()) {
        classes.put(row.group(1).strip(), row.group(2));
      } else if (line > 0 && !lines.get(line).isBlank()) {
        throw new IOException(
            "Invalid solution %s, line %s: %s (must be ImageId,SYNSET ...)"
                .formatted(file, line + 1, lines.get(line)));
      }
    }
    if (classes.isEmpty()) {
      throw new IOException("Invalid solution %s: no rows ImageId,SYNSET ...".formatted(file));
    }
    return classes;
  }

  @Override
  public String description() {
    return "Kaggle's ImageNet " + root + (part == CollectionPart.TRAIN ? " (train)" : " (val)");
  }

  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    return ClassList.read(storage, list(MAPPING));
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    return files().splits(storage, rule(storage));
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    return files().open(split, storage, rule(storage));
  }
}
