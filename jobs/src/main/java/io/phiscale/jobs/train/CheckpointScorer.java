package io.phiscale.jobs.train;

import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.MinivalScore;
import java.io.IOException;

/** Says how good a checkpoint is on the minival images; it never sees those of validation. */
@FunctionalInterface
public interface CheckpointScorer {
  /**
   * Scores what would be evaluated: the moving average, or the parameters where none is kept.
   *
   * @param checkpoint as it was published
   * @throws IOException if the images cannot be read
   */
  MinivalScore score(Checkpoint checkpoint) throws IOException, InterruptedException;
}
