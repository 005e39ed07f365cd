package io.phiscale.jobs.run;

import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;

/**
 * Where the first parameters of a run came from, and what of them training may change.
 *
 * @param initialWeights place they were read from; empty: drawn by the run's seed
 * @param initialWeightsSha256 digest of the file read ({@code state.bin} of a checkpoint), hex;
 *     empty where they were drawn
 * @param classifier whether the classifier was read too
 * @param freeze what is not trained
 * @param frozenBatchNorm what batch norm does there
 */
public record Origin(
    String initialWeights,
    String initialWeightsSha256,
    Classifier classifier,
    Freeze freeze,
    FrozenBatchNorm frozenBatchNorm) {

  /** Drawn by the seed, and all trained. */
  public static final Origin DRAWN =
      new Origin("", "", Classifier.NEW, Freeze.NONE, FrozenBatchNorm.INFERENCE);

  /** Where the classifier's first parameters came from. */
  public enum Classifier {
    /** Drawn by the run's seed. */
    NEW,
    /** Read with the features. */
    LOADED
  }
}
