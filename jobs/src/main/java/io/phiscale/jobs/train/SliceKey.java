package io.phiscale.jobs.train;

import java.io.Serializable;
import java.util.Comparator;
import org.apache.spark.Partitioner;

/**
 * Where a contribution belongs: sorted by slice, then worker, so that a reducer meets one slice at
 * a time and adds its contributions in the same order in every run.
 *
 * @param slice index of the slice; {@link #REPORT} for a worker's report
 * @param worker index of the worker
 */
public record SliceKey(int slice, int worker) implements Comparable<SliceKey>, Serializable {
  /** The "slice" under which workers' reports travel. */
  public static final int REPORT = -1;

  private static final Comparator<SliceKey> ORDER =
      Comparator.comparingInt(SliceKey::slice).thenComparingInt(SliceKey::worker);

  @Override
  public int compareTo(SliceKey other) {
    return ORDER.compare(this, other);
  }

  /** Sends all contributions to one slice to one partition. */
  static final class BySlice extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final int partitions;

    BySlice(int partitions) {
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      return Math.floorMod(((SliceKey) key).slice(), partitions);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof BySlice that && that.partitions == partitions;
    }

    @Override
    public int hashCode() {
      return partitions;
    }
  }
}
