package io.phiscale.jobs.shard;

import io.phiscale.jobs.shard.CheckedItem.Accepted;
import io.phiscale.jobs.shard.CheckedItem.Refused;
import io.phiscale.pipeline.shard.RejectReason;
import java.io.Serializable;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.function.Function2;

/**
 * Counts of one partition of the shuffle, taken before anything is written, so that a job with too
 * many rejects writes nothing.
 *
 * @param partition its index
 * @param accepted images
 * @param refused items refused, by split and reason
 * @param statistics of the images
 */
record PartitionSummary(
    int partition,
    long accepted,
    Map<String, Map<RejectReason, Long>> refused,
    StatisticsSum statistics)
    implements Serializable {

  /** Takes the counts; repeated keys and contents are refused by then. */
  static final class Count
      implements Function2<Integer, Iterator<CheckedItem>, Iterator<PartitionSummary>> {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<PartitionSummary> call(Integer partition, Iterator<CheckedItem> items) {
      long accepted = 0;
      Map<String, Map<RejectReason, Long>> refused = new TreeMap<>();
      StatisticsSum statistics = new StatisticsSum();
      while (items.hasNext()) {
        CheckedItem next = items.next();
        if (next instanceof Refused item) {
          refused
              .computeIfAbsent(item.split(), split -> new EnumMap<>(RejectReason.class))
              .merge(item.reason(), 1L, Long::sum);
        } else {
          statistics.add((Accepted) next);
          accepted++;
        }
      }
      return List.of(new PartitionSummary(partition, accepted, refused, statistics)).iterator();
    }
  }
}
