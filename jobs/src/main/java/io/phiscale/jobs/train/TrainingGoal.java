package io.phiscale.jobs.train;

import io.phiscale.jobs.run.Progress;
import io.phiscale.jobs.run.Retention;
import io.phiscale.model.train.ExponentialMovingAverage;
import java.time.Duration;
import java.util.Optional;

/**
 * How long the driver trains, and what it keeps.
 *
 * @param name shown in the Spark UI
 * @param epochs passes over the training images
 * @param checkpointEveryEpochs epochs between two checkpoints; the last epoch always has one
 * @param checkpointEveryRounds rounds between two checkpoints besides those; 0: none besides
 * @param retention which checkpoints stay
 * @param scorer scores each checkpoint, if the best is to stay
 * @param movingAverage moving average of the parameters, if one is kept
 * @param recalibrationImages training images over which running statistics are estimated anew
 *     before each checkpoint; 0: they stay as averaged
 * @param maxSkippedFraction share of an epoch's images that may be damaged and left out
 * @param deadline longest wait for one round
 */
public record TrainingGoal(
    String name,
    int epochs,
    int checkpointEveryEpochs,
    int checkpointEveryRounds,
    Retention retention,
    Optional<CheckpointScorer> scorer,
    Optional<ExponentialMovingAverage> movingAverage,
    int recalibrationImages,
    double maxSkippedFraction,
    Duration deadline) {

  /** Whether a checkpoint is due between two rounds. */
  boolean wantsCheckpoint(Progress now) {
    boolean epochEnded = now.position() == 0;
    return (epochEnded && (now.epoch() % checkpointEveryEpochs == 0 || now.epoch() == epochs))
        || (checkpointEveryRounds > 0 && now.round() % checkpointEveryRounds == 0);
  }
}
