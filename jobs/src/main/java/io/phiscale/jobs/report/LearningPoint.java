package io.phiscale.jobs.report;

/**
 * The state of training after one averaging round.
 *
 * @param round number of the round, from 1
 * @param epoch passes over the training set so far, fractional, >= 0
 * @param images images seen so far, repeats counted, >= 0
 * @param loss mean training loss of the round, finite
 * @param learningRate learning rate of the round's last step, >= 0
 * @param imagesPerSecond throughput of the round, >= 0
 */
public record LearningPoint(
    int round,
    double epoch,
    long images,
    double loss,
    double learningRate,
    double imagesPerSecond) {

  /** Refuses counts below zero and a loss that is not a number. */
  public LearningPoint {
    Checks.positive("round", round);
    Checks.notNegative("epoch", epoch);
    Checks.notNegative("image count", images);
    if (!Double.isFinite(loss)) {
      throw new IllegalArgumentException(
          String.format("Invalid loss of round %s: %s (must be finite)", round, loss));
    }
    Checks.notNegative("learning rate", learningRate);
    Checks.notNegative("images per second", imagesPerSecond);
  }
}
