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
final class DistinctKeys implements Iterator<CheckedItem> {
  private final Iterator<Tuple2<Placement, CheckedItem>> sorted;
  private final String split;
  private CheckedItem held;

  DistinctKeys(Iterator<Tuple2<Placement, CheckedItem>> sorted, String split) {
    this.sorted = sorted;
    this.split = split;
  }

  @Override
  public boolean hasNext() {
    return held != null || sorted.hasNext();
  }

  @Override
  public CheckedItem next() {
    CheckedItem current = held != null ? held : sorted.next()._2();
    held = null;
    if (!sorted.hasNext() || !(current instanceof Accepted first)) {
      return current;
    }
    held = sorted.next()._2();
    if (!(held instanceof Accepted second) || !first.image().key().equals(second.image().key())) {
      return current;
    }
    boolean keepFirst = first.image().sha256().compareTo(second.image().sha256()) <= 0;
    Accepted kept = keepFirst ? first : second;
    Accepted repeated = keepFirst ? second : first;
    held = kept;
    return new Refused(
        repeated.image().key(),
        split,
        RejectReason.DUPLICATE_KEY,
        "another image has the same key; kept is the one with SHA-256 " + kept.image().sha256());
  }
}
