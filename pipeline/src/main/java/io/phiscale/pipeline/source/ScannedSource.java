package io.phiscale.pipeline.source;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * A collection whose classes stand in its records, not in names of files: without a list of classes
 * all splits have to be looked through, which a job does in parallel by {@link #classNames}.
 */
public interface ScannedSource extends DatasetSource {
  /**
   * The classes, where they are known without looking through the splits.
   *
   * @throws IOException if the list of classes cannot be read
   */
  Optional<LabelSpace> listedLabels(Storage storage) throws IOException;

  /**
   * The classes that occur in a split.
   *
   * @throws IOException if it cannot be read; names the URI
   */
  Set<String> classNames(SourceSplit split, Storage storage) throws IOException;

  /**
   * The label space of what was found in all splits: sorted names, or if all are numbers all
   * numbers up to the largest.
   *
   * @throws IOException if nothing was found; names the URI and the expected layout
   */
  LabelSpace labels(SortedSet<String> found) throws IOException;

  @Override
  default LabelSpace labelSpace(Storage storage) throws IOException {
    Optional<LabelSpace> listed = listedLabels(storage);
    if (listed.isPresent()) {
      return listed.get();
    }
    SortedSet<String> found = new TreeSet<>();
    for (SourceSplit split : splits(storage)) {
      found.addAll(classNames(split, storage));
    }
    return labels(found);
  }
}
