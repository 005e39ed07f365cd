package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Files whose names start with their class, up to the first underscore.
 *
 * <pre>{@code
 * imagenet-samples/
 *   n01440764_tench.JPEG
 *   n01484850_great_white_shark.JPEG
 * }</pre>
 *
 * <p>The tree is a directory, a {@code .tar}, a {@code .tar.gz} or a {@code .tgz}; folders in it do
 * not matter. Ignored: names that start with a dot, {@code README*} and {@code LICENSE*}. A name
 * without a class and an underscore is rejected.
 *
 * <p>Keys are the paths. Class names are sorted. What follows the underscore, without extension and
 * with blanks for underscores, is the class's human name ("great white shark") if all files of the
 * class agree on it and it is not a number.
 *
 * @param root the directory or archive
 */
public record NamePrefixSource(URI root) implements DatasetSource {
  private static final String LAYOUT = "CLASS_ANYTHING.EXTENSION files";

  public NamePrefixSource {
    requireNonNull(root, "root");
  }

  private ImageFiles files() {
    return new ImageFiles(root, "", LAYOUT);
  }

  private static Labelling label(String path) {
    String fileName = path.substring(path.lastIndexOf('/') + 1);
    if (Labelling.isHidden(path) || Labelling.isNotice(fileName)) {
      return Labelling.IGNORED;
    }
    int underscore = fileName.indexOf('_');
    return underscore > 0
        ? new Labelling.InClass(fileName.substring(0, underscore))
        : new Labelling.Unlabelled("no class before an underscore in its name");
  }

  private static String rest(String path) {
    String fileName = path.substring(path.lastIndexOf('/') + 1);
    String rest = fileName.substring(fileName.indexOf('_') + 1);
    int dot = rest.lastIndexOf('.');
    return (dot < 0 ? rest : rest.substring(0, dot)).replace('_', ' ').strip();
  }

  @Override
  public String description() {
    return files().description("name prefixes");
  }

  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    TreeSet<String> classes = new TreeSet<>();
    Map<String, String> humanNames = new TreeMap<>();
    files()
        .visit(
            storage,
            NamePrefixSource::label,
            (path, labelling) -> {
              if (labelling instanceof Labelling.InClass inClass) {
                String name = inClass.className();
                String rest = rest(path);
                if (classes.add(name)) {
                  humanNames.put(name, rest);
                } else if (!rest.equals(humanNames.get(name))) {
                  humanNames.put(name, "");
                }
              }
            });
    if (classes.isEmpty()) {
      throw files().noImages();
    }
    humanNames.values().removeIf(name -> name.chars().noneMatch(Character::isLetter));
    return new LabelSpace(List.copyOf(classes), humanNames);
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    return files().splits(storage, NamePrefixSource::label);
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    return files().open(split, storage, NamePrefixSource::label);
  }
}
