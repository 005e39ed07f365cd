package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection;
import io.phiscale.pipeline.augment.AugMix;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.augment.AutoAugment;
import io.phiscale.pipeline.augment.Erasing;
import io.phiscale.pipeline.augment.Mixing;
import io.phiscale.pipeline.augment.Policy;
import io.phiscale.pipeline.augment.PolicyForm;
import io.phiscale.pipeline.augment.RandAugment;
import io.phiscale.pipeline.augment.TrivialAugmentWide;
import io.phiscale.pipeline.image.Decoding;
import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.image.TrainTransform;

/** What a configuration's training does to images. */
public final class TrainingPictures {
  private TrainingPictures() {}

  /** Crop, flip, resize, normalise. */
  public static TrainTransform transform(int resolutionPx, TrainSection.Augment augment) {
    return TrainTransform.inception(resolutionPx)
        .withAreaRange(augment.cropAreaMin(), augment.cropAreaMax())
        .withMirrorProbability(augment.flip())
        .withInterpolation(Interpolation.valueOf(augment.interpolation().name()))
        .withDecoding(Decoding.valueOf(augment.decode().name()));
  }

  /** What else is done. */
  public static Augmentation augmentation(TrainSection.Augment augment) {
    TrainSection.Noise noise = augment.noise();
    return new Augmentation(
        policy(augment.policy()),
        noise.colorJitter(),
        noise.lighting(),
        new Erasing(
            noise.randomErasing(),
            switch (noise.randomErasingFill()) {
              case CONST -> Erasing.Fill.CONSTANT;
              case RAND -> Erasing.Fill.COLOR;
              case PIXEL -> Erasing.Fill.PIXEL;
            }),
        new Mixing(augment.mixing().mixupAlpha(), augment.mixing().cutmixAlpha()));
  }

  private static Policy policy(TrainSection.Policy policy) {
    PolicyForm form = PolicyForm.valueOf(policy.form().name());
    return switch (policy.name()) {
      case NONE -> new Policy.None();
      case AUTOAUGMENT -> new AutoAugment(form);
      case RANDAUGMENT ->
          new RandAugment(
              form, policy.layers(), policy.effectiveMagnitude(), policy.magnitudeStddev());
      case TRIVIALAUGMENT -> new TrivialAugmentWide();
      case AUGMIX -> AugMix.ofMagnitude(policy.effectiveMagnitude());
    };
  }
}
