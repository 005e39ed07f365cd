package io.phiscale.pipeline.augment;

import static io.phiscale.pipeline.augment.LevelledOperation.AUTO_CONTRAST;
import static io.phiscale.pipeline.augment.LevelledOperation.COLOR;
import static io.phiscale.pipeline.augment.LevelledOperation.EQUALIZE;
import static io.phiscale.pipeline.augment.LevelledOperation.INVERT;
import static io.phiscale.pipeline.augment.LevelledOperation.POSTERIZE;
import static io.phiscale.pipeline.augment.LevelledOperation.POSTERIZE_INCREASING;
import static io.phiscale.pipeline.augment.LevelledOperation.ROTATE;
import static io.phiscale.pipeline.augment.LevelledOperation.SHEAR_X;
import static io.phiscale.pipeline.augment.LevelledOperation.SHEAR_Y;
import static io.phiscale.pipeline.augment.LevelledOperation.SOLARIZE;
import static io.phiscale.pipeline.augment.LevelledOperation.SOLARIZE_ADD;
import static io.phiscale.pipeline.augment.LevelledOperation.TRANSLATE_Y;
import static io.phiscale.pipeline.augment.LevelledOperation.TRANSLATE_Y_REL;
import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.SampleRandom;
import java.util.List;

/**
 * AutoAugment's ImageNet policy v0 (Cubuk et al. 2019, arXiv 1805.09501): one of 25 pairs of
 * operations, each done with its probability at its level.
 *
 * <p>Source: {@code policy_v0} of {@code tensorflow/tpu}, {@code efficientnet/autoaugment.py}, the
 * policy of the published EfficientNets; timm's {@code v0} and {@code v0r}.
 *
 * @param form whose version
 */
public record AutoAugment(PolicyForm form) implements Policy {

  record Entry(LevelledOperation operation, double probability, double level) {}

  record SubPolicy(Entry first, Entry second) {}

  private static final List<SubPolicy> V0 =
      List.of(
          pair(EQUALIZE, 0.8, 1, SHEAR_Y, 0.8, 4),
          pair(COLOR, 0.4, 9, EQUALIZE, 0.6, 3),
          pair(COLOR, 0.4, 1, ROTATE, 0.6, 8),
          pair(SOLARIZE, 0.8, 3, EQUALIZE, 0.4, 7),
          pair(SOLARIZE, 0.4, 2, SOLARIZE, 0.6, 2),
          pair(COLOR, 0.2, 0, EQUALIZE, 0.8, 8),
          pair(EQUALIZE, 0.4, 8, SOLARIZE_ADD, 0.8, 3),
          pair(SHEAR_X, 0.2, 9, ROTATE, 0.6, 8),
          pair(COLOR, 0.6, 1, EQUALIZE, 1.0, 2),
          pair(INVERT, 0.4, 9, ROTATE, 0.6, 0),
          pair(EQUALIZE, 1.0, 9, SHEAR_Y, 0.6, 3),
          pair(COLOR, 0.4, 7, EQUALIZE, 0.6, 0),
          pair(POSTERIZE, 0.4, 6, AUTO_CONTRAST, 0.4, 7),
          pair(SOLARIZE, 0.6, 8, COLOR, 0.6, 9),
          pair(SOLARIZE, 0.2, 4, ROTATE, 0.8, 9),
          pair(ROTATE, 1.0, 7, TRANSLATE_Y, 0.8, 9),
          pair(SHEAR_X, 0.0, 0, SOLARIZE, 0.8, 4),
          pair(SHEAR_Y, 0.8, 0, COLOR, 0.6, 4),
          pair(COLOR, 1.0, 0, ROTATE, 0.6, 2),
          pair(EQUALIZE, 0.8, 4, EQUALIZE, 0.0, 8),
          pair(EQUALIZE, 1.0, 4, AUTO_CONTRAST, 0.6, 2),
          pair(SHEAR_Y, 0.4, 7, SOLARIZE_ADD, 0.6, 7),
          pair(POSTERIZE, 0.8, 2, SOLARIZE, 0.6, 10),
          pair(SOLARIZE, 0.6, 8, EQUALIZE, 0.6, 1),
          pair(COLOR, 0.8, 6, ROTATE, 0.4, 5));

  public AutoAugment {
    requireNonNull(form, "form");
  }

  private static SubPolicy pair(
      LevelledOperation first,
      double firstProbability,
      double firstLevel,
      LevelledOperation second,
      double secondProbability,
      double secondLevel) {
    return new SubPolicy(
        new Entry(first, firstProbability, firstLevel),
        new Entry(second, secondProbability, secondLevel));
  }

  List<SubPolicy> table() {
    return V0.stream()
        .map(pair -> new SubPolicy(inForm(pair.first()), inForm(pair.second())))
        .toList();
  }

  private Entry inForm(Entry entry) {
    return new Entry(inForm(entry.operation()), entry.probability(), entry.level());
  }

  private LevelledOperation inForm(LevelledOperation operation) {
    if (form != PolicyForm.TPU && operation == TRANSLATE_Y) {
      return TRANSLATE_Y_REL;
    }
    return form == PolicyForm.TIMM_INCREASING && operation == POSTERIZE
        ? POSTERIZE_INCREASING
        : operation;
  }

  @Override
  public void apply(Picture picture, SampleRandom random, WarpStyle meanColour) {
    SubPolicy chosen = V0.get(random.nextInt(V0.size()));
    apply(chosen.first(), picture, random, meanColour);
    apply(chosen.second(), picture, random, meanColour);
  }

  private void apply(Entry entry, Picture picture, SampleRandom random, WarpStyle meanColour) {
    if (random.nextDouble() < entry.probability()) {
      inForm(entry.operation())
          .apply(
              picture,
              entry.level(),
              random,
              form.style(meanColour),
              form == PolicyForm.TPU ? TranslationScale.TPU_AUTO_AUGMENT : TranslationScale.TIMM);
    }
  }
}
