package io.phiscale.jobs.shard;

import java.io.Serializable;
import scala.runtime.AbstractFunction1;

/** Keeps the partitions from one index to another: Spark then runs no task for the others. */
final class KeepPartitions extends AbstractFunction1<Object, Object> implements Serializable {
  private static final long serialVersionUID = 1L;
  private final int from;
  private final int to;

  KeepPartitions(int from, int to) {
    this.from = from;
    this.to = to;
  }

  @Override
  public Object apply(Object partition) {
    int index = (Integer) partition;
    return index >= from && index < to;
  }
}
