package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;

/**
 * An {@link Operation} whose argument is chosen by a level, 0 to 10, some of them with a random
 * sign. Names and rules are timm's ({@code data/auto_augment.py}, LEVEL_TO_ARG); {@code
 * tensorflow/tpu} has the same for those it has.
 */
enum LevelledOperation {
  AUTO_CONTRAST("AutoContrast", Operation.AUTO_CONTRAST),
  EQUALIZE("Equalize", Operation.EQUALIZE),
  INVERT("Invert", Operation.INVERT),
  ROTATE("Rotate", Operation.ROTATE),
  POSTERIZE("Posterize", Operation.POSTERIZE),
  POSTERIZE_INCREASING("PosterizeIncreasing", Operation.POSTERIZE),
  SOLARIZE("Solarize", Operation.SOLARIZE),
  SOLARIZE_INCREASING("SolarizeIncreasing", Operation.SOLARIZE),
  SOLARIZE_ADD("SolarizeAdd", Operation.SOLARIZE_ADD),
  COLOR("Color", Operation.COLOR),
  COLOR_INCREASING("ColorIncreasing", Operation.COLOR),
  CONTRAST("Contrast", Operation.CONTRAST),
  CONTRAST_INCREASING("ContrastIncreasing", Operation.CONTRAST),
  BRIGHTNESS("Brightness", Operation.BRIGHTNESS),
  BRIGHTNESS_INCREASING("BrightnessIncreasing", Operation.BRIGHTNESS),
  SHARPNESS("Sharpness", Operation.SHARPNESS),
  SHARPNESS_INCREASING("SharpnessIncreasing", Operation.SHARPNESS),
  SHEAR_X("ShearX", Operation.SHEAR_X),
  SHEAR_Y("ShearY", Operation.SHEAR_Y),
  TRANSLATE_X("TranslateX", Operation.TRANSLATE_X),
  TRANSLATE_Y("TranslateY", Operation.TRANSLATE_Y),
  TRANSLATE_X_REL("TranslateXRel", Operation.TRANSLATE_X),
  TRANSLATE_Y_REL("TranslateYRel", Operation.TRANSLATE_Y),
  /** Of {@code tensorflow/tpu} alone: a grey square of twice the argument at a random place. */
  CUTOUT("Cutout", Operation.IDENTITY);

  private static final double HIGHEST_LEVEL = 10;

  private final String timmName;
  private final Operation operation;

  LevelledOperation(String timmName, Operation operation) {
    this.timmName = timmName;
    this.operation = operation;
  }

  String timmName() {
    return timmName;
  }

  private boolean hasSign() {
    return switch (this) {
      case ROTATE,
          COLOR_INCREASING,
          CONTRAST_INCREASING,
          BRIGHTNESS_INCREASING,
          SHARPNESS_INCREASING,
          SHEAR_X,
          SHEAR_Y,
          TRANSLATE_X,
          TRANSLATE_Y,
          TRANSLATE_X_REL,
          TRANSLATE_Y_REL ->
          true;
      default -> false;
    };
  }

  /**
   * The operation's argument; that of a translation relative to the side is a fraction.
   *
   * @param level 0 to 10, or more
   * @param sign 1 or -1; plays no part where the operation has none
   * @param scale of translations
   */
  double argument(double level, int sign, TranslationScale scale) {
    double part = level / HIGHEST_LEVEL;
    return switch (this) {
      case AUTO_CONTRAST, EQUALIZE, INVERT -> 0;
      case ROTATE -> sign * (part * 30);
      case POSTERIZE -> (int) (part * 4);
      case POSTERIZE_INCREASING -> 4 - (int) (part * 4);
      case SOLARIZE -> Math.min(256, (int) (part * 256));
      case SOLARIZE_INCREASING -> 256 - Math.min(256, (int) (part * 256));
      case SOLARIZE_ADD -> Math.min(128, (int) (part * 110));
      case COLOR, CONTRAST, BRIGHTNESS, SHARPNESS -> part * 1.8 + 0.1;
      case COLOR_INCREASING, CONTRAST_INCREASING, BRIGHTNESS_INCREASING, SHARPNESS_INCREASING ->
          Math.max(0.1, 1.0 + sign * (part * 0.9));
      case SHEAR_X, SHEAR_Y -> sign * (part * 0.3);
      case TRANSLATE_X, TRANSLATE_Y -> sign * (part * scale.pixels());
      case TRANSLATE_X_REL, TRANSLATE_Y_REL -> sign * (part * scale.fraction());
      case CUTOUT -> (int) (part * 40);
    };
  }

  void apply(
      Picture picture, double level, SampleRandom random, WarpStyle style, TranslationScale scale) {
    int sign = hasSign() && random.nextInt(2) == 1 ? -1 : 1;
    double argument = argument(level, sign, scale);
    switch (this) {
      case TRANSLATE_X_REL -> operation.apply(picture, argument * picture.widthPx(), style);
      case TRANSLATE_Y_REL -> operation.apply(picture, argument * picture.heightPx(), style);
      case CUTOUT -> cutOut(picture, (int) argument, random, style);
      default -> operation.apply(picture, argument, style);
    }
  }

  private static void cutOut(Picture picture, int half, SampleRandom random, WarpStyle style) {
    int centreY = random.nextInt(picture.heightPx());
    int centreX = random.nextInt(picture.widthPx());
    byte[] pixels = picture.pixels();
    int right = Math.min(picture.widthPx(), centreX + half);
    int bottom = Math.min(picture.heightPx(), centreY + half);
    for (int y = Math.max(0, centreY - half); y < bottom; y++) {
      for (int x = Math.max(0, centreX - half); x < right; x++) {
        int at = (y * picture.widthPx() + x) * Picture.CHANNELS;
        pixels[at] = (byte) style.red();
        pixels[at + 1] = (byte) style.green();
        pixels[at + 2] = (byte) style.blue();
      }
    }
  }
}
