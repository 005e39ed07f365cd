package io.phiscale.jobs.shard;

import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.jobs.shard.CheckedItem.Refused;
import io.phiscale.pipeline.shard.RejectReason;
import java.util.Iterator;
import org.apache.spark.api.java.function.FlatMapFunction2;
import scala.Tuple2;

/**
 * The items of a sorted partition, with repeated keys ({@link DistinctKeys}) and repeated contents
 * ({@link RepeatedContents}) refused. Both inputs are in the order of {@link Placement}, so one
 * pass does.
 */
final class DistinctItems
    implements FlatMapFunction2<
        Iterator<Tuple2<Placement, CheckedItem>>,
        Iterator<Tuple2<Placement, RepeatedContents.Original>>,
        CheckedItem> {
  private static final long serialVersionUID = 1L;

  private final ShardLayout layout;

  DistinctItems(ShardLayout layout) {
    this.layout = layout;
  }

  @Override
  public Iterator<CheckedItem> call(
      Iterator<Tuple2<Placement, CheckedItem>> sorted,
      Iterator<Tuple2<Placement, RepeatedContents.Original>> repeated) {
    return new Refusing(new DistinctKeys(sorted, layout), repeated);
  }

  private final class Refusing implements Iterator<CheckedItem> {
    private final DistinctKeys items;
    private final Iterator<Tuple2<Placement, RepeatedContents.Original>> repeated;
    private Tuple2<Placement, RepeatedContents.Original> next;
    private Tuple2<Placement, RepeatedContents.Original> ahead;

    Refusing(DistinctKeys items, Iterator<Tuple2<Placement, RepeatedContents.Original>> repeated) {
      this.items = items;
      this.repeated = repeated;
      this.ahead = repeated.hasNext() ? repeated.next() : null;
      advance();
    }

    private void advance() {
      next = ahead;
      ahead = repeated.hasNext() ? repeated.next() : null;
      // Both its key and its bytes may be there already: the key is the reason then.
      while (next != null && ahead != null && ahead._1().equals(next._1())) {
        next = next._2().by() == RepeatedContents.By.KEY ? next : ahead;
        ahead = repeated.hasNext() ? repeated.next() : null;
      }
    }

    @Override
    public boolean hasNext() {
      if (items.hasNext()) {
        return true;
      }
      if (next != null) {
        throw new IllegalStateException("A repeated image is not in its partition: " + next._1());
      }
      return false;
    }

    @Override
    public CheckedItem next() {
      Tuple2<Placement, CheckedItem> item = items.next();
      if (next == null
          || !(item._2() instanceof Accepted accepted)
          || !item._1().equals(next._1())) {
        return item._2();
      }
      RepeatedContents.Original original = next._2();
      String split = layout.splitAt(item._1().partition());
      advance();
      return original.by() == RepeatedContents.By.KEY
          ? new Refused(
              accepted.image().key(),
              split,
              RejectReason.DUPLICATE_KEY,
              "an image of an earlier version has the same key")
          : new Refused(
              accepted.image().key(),
              split,
              RejectReason.DUPLICATE_CONTENT,
              String.format(
                  "the same bytes are kept as %s of split %s", original.key(), original.split()));
    }
  }
}
