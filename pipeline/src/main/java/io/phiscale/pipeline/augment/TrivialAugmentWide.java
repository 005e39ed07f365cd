package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;
import java.util.List;

/**
 * TrivialAugment with the wide ranges (Müller and Hutter 2021, arXiv 2103.10158): one operation of
 * 14, at one of 31 magnitudes, all drawn evenly. Nearest pixels, black from outside.
 *
 * <p>Source: torchvision's {@code TrivialAugmentWide}. It has its magnitudes in float32, so that
 * its 15th translation of 16 pixels is cut off to 15; here it is 16.
 */
public record TrivialAugmentWide() implements Policy {
  static final int MAGNITUDES = 31;

  /**
   * One operation.
   *
   * @param operation which
   * @param first magnitude 0
   * @param last magnitude 30
   * @param signs 2 where the magnitude's sign is drawn too, else 1
   */
  record Choice(Operation operation, double first, double last, int signs) {
    double magnitude(int index) {
      double magnitude = first + (last - first) * index / (MAGNITUDES - 1);
      // Half way it rounds to the even number, as torch does.
      return operation == Operation.POSTERIZE ? first - Math.rint(first - magnitude) : magnitude;
    }
  }

  static final List<Choice> CHOICES =
      List.of(
          new Choice(Operation.IDENTITY, 0, 0, 1),
          new Choice(Operation.SHEAR_X, 0, 0.99, 2),
          new Choice(Operation.SHEAR_Y, 0, 0.99, 2),
          new Choice(Operation.TRANSLATE_X, 0, 32, 2),
          new Choice(Operation.TRANSLATE_Y, 0, 32, 2),
          new Choice(Operation.ROTATE, 0, 135, 2),
          new Choice(Operation.BRIGHTNESS, 0, 0.99, 2),
          new Choice(Operation.COLOR, 0, 0.99, 2),
          new Choice(Operation.CONTRAST, 0, 0.99, 2),
          new Choice(Operation.SHARPNESS, 0, 0.99, 2),
          new Choice(Operation.POSTERIZE, 8, 2, 1),
          new Choice(Operation.SOLARIZE, 255, 0, 1),
          new Choice(Operation.AUTO_CONTRAST, 0, 0, 1),
          new Choice(Operation.EQUALIZE, 0, 0, 1));

  @Override
  public void apply(Picture picture, SampleRandom random, WarpStyle meanColour) {
    Choice choice = CHOICES.get(random.nextInt(CHOICES.size()));
    double magnitude = choice.magnitude(random.nextInt(MAGNITUDES));
    apply(
        picture, choice.operation(), random.nextInt(choice.signs()) == 0 ? magnitude : -magnitude);
  }

  /** torchvision's {@code _apply_op}: factors are relative to 1, translations go to the right. */
  static void apply(Picture picture, Operation operation, double magnitude) {
    double argument =
        switch (operation) {
          case BRIGHTNESS, COLOR, CONTRAST, SHARPNESS -> 1 + magnitude;
          case TRANSLATE_X, TRANSLATE_Y -> -(int) magnitude;
          default -> magnitude;
        };
    operation.apply(picture, argument, WarpStyle.NEAREST_BLACK);
  }
}
