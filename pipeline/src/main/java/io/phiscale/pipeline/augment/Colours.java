package io.phiscale.pipeline.augment;

/**
 * Operations on colours, with the arithmetic of Pillow's {@code ImageOps} and {@code ImageEnhance}
 * ({@code libImaging/Blend.c}: float32, cut off, not rounded).
 */
final class Colours {
  // Weights of red, green and blue in grey, 16 bits after the point (libImaging/Convert.c, L24).
  private static final int RED = 19595;
  private static final int GREEN = 38470;
  private static final int BLUE = 7471;
  private static final int HALF = 0x8000;

  /** Kernel of ImageFilter.SMOOTH: 5 in the middle, 1 around it. */
  private static final int SMOOTH_SUM = 13;

  private static final byte[] SMOOTHED = new byte[SMOOTH_SUM * 255 + 1];

  static {
    for (int sum = 0; sum < SMOOTHED.length; sum++) {
      SMOOTHED[sum] = (byte) ((2 * sum + SMOOTH_SUM) / (2 * SMOOTH_SUM));
    }
  }

  private Colours() {}

  /** {@code 255 - value}. */
  static void invert(Picture picture) {
    int[] table = picture.next();
    for (int i = 0; i < table.length; i++) {
      table[i] = 255 - (i & 0xff);
    }
    picture.applyNext();
  }

  /** Keeps the upper bits, 0 to 8; 8 and more: all. */
  static void posterize(Picture picture, int bits) {
    int mask = -(1 << (8 - Math.max(0, Math.min(8, bits))));
    int[] table = picture.next();
    for (int i = 0; i < table.length; i++) {
      table[i] = i & 0xff & mask;
    }
    picture.applyNext();
  }

  /** Inverts values from {@code threshold} on. */
  static void solarize(Picture picture, double threshold) {
    int[] table = picture.next();
    for (int i = 0; i < table.length; i++) {
      int value = i & 0xff;
      table[i] = value < threshold ? value : 255 - value;
    }
    picture.applyNext();
  }

  /** Adds to values below 128, up to 255. */
  static void solarizeAdd(Picture picture, int addition) {
    int[] table = picture.next();
    for (int i = 0; i < table.length; i++) {
      int value = i & 0xff;
      table[i] = value < 128 ? Math.max(0, Math.min(255, value + addition)) : value;
    }
    picture.applyNext();
  }

  /** Spreads each channel over 0 to 255. */
  static void autoContrast(Picture picture) {
    int[] counts = picture.histogram();
    int[] table = picture.next();
    for (int c = 0; c < Picture.CHANNELS; c++) {
      int start = c * Picture.VALUES;
      int low = 0;
      while (low < 255 && counts[start + low] == 0) {
        low++;
      }
      int high = 255;
      while (high > 0 && counts[start + high] == 0) {
        high--;
      }
      double scale = 255.0 / (high - low);
      double offset = -low * scale;
      for (int value = 0; value < Picture.VALUES; value++) {
        table[start + value] =
            high <= low ? value : Math.max(0, Math.min(255, (int) (value * scale + offset)));
      }
    }
    picture.applyNext();
  }

  /** Makes the values of each channel about equally frequent. */
  static void equalize(Picture picture) {
    int[] counts = picture.histogram();
    int[] table = picture.next();
    for (int c = 0; c < Picture.CHANNELS; c++) {
      int start = c * Picture.VALUES;
      int total = 0;
      int last = 0;
      for (int value = 0; value < Picture.VALUES; value++) {
        int count = counts[start + value];
        total += count;
        last = count == 0 ? last : count;
      }
      // With one value only, total - last is 0.
      int step = (total - last) / 255;
      int sum = step / 2;
      for (int value = 0; value < Picture.VALUES; value++) {
        table[start + value] = step == 0 ? value : Math.min(255, sum / step);
        sum += counts[start + value];
      }
    }
    picture.applyNext();
  }

  /** Blends black (0) with the picture (1). */
  static void brightness(Picture picture, double factor) {
    blendWith(picture, 0, (float) factor);
  }

