package io.phiscale.jobs.train;

import io.phiscale.model.train.ExponentialMovingAverage;
import java.time.Duration;
import java.util.Optional;

/**
 * How long the driver trains, and what it keeps.
 *
 * @param name shown in the Spark UI
 * @param epochs passes over the training images
 * @param checkpointEveryEpochs epochs between two checkpoints; the last epoch always has one
 * @param checkpointsKept how many of the newest are kept
 * @param movingAverage moving average of the parameters, if one is kept
 * @param recalibrationImages training images over which running statistics are estimated anew
 *     before each checkpoint; 0: they stay as averaged
 * @param deadline longest wait for one round
 */
public record TrainingGoal(
    String name,
    int epochs,
    int checkpointEveryEpochs,
    int checkpointsKept,
    Optional<ExponentialMovingAverage> movingAverage,
    int recalibrationImages,
    Duration deadline) {}
