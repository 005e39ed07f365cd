package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.TreeSet;

/**
 * One folder per class: extracted ImageNet, and what PyTorch calls {@code ImageFolder}.
 *
 * <pre>{@code
 * train/
 *   n01440764/
 *     n01440764_10026.JPEG
 *     n01440764_10027.JPEG
 *   n01443537/
 *     more/n01443537_10007.png
 * }</pre>
 *
 * <p>The tree is a directory, a {@code .tar}, a {@code .tar.gz} or a {@code .tgz}. Where the class
 * folders are not at its top, as in {@code cifar10/train/airplane/0000.jpg}, the prefix ({@code
 * cifar10/train}) selects the folder they are in.
 *
 * <p>Every regular file at any depth below a class folder is an image of that class, whatever its
 * name. Ignored: names that start with a dot, and at the top or directly in a class folder {@code
 * README*} and {@code LICENSE*}; at the top also names that start with {@code _}. Any other file at
 * the top is rejected, for it has no class. Empty class folders are no classes.
 *
 * <p>Keys are the paths below the prefix: {@code n01440764/n01440764_10026.JPEG}. Class names are
 * the folders' names, sorted.
 *
 * @param root the directory or archive
 * @param prefix without slashes at its ends; empty if class folders are at the top
 */
public record ClassFolderSource(URI root, String prefix) implements DatasetSource {
  private static final String LAYOUT = "CLASS/IMAGE files, one folder per class";

  public ClassFolderSource {
    requireNonNull(root, "root");
    files(root, prefix);
  }

  /** Class folders at the top of a directory or archive. */
  public ClassFolderSource(URI root) {
    this(root, "");
  }

  private static ImageFiles files(URI root, String prefix) {
    return new ImageFiles(root, prefix, LAYOUT);
  }

  private static Labelling label(String path) {
    String fileName = path.substring(path.lastIndexOf('/') + 1);
    int slash = path.indexOf('/');
    boolean deep = slash >= 0 && path.indexOf('/', slash + 1) >= 0;
    if (Labelling.isHidden(path) || (!deep && Labelling.isNotice(fileName))) {
      return Labelling.IGNORED;
    }
    if (slash >= 0) {
      return new Labelling.InClass(path.substring(0, slash));
    }
    return path.startsWith("_")
        ? Labelling.IGNORED
        : new Labelling.Unlabelled("not in a class folder");
  }

  @Override
  public String description() {
    return files(root, prefix).description("class folders");
  }

  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    TreeSet<String> classes = new TreeSet<>();
    ImageFiles files = files(root, prefix);
    files.visit(
        storage,
        ClassFolderSource::label,
        (path, labelling) -> {
          if (labelling instanceof Labelling.InClass inClass) {
            classes.add(inClass.className());
          }
        });
    if (classes.isEmpty()) {
      throw files.noImages();
    }
    return LabelSpace.sorted(classes);
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    return files(root, prefix).splits(storage, ClassFolderSource::label);
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    return files(root, prefix).open(split, storage, ClassFolderSource::label);
  }
}
