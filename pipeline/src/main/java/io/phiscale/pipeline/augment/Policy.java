package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;
import java.io.Serializable;

/** Which operations are done to a picture; a value that travels with the job. */
public sealed interface Policy extends Serializable
    permits Policy.None, AutoAugment, RandAugment, TrivialAugmentWide, AugMix {

  /**
   * Changes a picture.
   *
   * @param picture changed in place
   * @param random the picture's random numbers for this
   * @param meanColour how geometric operations look up pixels where the policy has no rule
   */
  void apply(Picture picture, SampleRandom random, WarpStyle meanColour);

  /** Nothing is done. */
  record None() implements Policy {
    @Override
    public void apply(Picture picture, SampleRandom random, WarpStyle meanColour) {}
  }
}
