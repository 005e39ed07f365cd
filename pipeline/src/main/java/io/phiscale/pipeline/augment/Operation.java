package io.phiscale.pipeline.augment;

/**
 * One change of a picture, by one number whose meaning is the operation's own. Results are those of
 * Pillow 12.3 bit for bit (on x86-64, where its C code multiplies and adds in two roundings).
 *
 * <p>Source: Cubuk et al., AutoAugment, 2019 (arXiv 1805.09501), table 6; {@code tensorflow/tpu},
 * {@code efficientnet/autoaugment.py}; timm, {@code data/auto_augment.py}.
 */
public enum Operation {
  /** Nothing. */
  IDENTITY {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {}
  },
  /** Spreads each channel over 0 to 255. No argument. */
  AUTO_CONTRAST {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.autoContrast(picture);
    }
  },
  /** Makes the values of each channel about equally frequent. No argument. */
  EQUALIZE {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.equalize(picture);
    }
  },
  /** 255 minus each value. No argument. */
  INVERT {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.invert(picture);
    }
  },
  /** Keeps so many of the upper bits, 0 to 8. */
  POSTERIZE {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.posterize(picture, (int) argument);
    }
  },
  /** Inverts values from the argument on, 0 to 256. */
  SOLARIZE {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.solarize(picture, argument);
    }
  },
  /** Adds the argument to values below 128. */
  SOLARIZE_ADD {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.solarizeAdd(picture, (int) argument);
    }
  },
  /** Blends grey (0) with the picture (1) and beyond. */
  COLOR {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.color(picture, argument);
    }
  },
  /** Blends the mean grey (0) with the picture (1) and beyond. */
  CONTRAST {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.contrast(picture, argument);
    }
  },
  /** Blends black (0) with the picture (1) and beyond. */
  BRIGHTNESS {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.brightness(picture, argument);
    }
  },
  /** Blends the smoothed picture (0) with the picture (1) and beyond. */
  SHARPNESS {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Colours.sharpness(picture, argument);
    }
  },
  /** Moves each row to the left by the argument times its distance from the top. */
  SHEAR_X {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Warp.shearX(picture, argument, style);
    }
  },
  /** Moves each column upwards by the argument times its distance from the left. */
  SHEAR_Y {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Warp.shearY(picture, argument, style);
    }
  },
  /** Moves to the left, by pixels. */
  TRANSLATE_X {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Warp.translateX(picture, argument, style);
    }
  },
  /** Moves upwards, by pixels. */
  TRANSLATE_Y {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Warp.translateY(picture, argument, style);
    }
  },
  /** Turns counter-clockwise around the centre, by degrees. */
  ROTATE {
    @Override
    public void apply(Picture picture, double argument, WarpStyle style) {
      Warp.rotate(picture, argument, style);
    }
  };

  /**
   * Changes a picture.
   *
   * @param picture changed in place
   * @param argument the operation's number; ignored by operations without one
   * @param style how geometric operations look up pixels
   */
  public abstract void apply(Picture picture, double argument, WarpStyle style);
}
