package io.phiscale.jobs.shard;

import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.jobs.shard.CheckedItem.Refused;
import io.phiscale.pipeline.shard.RejectReason;
import java.util.Iterator;
import scala.Tuple2;

/**
 * The items of a sorted partition, with all but one image of each key refused. Equal keys have
 * equal hashes, so they are neighbours. The one that is kept is the one with the smallest checksum:
 * which it is does not depend on the order in which Spark fetched them.
 */
final class DistinctKeys implements Iterator<Tuple2<Placement, CheckedItem>> {
  private final Iterator<Tuple2<Placement, CheckedItem>> sorted;
  private final ShardLayout layout;
  private Tuple2<Placement, CheckedItem> held;

  DistinctKeys(Iterator<Tuple2<Placement, CheckedItem>> sorted, ShardLayout layout) {
    this.sorted = sorted;
    this.layout = layout;
  }

  @Override
  public boolean hasNext() {
    return held != null || sorted.hasNext();
  }

  @Override
  public Tuple2<Placement, CheckedItem> next() {
    Tuple2<Placement, CheckedItem> current = held != null ? held : sorted.next();
    held = null;
    if (!sorted.hasNext() || !(current._2() instanceof Accepted first)) {
      return current;
    }
    held = sorted.next();
    if (!(held._2() instanceof Accepted second)
        || !first.image().key().equals(second.image().key())) {
      return current;
    }
    boolean keepFirst = first.image().sha256().compareTo(second.image().sha256()) <= 0;
    Accepted kept = keepFirst ? first : second;
    Accepted repeated = keepFirst ? second : first;
    Placement place = current._1();
    held = new Tuple2<>(place, kept);
    return new Tuple2<>(
        place,
        new Refused(
            repeated.image().key(),
            layout.splitAt(place.partition()),
            RejectReason.DUPLICATE_KEY,
            "another image has the same key; kept is the one with SHA-256 "
                + kept.image().sha256()));
  }
}
