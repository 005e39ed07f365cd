package io.phiscale.pipeline.source;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.TreeSet;

/**
 * The training images of ImageNet-1k as downloaded: a tar of one tar per synset.
 *
 * <pre>{@code
 * ILSVRC2012_img_train.tar
 *   n01440764.tar
 *     n01440764_10026.JPEG
 *     n01440764_10027.JPEG
 *   n01443537.tar
 *     n01443537_10007.JPEG
 * }</pre>
 *
 * <p>A split is one inner tar, read where it lies in the outer one: nothing is unpacked, and no
 * task reads more than its inner tars. Finding them reads the outer tar's headers only.
 *
 * <p>Keys are {@code n01440764/n01440764_10026.JPEG}, the same as from extracted class folders.
 * Class names are the inner tars' names without {@code .tar}, sorted. In the inner tars, names that
 * start with a dot are ignored; in the outer one, these and {@code README*} and {@code LICENSE*};
 * anything else there that is no tar is rejected.
 *
 * @param trainTar the outer tar, not compressed
 */
public record ImageNetTarSource(URI trainTar) implements DatasetSource {
  private static final String LAYOUT = "a tar of CLASS.tar files, each with images";
  private static final String SUFFIX = ".tar";

  public ImageNetTarSource {
    requireNonNull(trainTar, "trainTar");
  }

  /** What the outer tar holds. */
  private record Outer(List<SourceSplit.TarRange> classes, List<SourceItem.Rejected> rejected) {}

  private Outer walk(Storage storage) throws IOException {
    List<SourceSplit.TarRange> classes = new ArrayList<>();
    List<SourceItem.Rejected> rejected = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>();
    try (TarEntries entries = TarEntries.of(storage, trainTar)) {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        if (entry.kind() == TarEntry.Kind.DIRECTORY) {
          continue;
        }
        String path = ImageFiles.clean(entry.name());
        SourceItem.Rejected problem = ImageFiles.entryProblem(path, entry);
        if (problem != null) {
          rejected.add(problem);
          continue;
        }
        String fileName = path.substring(path.lastIndexOf('/') + 1);
        if (Labelling.isHidden(path) || Labelling.isNotice(fileName)) {
          continue;
        }
        if (!fileName.endsWith(SUFFIX) || fileName.length() == SUFFIX.length()) {
          rejected.add(
              new SourceItem.Rejected(
                  path, RejectReason.UNSUPPORTED_FORMAT, "not a tar of a class"));
        } else if (entry.size() == 0) {
          rejected.add(new SourceItem.Rejected(path, RejectReason.EMPTY, "no bytes"));
        } else {
          String name = fileName.substring(0, fileName.length() - SUFFIX.length());
          if (names.add(name)) {
            long start = entry.dataStart();
            classes.add(new SourceSplit.TarRange(trainTar, start, start + entry.size(), name));
          } else {
            rejected.add(
                new SourceItem.Rejected(
                    path, RejectReason.DUPLICATE_KEY, "a second tar of class " + name));
          }
        }
      }
    }
    if (classes.isEmpty()) {
      throw new IOException("No images in %s: expected %s".formatted(trainTar, LAYOUT));
    }
    return new Outer(classes, rejected);
  }

  @Override
  public String description() {
    return "tar of class tars " + trainTar;
  }

  @Override
  public LabelSpace labelSpace(Storage storage) throws IOException {
    return LabelSpace.sorted(
        walk(storage).classes().stream().map(SourceSplit.TarRange::directory).toList());
  }

  @Override
  public List<SourceSplit> splits(Storage storage) throws IOException {
    Outer outer = walk(storage);
    List<SourceSplit> splits = new ArrayList<>(outer.classes());
    if (!outer.rejected().isEmpty()) {
      splits.add(new SourceSplit.AlreadyRejected(outer.rejected()));
    }
    return splits;
  }

  @Override
  public SourceItems open(SourceSplit split, Storage storage) throws IOException {
    if (split instanceof SourceSplit.AlreadyRejected rejected) {
      return new RejectedItems(rejected.items().iterator());
    }
    if (split instanceof SourceSplit.TarRange range && range.tar().equals(trainTar)) {
      return new InnerTarItems(
          TarEntries.ofRange(storage, trainTar, range.start(), range.end()),
          range.directory(),
          range.directory());
    }
    throw new IllegalArgumentException("Invalid split of %s: %s".formatted(trainTar, split));
  }

  static final class RejectedItems extends ImageFiles.AdvancingItems {
    private final Iterator<SourceItem.Rejected> items;

    RejectedItems(Iterator<SourceItem.Rejected> items) {
      this.items = items;
    }

    @Override
    SourceItem advance() {
      return items.hasNext() ? items.next() : null;
    }

    @Override
    public void close() {}
  }

  /** The images of one class's tar: keys are {@code FOLDER/PATH}. */
  static final class InnerTarItems extends ImageFiles.AdvancingItems {
    private final TarEntries entries;
    private final String folder;
    private final String className;

    InnerTarItems(TarEntries entries, String folder, String className) {
      this.entries = entries;
      this.folder = folder;
      this.className = className;
    }

    @Override
    SourceItem advance() throws IOException {
      for (TarEntry entry = entries.next(); entry != null; entry = entries.next()) {
        String path = ImageFiles.clean(entry.name());
        String key = folder + "/" + path;
        SourceItem.Rejected problem = ImageFiles.entryProblem(key, entry);
        if (entry.kind() == TarEntry.Kind.DIRECTORY
            || (problem == null && Labelling.isHidden(path))) {
          continue;
        }
        if (problem == null) {
          problem = ImageFiles.sizeProblem(key, entry.size());
        }
        return problem != null
            ? problem
            : new SourceItem.LabelledImage(key, className, entries.content());
      }
      return null;
    }

    @Override
    public void close() throws IOException {
      entries.close();
    }
  }
}
