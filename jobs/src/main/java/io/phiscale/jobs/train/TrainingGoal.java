package io.phiscale.jobs.train;

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
    Retention retention,
    Optional<CheckpointScorer> scorer,
    Optional<ExponentialMovingAverage> movingAverage,
    int recalibrationImages,
    double maxSkippedFraction,
    Duration deadline) {}
