package io.phiscale.jobs.run;

import java.util.EnumSet;
import java.util.Set;

/**
 * Which checkpoints of a run stay. The best on minival stays wherever there are scores.
 *
 * @param last how many of the newest, &gt; 0
 * @param everyEpochs those at the end of an epoch that is a multiple of it stay for ever, &gt;= 0;
 *     0: none for that
 */
public record Retention(int last, int everyEpochs) {

  /** Why a checkpoint stays. */
  public enum Reason {
    /** Among the newest. */
    LAST,
    /** At the end of every so many epochs. */
    EVERY,
    /** The best on minival. */
    BEST
  }

  public Retention {
    if (last <= 0 || everyEpochs < 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid retention: the last %s (must be > 0), every %s epochs (must be >= 0)",
              last, everyEpochs));
    }
  }

  /**
   * Why one stays; empty if it does not.
   *
   * @param newer how many newer ones there are
   */
  Set<Reason> reasons(CheckpointInfo info, int newer, boolean best) {
    Set<Reason> reasons = EnumSet.noneOf(Reason.class);
    if (newer < last) {
      reasons.add(Reason.LAST);
    }
    Progress progress = info.progress();
    if (everyEpochs > 0 && progress.position() == 0 && progress.epoch() % everyEpochs == 0) {
      reasons.add(Reason.EVERY);
    }
    if (best) {
      reasons.add(Reason.BEST);
    }
    return reasons;
  }
}
