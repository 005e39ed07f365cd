package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection;
import io.phiscale.jobs.config.TrainSection.Averaging.OptimizerState;
import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.model.train.LearningRateSchedule;
import io.phiscale.model.train.ReplicaSpec;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.image.TrainTransform;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.storage.Storage;
import java.io.Serializable;
import java.util.List;

/**
 * Everything a worker needs to know for a whole run; broadcast once.
 *
 * @param replica the network and its local optimizer
 * @param schedule learning rate, counted in samples, already scaled to the global batch
 * @param transform crop, flip, resize, normalise
 * @param augmentation what else is done to images
 * @param storage where the shards lie
 * @param rowGroups the training row groups, in the manifest's order
 * @param plan how an epoch is cut
 * @param averaging what a round does with the workers' states, and how they travel
 * @param targets which labels of images with several count
 * @param seed the run's seed
 * @param loader how batches are made; the batch size in it is replaced by that of a worker's share
 */
public record TrainingRecipe(
    ReplicaSpec replica,
    LearningRateSchedule schedule,
    TrainTransform transform,
    Augmentation augmentation,
    Storage storage,
    List<RowGroup> rowGroups,
    EpochPlan plan,
    TrainSection.Averaging averaging,
    TrainSection.Targets targets,
    long seed,
    LoaderSettings loader)
    implements Serializable {

  public TrainingRecipe {
    rowGroups = List.copyOf(rowGroups);
  }

  /** Whether the optimizers' states are averaged, and so travel. */
  boolean averagesOptimizerState() {
    return averaging.optimizerState() == OptimizerState.AVERAGE;
  }

  /** Whether workers take something from one round to the next on their own account. */
  boolean needsMemories() {
    return averaging.optimizerState() == OptimizerState.KEEP || averaging.wire() == Wire.INT8;
  }

  /** Mean learning rate of a round's local steps. */
  double meanLearningRate(int epoch, EpochPlan.Round round) {
    int steps = plan.steps(round);
    double sum = 0;
    for (int step = 0; step < steps; step++) {
      sum += learningRate(epoch, round, step);
    }
    return sum / steps;
  }

  /**
   * The learning rate of a local step.
   *
   * @param epoch epochs completed
   * @param round the round
   * @param step local step of the round, from 0
   */
  double learningRate(int epoch, EpochPlan.Round round, int step) {
    double consumed = round.start() + (double) step * plan.batchSize() * plan.workers();
    long position = epoch * plan.samples() + Math.min((long) consumed, round.end());
    return schedule.rate(position, (double) plan.samples());
  }
}
