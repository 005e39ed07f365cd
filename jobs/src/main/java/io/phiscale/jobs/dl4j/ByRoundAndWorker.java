package io.phiscale.jobs.dl4j;

import io.phiscale.jobs.train.EpochPlan;
import java.io.Serializable;
import org.apache.spark.Partitioner;
import scala.runtime.AbstractFunction1;

/** One partition for what one worker trains on in one round, round after round. */
final class ByRoundAndWorker extends Partitioner {
  private static final long serialVersionUID = 1L;

  private final EpochPlan plan;
  private final long perRound;

  /**
   * @param plan whose number of local steps never changes
   */
  ByRoundAndWorker(EpochPlan plan) {
    this.plan = plan;
    this.perRound = objectsPerRound(plan);
  }

  /** Objects of a full round. */
  static long objectsPerRound(EpochPlan plan) {
    return plan.round(0, 0).count();
  }

  /** Rounds of an epoch; the last may be shorter. */
  static int roundsPerEpoch(EpochPlan plan) {
    long perRound = objectsPerRound(plan);
    return Math.toIntExact((plan.samples() + perRound - 1) / perRound);
  }

  @Override
  public int numPartitions() {
    return Math.multiplyExact(roundsPerEpoch(plan), plan.workers());
  }

  @Override
  public int getPartition(Object key) {
    long position = (Long) key;
    long start = position / perRound * perRound;
    EpochPlan.Round round = plan.round(0, start);
    // The last worker whose share does not begin behind the position.
    int worker = (int) (((position - start + 1) * plan.workers() - 1) / round.count());
    return Math.toIntExact(start / perRound) * plan.workers() + worker;
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
