package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;

/**
 * Brightness, contrast and saturation by factors of 1 - strength to 1 + strength, at least 0, in
 * random order: torchvision's {@code ColorJitter(strength, strength, strength)}, which is what
 * timm's {@code color_jitter} means.
 */
final class ColorJitter {
  private static final Operation[][] ORDERS = {
    {Operation.BRIGHTNESS, Operation.CONTRAST, Operation.COLOR},
    {Operation.BRIGHTNESS, Operation.COLOR, Operation.CONTRAST},
    {Operation.CONTRAST, Operation.BRIGHTNESS, Operation.COLOR},
    {Operation.CONTRAST, Operation.COLOR, Operation.BRIGHTNESS},
    {Operation.COLOR, Operation.BRIGHTNESS, Operation.CONTRAST},
    {Operation.COLOR, Operation.CONTRAST, Operation.BRIGHTNESS}
  };

  private ColorJitter() {}

  static void apply(Picture picture, double strength, SampleRandom random, WarpStyle style) {
    double least = Math.max(0, 1 - strength);
    for (Operation operation : ORDERS[random.nextInt(ORDERS.length)]) {
      operation.apply(picture, random.nextDouble(least, 1 + strength), style);
    }
  }
}
