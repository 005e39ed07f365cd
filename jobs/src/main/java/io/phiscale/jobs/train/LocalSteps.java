package io.phiscale.jobs.train;

import io.phiscale.model.train.LearningRateSchedule;
import java.io.Serializable;

/**
 * How many local steps H the workers take between two averagings, decided at a round's start from
 * the position in the run alone: so a run that resumes, with as many workers or others, cuts its
 * rounds as the unbroken run would have from there.
 */
public sealed interface LocalSteps extends Serializable {

  /**
   * H of the round that starts at a position.
   *
   * @param position samples of the run before it, all epochs counted (&gt;= 0)
   * @param samplesPerEpoch samples of an epoch (&gt; 0)
   */
  int at(long position, long samplesPerEpoch);

  /**
   * The same H in every round.
   *
   * @param steps H (&gt; 0)
   */
  record Constant(int steps) implements LocalSteps {
    public Constant {
      positive("local steps", steps);
    }

    @Override
    public int at(long position, long samplesPerEpoch) {
      return steps;
    }
  }

  /**
   * Post-local SGD (Lin et al. 2018, arXiv 1808.07217): synchronous, H = 1, until some epochs are
   * done, then another rule.
   *
   * @param synchronousEpochs length of the synchronous phase, fractional (&gt;= 0)
   * @param then the rule after it
   */
  record PostLocal(double synchronousEpochs, LocalSteps then) implements LocalSteps {
    public PostLocal {
      if (!(synchronousEpochs >= 0) || Double.isInfinite(synchronousEpochs)) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid number of synchronous epochs: %s (must be >= 0)", synchronousEpochs));
      }
    }

    @Override
    public int at(long position, long samplesPerEpoch) {
      return position < synchronousEpochs * samplesPerEpoch
          ? 1
          : then.at(position, samplesPerEpoch);
    }
  }

  /**
   * The quadratic synchronization rule (Gu et al. 2023, arXiv 2310.14423): {@code H = max(base,
   * floor((alpha / rate)^2))}, with the learning rate at the round's start, and never above a cap.
   * During a warm-up, H is that of the first round after it: a rate that only rises to its place
   * would otherwise give the longest rounds when averaging matters most.
   *
   * @param base smallest H (&gt; 0)
   * @param alpha learning rate below which H grows beyond 1, to be tuned (&gt; 0)
   * @param cap largest H (&gt;= base); reached at the latest where the rate is 0
   * @param schedule the learning rate, counted in samples
   */
  record Quadratic(int base, double alpha, int cap, LearningRateSchedule schedule)
      implements LocalSteps {
    public Quadratic {
      positive("local steps", base);
      if (!(alpha > 0) || Double.isInfinite(alpha)) {
        throw new IllegalArgumentException(String.format("Invalid alpha: %s (must be > 0)", alpha));
      }
      if (cap < base) {
        throw new IllegalArgumentException(
            String.format("Invalid cap of local steps: %s (must be >= %s)", cap, base));
      }
    }

    @Override
    public int at(long position, long samplesPerEpoch) {
      long counted = position;
      if (schedule instanceof LearningRateSchedule.Warmup warmup) {
        counted = Math.max(counted, (long) (warmup.epochs() * samplesPerEpoch));
      }
      double ratio = alpha / schedule.rate(counted, (double) samplesPerEpoch);
      // min first: the ratio is infinite where the rate is 0.
      return Math.max(base, (int) Math.floor(Math.min(cap, ratio * ratio)));
    }
  }

  private static void positive(String what, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of %s: %s (must be > 0)", what, value));
    }
  }
}
