package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.jobs.shard.CheckedItem.Refused;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.shard.SoftTargets;
import io.phiscale.pipeline.source.DatasetSource;
import io.phiscale.pipeline.source.SourceItem;
import io.phiscale.pipeline.source.SourceItems;
import io.phiscale.pipeline.source.SourceSplit;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.OptionalInt;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.util.TaskCompletionListener;
import scala.Tuple2;

/**
 * Reads the splits of a source, decodes every image once to know that it can be, and places it in
 * the shuffle.
 */
final class CheckImages
    implements PairFlatMapFunction<Iterator<CheckImages.Assignment>, Placement, CheckedItem> {
  private static final long serialVersionUID = 1L;

  private final Storage storage;
  private final LabelSpace labels;
  private final ShardLayout layout;
  private final DataSection data;

  /** A split of a source and the split of the data set its images go to. */
  record Assignment(DatasetSource source, SourceSplit part, String split) implements Serializable {}

  CheckImages(Storage storage, LabelSpace labels, ShardLayout layout, DataSection data) {
    this.storage = storage;
    this.labels = labels;
    this.layout = layout;
    this.data = data;
  }

  @Override
  public Iterator<Tuple2<Placement, CheckedItem>> call(Iterator<Assignment> assignments) {
    return new Checking(assignments);
  }

  /** Lazy, so that a task holds one image at a time. */
  private final class Checking implements Iterator<Tuple2<Placement, CheckedItem>> {
    private final Iterator<Assignment> assignments;
    private final ImageCheck images = new ImageCheck(data);
    private Assignment current;
    private SourceItems items;

    Checking(Iterator<Assignment> assignments) {
      this.assignments = assignments;
      TaskContext.get().addTaskCompletionListener((TaskCompletionListener) context -> close());
    }

    private void close() {
      images.close();
      closeItems();
    }

    private void closeItems() {
      if (items != null) {
        try {
          items.close();
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
        items = null;
      }
    }

    @Override
    public boolean hasNext() {
      while (items == null || !items.hasNext()) {
        closeItems();
        if (!assignments.hasNext()) {
          return false;
        }
        current = assignments.next();
        try {
          items = current.source().open(current.part(), storage);
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
      }
      return true;
    }

    @Override
    public Tuple2<Placement, CheckedItem> next() {
      if (!hasNext()) {
        throw new NoSuchElementException("no more items");
      }
      SourceItem item = items.next();
      String split = layout.splitOf(current.split(), item.key());
      CheckedItem checked = check(item, split);
      Placement placement =
          checked instanceof Accepted
              ? layout.place(split, item.key())
              : layout.placeRefused(item.key());
      return new Tuple2<>(placement, checked);
    }

    private CheckedItem check(SourceItem item, String split) {
      if (item instanceof SourceItem.Rejected rejected) {
        return new Refused(rejected.key(), split, rejected.reason(), rejected.detail());
      }
      SourceItem.LabelledImage image = (SourceItem.LabelledImage) item;
      OptionalInt label = labels.indexOf(image.className());
      if (label.isEmpty()) {
        return new Refused(
            image.key(),
            split,
            RejectReason.UNKNOWN_LABEL,
            String.format("class %s is not among the training classes", image.className()));
      }
      return images.check(image.key(), image.bytes(), split, SoftTargets.of(label.getAsInt()));
    }
  }
}
