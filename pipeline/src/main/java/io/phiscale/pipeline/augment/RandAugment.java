package io.phiscale.pipeline.augment;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.SampleRandom;
import java.util.List;

/**
 * RandAugment (Cubuk et al. 2020, arXiv 1909.13719): so many operations, drawn with replacement, at
 * one magnitude.
 *
 * <p>In the form of {@code tensorflow/tpu} ({@code distort_image_with_randaugment}) every drawn
 * operation is done, at any magnitude. In timm's ({@code rand_augment_transform}) each is done with
 * probability 0.5, at a magnitude within 0 to 10 that may be drawn anew for each: {@code
 * rand-m9-mstd0.5} is {@code new RandAugment(TIMM, 2, 9, 0.5)}, {@code rand-m9-mstd0.5-inc1} the
 * same with {@link PolicyForm#TIMM_INCREASING}.
 *
 * @param form whose version
 * @param layers operations per picture, greater than 0
 * @param magnitude the level, at least 0; timm's at most 10
 * @param magnitudeStddev deviation of a normal distribution around it, at least 0
 */
public record RandAugment(PolicyForm form, int layers, double magnitude, double magnitudeStddev)
    implements Policy {
  private static final double TIMM_PROBABILITY = 0.5;

  private static final List<LevelledOperation> TPU =
      List.of(
          LevelledOperation.AUTO_CONTRAST,
          LevelledOperation.EQUALIZE,
          LevelledOperation.INVERT,
          LevelledOperation.ROTATE,
          LevelledOperation.POSTERIZE,
          LevelledOperation.SOLARIZE,
          LevelledOperation.COLOR,
          LevelledOperation.CONTRAST,
          LevelledOperation.BRIGHTNESS,
          LevelledOperation.SHARPNESS,
          LevelledOperation.SHEAR_X,
          LevelledOperation.SHEAR_Y,
          LevelledOperation.TRANSLATE_X,
          LevelledOperation.TRANSLATE_Y,
          LevelledOperation.CUTOUT,
          LevelledOperation.SOLARIZE_ADD);

  private static final List<LevelledOperation> TIMM =
      List.of(
          LevelledOperation.AUTO_CONTRAST,
          LevelledOperation.EQUALIZE,
          LevelledOperation.INVERT,
          LevelledOperation.ROTATE,
          LevelledOperation.POSTERIZE,
          LevelledOperation.SOLARIZE,
          LevelledOperation.SOLARIZE_ADD,
          LevelledOperation.COLOR,
          LevelledOperation.CONTRAST,
          LevelledOperation.BRIGHTNESS,
          LevelledOperation.SHARPNESS,
          LevelledOperation.SHEAR_X,
          LevelledOperation.SHEAR_Y,
          LevelledOperation.TRANSLATE_X_REL,
          LevelledOperation.TRANSLATE_Y_REL);

  private static final List<LevelledOperation> TIMM_INCREASING =
      List.of(
          LevelledOperation.AUTO_CONTRAST,
          LevelledOperation.EQUALIZE,
          LevelledOperation.INVERT,
          LevelledOperation.ROTATE,
          LevelledOperation.POSTERIZE_INCREASING,
          LevelledOperation.SOLARIZE_INCREASING,
          LevelledOperation.SOLARIZE_ADD,
          LevelledOperation.COLOR_INCREASING,
          LevelledOperation.CONTRAST_INCREASING,
          LevelledOperation.BRIGHTNESS_INCREASING,
          LevelledOperation.SHARPNESS_INCREASING,
          LevelledOperation.SHEAR_X,
          LevelledOperation.SHEAR_Y,
          LevelledOperation.TRANSLATE_X_REL,
          LevelledOperation.TRANSLATE_Y_REL);

  public RandAugment {
    requireNonNull(form, "form");
    if (layers <= 0) {
      throw new IllegalArgumentException("Invalid layers: " + layers + " (must be > 0)");
    }
    requireLevel("magnitude", magnitude, form);
    if (!(magnitudeStddev >= 0) || magnitudeStddev == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "Invalid deviation of the magnitude: %s (must be >= 0)".formatted(magnitudeStddev));
    }
  }

  private static void requireLevel(String name, double level, PolicyForm form) {
    double most = form == PolicyForm.TPU ? 100 : 10;
    if (!(level >= 0 && level <= most)) {
      throw new IllegalArgumentException(
          "Invalid %s: %s (must be in [0, %.0f])".formatted(name, level, most));
    }
  }

  List<LevelledOperation> operations() {
    return switch (form) {
      case TPU -> TPU;
      case TIMM -> TIMM;
      case TIMM_INCREASING -> TIMM_INCREASING;
    };
  }

  @Override
  public void apply(Picture picture, SampleRandom random, WarpStyle meanColour) {
    List<LevelledOperation> operations = operations();
    TranslationScale scale =
        form == PolicyForm.TPU ? TranslationScale.TPU_RAND_AUGMENT : TranslationScale.TIMM;
    for (int layer = 0; layer < layers; layer++) {
      LevelledOperation operation = operations.get(random.nextInt(operations.size()));
      if (form != PolicyForm.TPU && random.nextDouble() >= TIMM_PROBABILITY) {
        continue;
      }
      double level =
          magnitudeStddev == 0
              ? magnitude
              : magnitude + magnitudeStddev * Distributions.gaussian(random);
      operation.apply(picture, form.limited(level), random, form.style(meanColour), scale);
    }
  }
}
