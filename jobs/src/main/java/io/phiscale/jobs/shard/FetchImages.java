package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection;
import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.jobs.shard.CheckedItem.Refused;
import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.shard.SoftTargets;
import io.phiscale.pipeline.source.SourceItem;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.OptionalInt;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.util.TaskCompletionListener;
import scala.Tuple2;

/**
 * Reads the images that rows of a table name, decodes each once to know that it can be, and places
 * it in the shuffle. An image that is not there is rejected as missing; any other failure of the
 * storage ends the task.
 */
final class FetchImages implements PairFlatMapFunction<Iterator<Row>, Placement, CheckedItem> {
  private static final long serialVersionUID = 1L;

  private final Storage storage;
  private final TagClasses tags;
  private final LabelSpace labels;
  private final ShardLayout layout;
  private final String split;
  private final DataSection data;

  FetchImages(
      Storage storage,
      TagClasses tags,
      LabelSpace labels,
      ShardLayout layout,
      String split,
      DataSection data) {
    this.storage = storage;
    this.tags = tags;
    this.labels = labels;
    this.layout = layout;
    this.split = split;
    this.data = data;
  }

  @Override
  public Iterator<Tuple2<Placement, CheckedItem>> call(Iterator<Row> rows) {
    return new Fetching(rows);
  }

  /** Lazy, so that a task holds one image at a time. */
  private final class Fetching implements Iterator<Tuple2<Placement, CheckedItem>> {
    private final Iterator<Row> rows;
    private final ImageCheck images = new ImageCheck(data);
    private Tuple2<Placement, CheckedItem> ahead;

    Fetching(Iterator<Row> rows) {
      this.rows = rows;
      TaskContext.get()
          .addTaskCompletionListener((TaskCompletionListener) context -> images.close());
    }

    @Override
    public boolean hasNext() {
      while (ahead == null && rows.hasNext()) {
        ahead = item(rows.next());
      }
      return ahead != null;
    }

    @Override
    public Tuple2<Placement, CheckedItem> next() {
      if (!hasNext()) {
        throw new NoSuchElementException("no more rows");
      }
      Tuple2<Placement, CheckedItem> item = ahead;
      ahead = null;
      return item;
    }

    /** Null for a row that is no part of the collection. */
    private Tuple2<Placement, CheckedItem> item(Row row) {
      String key = row.getString(0);
      // Images of one group stay together.
      String ofSplit = layout.splitOf(split, row.isNullAt(4) ? key : row.getString(4));
      CheckedItem checked = check(row, key, ofSplit);
      if (checked == null) {
        return null;
      }
      return new Tuple2<>(
          checked instanceof Accepted ? layout.place(ofSplit, key) : layout.placeRefused(key),
          checked);
    }

    private CheckedItem check(Row row, String key, String ofSplit) {
      if (!row.isNullAt(5)) {
        return new Refused(key, ofSplit, RejectReason.of(row.getString(5)), row.getString(6));
      }
      Map<String, Float> classes = tags.of(row.getList(2), row.getList(3));
      if (classes.isEmpty()) {
        return null;
      }
      List<Integer> indices = new ArrayList<>();
      List<Float> weights = new ArrayList<>();
      for (Map.Entry<String, Float> named : classes.entrySet()) {
        OptionalInt label = labels.indexOf(named.getKey());
        if (label.isPresent()) {
          indices.add(label.getAsInt());
          weights.add(named.getValue());
        }
      }
      if (indices.isEmpty()) {
        return new Refused(
            key,
            ofSplit,
            RejectReason.UNKNOWN_LABEL,
            String.format("none of %s is among the classes", classes.keySet()));
      }
      byte[] image;
      try {
        image = storage.readStart(Storage.uri(row.getString(1)), SourceItem.MAX_IMAGE_BYTES + 1);
      } catch (FileNotFoundException e) {
        return new Refused(key, ofSplit, RejectReason.MISSING, e.getMessage());
      } catch (IllegalArgumentException e) {
        return new Refused(key, ofSplit, RejectReason.INVALID_NAME, e.getMessage());
      } catch (IOException e) {
        throw new UncheckedIOException(e.getMessage(), e);
      }
      if (image.length > SourceItem.MAX_IMAGE_BYTES) {
        return new Refused(
            key,
            ofSplit,
            RejectReason.TOO_LARGE,
            String.format("more than %s bytes", SourceItem.MAX_IMAGE_BYTES));
      }
      if (image.length == 0) {
        return new Refused(key, ofSplit, RejectReason.EMPTY, "no bytes");
      }
      return images.check(key, image, ofSplit, new SoftTargets(indices, weights));
    }
  }
}
