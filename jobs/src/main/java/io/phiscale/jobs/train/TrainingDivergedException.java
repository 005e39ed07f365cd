package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection;
import java.util.Locale;

/** The loss or a parameter became NaN or infinite. The last checkpoint stays as it was. */
public final class TrainingDivergedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * For a network that is not configured by Phiscale.
   *
   * @param what "loss" or "parameters"
   * @param worker index of the worker
   * @param round number of the round, from 1
   * @param step local step within the round, from 1
   * @param consequence a sentence about what is left
   */
  public TrainingDivergedException(
      String what, int worker, int round, int step, String consequence) {
    super(
        String.format(
            "Training diverged: %s not finite on worker %s in round %s, local step %s. %s",
            what, worker, round, step, consequence));
  }

  TrainingDivergedException(
      String what, int worker, int round, int step, double learningRate, String checkpoint) {
    super(
        String.format(
            "Training diverged: %s not finite on worker %s in round %s, local step %s, at learning"
                + " rate %.4g. %s; try a lower train.learning-rate.base, a longer warm-up, or fewer"
                + " train.averaging.local-steps",
            what, worker, round, step, learningRate, checkpoint));
  }

  TrainingDivergedException(int round, TrainSection.Averaging.Outer outer, String checkpoint) {
    super(
        String.format(
            "Training diverged: parameters not finite after the averaging of round %s"
                + " (train.averaging.outer = %s), though every worker's were. %s; try a lower"
                + " train.averaging.outer-learning-rate or outer-momentum",
            round, outer.name().toLowerCase(Locale.ROOT), checkpoint));
  }
}
