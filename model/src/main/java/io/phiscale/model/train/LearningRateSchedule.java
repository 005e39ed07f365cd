package io.phiscale.model.train;

import java.io.Serializable;
import java.util.List;

/**
 * The learning rate at a step. Lengths are in epochs, which may be fractions; a step's epoch is
 * step / stepsPerEpoch.
 *
 * <p>Source: tensorflow/tpu {@code models/official/efficientnet/utils.py}, {@code
 * build_learning_rate}.
 */
public sealed interface LearningRateSchedule extends Serializable {

  /** The rate before any decay: what a {@link Warmup} rises to. */
  double baseRate();

  /**
   * The rate of a step.
   *
   * @param step number of steps done before it, from 0
   * @param stepsPerEpoch > 0; a fraction where an epoch is no whole number of steps
   * @throws IllegalArgumentException if either is out of range
   */
  double rate(long step, double stepsPerEpoch);

  /**
   * The linear scaling rule: ratePer256 · batchSize / 256. The original has 0.016 per 256 images,
   * so 0.256 at its batch of 4096.
   */
  static double scaledToBatch(double ratePer256, int batchSize) {
    checkRate(ratePer256);
    if (batchSize <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid batch size: %s (must be > 0)", batchSize));
    }
    return ratePer256 * batchSize / 256;
  }

  /**
   * Always the same.
   *
   * @param baseRate ≥ 0
   */
  record Constant(double baseRate) implements LearningRateSchedule {

    public Constant {
      checkRate(baseRate);
    }

    @Override
    public double rate(long step, double stepsPerEpoch) {
      checkStep(step, stepsPerEpoch);
      return baseRate;
    }
  }

  /**
   * Half a cosine from the base rate to 0: base · (1 + cos(π · epoch / epochs)) / 2, and 0 from
   * there on.
   *
   * @param baseRate ≥ 0
   * @param epochs length of the whole run, > 0
   */
  record Cosine(double baseRate, double epochs) implements LearningRateSchedule {

    public Cosine {
      checkRate(baseRate);
      checkEpochs("cosine epochs", epochs);
    }

    @Override
    public double rate(long step, double stepsPerEpoch) {
      checkStep(step, stepsPerEpoch);
      double fraction = Math.min(1, (double) step / (epochs * stepsPerEpoch));
      return 0.5 * baseRate * (1 + StrictMath.cos(Math.PI * fraction));
    }
  }

  /**
   * base · factor^floor(epoch / decayEpochs), counted from step 0 also under a {@link Warmup}.
   *
   * @param baseRate ≥ 0
   * @param factor in (0, 1]
   * @param decayEpochs length of a stair, > 0
   */
  record ExponentialStaircase(double baseRate, double factor, double decayEpochs)
      implements LearningRateSchedule {

    public ExponentialStaircase {
      checkRate(baseRate);
      checkFactor(factor);
      checkEpochs("decay epochs", decayEpochs);
    }

    /** The original's: 0.97 every 2.4 epochs. */
    public static ExponentialStaircase original(double baseRate) {
      return new ExponentialStaircase(baseRate, 0.97, 2.4);
    }

    @Override
    public double rate(long step, double stepsPerEpoch) {
      checkStep(step, stepsPerEpoch);
      return baseRate
          * StrictMath.pow(factor, Math.floor((double) step / (stepsPerEpoch * decayEpochs)));
    }
  }

  /**
   * base · factor^(number of milestones reached).
   *
   * @param baseRate ≥ 0
   * @param factor in (0, 1]
   * @param milestoneEpochs epochs at which the rate falls, rising, > 0
   */
  record Step(double baseRate, double factor, List<Double> milestoneEpochs)
      implements LearningRateSchedule {

    public Step {
      checkRate(baseRate);
      checkFactor(factor);
      milestoneEpochs = List.copyOf(milestoneEpochs);
      double before = 0;
      for (double milestone : milestoneEpochs) {
        if (!(milestone > before) || Double.isInfinite(milestone)) {
          throw new IllegalArgumentException(
              String.format(
                  "Invalid milestone epochs: %s (must be > 0, finite and rising)",
                  milestoneEpochs));
        }
        before = milestone;
      }
    }

    @Override
    public double rate(long step, double stepsPerEpoch) {
      checkStep(step, stepsPerEpoch);
      double reached =
          milestoneEpochs.stream().filter(milestone -> step >= milestone * stepsPerEpoch).count();
      return baseRate * StrictMath.pow(factor, reached);
    }
  }

  /**
   * A linear rise from 0 to the base rate, laid <em>over</em> a schedule, not put before it: when
   * it ends the schedule is where it would have been anyway. So with the original's 5 epochs the
   * staircase is already at 0.97² then, and the rate falls from the base rate to that in one step.
   *
   * @param epochs length, ≥ 0; whole steps, rounded down
   * @param schedule what follows; not itself a warmup
   */
  record Warmup(double epochs, LearningRateSchedule schedule) implements LearningRateSchedule {

    public Warmup {
      OptimizerSpec.checkNotNegative("warmup epochs", epochs);
      if (schedule == null || schedule instanceof Warmup) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid schedule under a warmup: %s (must be a schedule other than a warmup)",
                schedule));
      }
    }

    @Override
    public double baseRate() {
      return schedule.baseRate();
    }

    @Override
    public double rate(long step, double stepsPerEpoch) {
      checkStep(step, stepsPerEpoch);
      long warmupSteps = (long) (epochs * stepsPerEpoch);
      return step < warmupSteps
          ? baseRate() * step / warmupSteps
          : schedule.rate(step, stepsPerEpoch);
    }
  }

  private static void checkRate(double rate) {
    OptimizerSpec.checkNotNegative("learning rate", rate);
  }

  private static void checkFactor(double factor) {
    if (!(factor > 0 && factor <= 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid decay factor: %s (must be in (0, 1])", factor));
    }
  }

  private static void checkEpochs(String name, double epochs) {
    if (!(epochs > 0) || Double.isInfinite(epochs)) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be > 0 and finite)", name, epochs));
    }
  }

  private static void checkStep(long step, double stepsPerEpoch) {
    if (step < 0) {
      throw new IllegalArgumentException(String.format("Invalid step: %s (must be >= 0)", step));
    }
    checkEpochs("steps per epoch", stepsPerEpoch);
  }
}