  /** Blends the mean grey (0) with the picture (1). */
  static void contrast(Picture picture, double factor) {
    byte[] tables = picture.tables();
    int[] parts = picture.next();
    for (int value = 0; value < Picture.VALUES; value++) {
      parts[value] = RED * (tables[value] & 0xff) + HALF;
      parts[Picture.VALUES + value] = GREEN * (tables[Picture.VALUES + value] & 0xff);
      parts[2 * Picture.VALUES + value] = BLUE * (tables[2 * Picture.VALUES + value] & 0xff);
    }
    byte[] pixels = picture.storedPixels();
    int end = picture.length();
    int pixelCount = picture.widthPx() * picture.heightPx();
    long sum = 0;
    for (int i = 0; i < end; i += Picture.CHANNELS) {
      sum +=
          (parts[pixels[i] & 0xff]
                  + parts[Picture.VALUES + (pixels[i + 1] & 0xff)]
                  + parts[2 * Picture.VALUES + (pixels[i + 2] & 0xff)])
              >>> 16;
    }
    int mean = (int) ((double) sum / pixelCount + 0.5);
    blendWith(picture, mean, (float) factor);
  }

  private static void blendWith(Picture picture, int value, float factor) {
    int[] table = picture.next();
    for (int i = 0; i < table.length; i++) {
      table[i] = blend(value, i & 0xff, factor);
    }
    picture.applyNext();
  }

  /** Blends the grey picture (0) with the picture (1). */
  static void color(Picture picture, double factor) {
    byte[] tables = picture.tables();
    byte[] pixels = picture.storedPixels();
    float share = (float) factor;
    int end = picture.length();
    for (int i = 0; i < end; i += Picture.CHANNELS) {
      int red = tables[pixels[i] & 0xff] & 0xff;
      int green = tables[Picture.VALUES + (pixels[i + 1] & 0xff)] & 0xff;
      int blue = tables[2 * Picture.VALUES + (pixels[i + 2] & 0xff)] & 0xff;
      int grey = (RED * red + GREEN * green + BLUE * blue + HALF) >> 16;
      pixels[i] = (byte) blend(grey, red, share);
      pixels[i + 1] = (byte) blend(grey, green, share);
      pixels[i + 2] = (byte) blend(grey, blue, share);
    }
    picture.forgetTables();
  }

  /** Blends the smoothed picture (0) with the picture (1); the outermost pixels stay. */
  static void sharpness(Picture picture, double factor) {
    byte[] pixels = picture.pixels();
    byte[] out = picture.spare();
    int row = picture.widthPx() * Picture.CHANNELS;
    int rows = picture.heightPx();
    float share = (float) factor;
    int[] columns = picture.line(row);
    System.arraycopy(pixels, 0, out, 0, Math.min(row, picture.length()));
    for (int y = 1; y < rows - 1; y++) {
      int start = y * row;
      for (int i = 0; i < row; i++) {
        columns[i] =
            (pixels[start - row + i] & 0xff)
                + (pixels[start + i] & 0xff)
                + (pixels[start + row + i] & 0xff);
      }
      for (int i = 0; i < Picture.CHANNELS; i++) {
        out[start + i] = pixels[start + i];
        out[start + row - 1 - i] = pixels[start + row - 1 - i];
      }
      for (int i = Picture.CHANNELS; i < row - Picture.CHANNELS; i++) {
        int value = pixels[start + i] & 0xff;
        int sum = columns[i - Picture.CHANNELS] + columns[i] + columns[i + Picture.CHANNELS];
        out[start + i] = (byte) blend(SMOOTHED[sum + 4 * value] & 0xff, value, share);
      }
    }
    if (rows > 1) {
      System.arraycopy(pixels, (rows - 1) * row, out, (rows - 1) * row, row);
    }
    picture.swap();
  }

  /** Adds an amount to each channel, in units of the full range; rounds, and clips to 0 and 255. */
  static void add(Picture picture, double red, double green, double blue) {
    int[] table = picture.next();
    for (int i = 0; i < table.length; i++) {
      double amount = i < Picture.VALUES ? red : i < 2 * Picture.VALUES ? green : blue;
      table[i] = (int) Math.max(0, Math.min(255, Math.rint((i & 0xff) + 255 * amount)));
    }
    picture.applyNext();
  }

  private static int blend(int degenerate, int value, float factor) {
    int blended = (int) (degenerate + factor * (value - degenerate));
    return blended < 0 ? 0 : Math.min(blended, 255);
  }
}
