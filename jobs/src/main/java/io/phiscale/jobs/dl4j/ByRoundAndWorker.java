package io.phiscale.jobs.dl4j;

import io.phiscale.jobs.train.EpochPlan;
import java.io.Serializable;
import org.apache.spark.Partitioner;
import scala.runtime.AbstractFunction1;

/** One partition for what one worker trains on in one round, round after round. */
final class ByRoundAndWorker extends Partitioner {
  private static final long serialVersionUID = 1L;

  private final EpochPlan plan;

  ByRoundAndWorker(EpochPlan plan) {
    this.plan = plan;
  }

  @Override
  public int numPartitions() {
    return Math.multiplyExact(plan.roundsPerEpoch(), plan.workers());
  }

  @Override
  public int getPartition(Object key) {
    long position = (Long) key;
    long start = position / plan.samplesPerRound() * plan.samplesPerRound();
    EpochPlan.Round round = plan.round(start);
    // The last worker whose share does not begin behind the position.
    int worker = (int) (((position - start + 1) * plan.workers() - 1) / round.count());
    return (int) (start / plan.samplesPerRound()) * plan.workers() + worker;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ByRoundAndWorker that && that.plan.equals(plan);
  }

  @Override
  public int hashCode() {
    return plan.hashCode();
  }

  /** Of all the partitions those of one round. */
  static final class OfRound extends AbstractFunction1<Object, Object> implements Serializable {
    private static final long serialVersionUID = 1L;
    private final int round;
    private final int workers;

    /**
     * @param round index of the round, from 0
     * @param workers partitions of a round
     */
    OfRound(int round, int workers) {
      this.round = round;
      this.workers = workers;
    }

    @Override
    public Object apply(Object partition) {
      return (Integer) partition / workers == round;
    }
  }
}
