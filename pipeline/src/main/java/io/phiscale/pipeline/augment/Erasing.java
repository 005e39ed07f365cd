package io.phiscale.pipeline.augment;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.SampleRandom;
import java.io.Serializable;
import java.nio.FloatBuffer;

/**
 * Random erasing (Zhong et al. 2017, arXiv 1708.04896) of normalised images: with some probability
 * one rectangle, of 2% to a third of the area and an aspect ratio of 0.3 to 1 / 0.3, is painted
 * over.
 *
 * <p>Source: timm, {@code data/random_erasing.py}, with its default ranges and one rectangle.
 *
 * @param probability that an image is erased, [0, 1]
 * @param fill what is painted
 */
public record Erasing(double probability, Fill fill) implements Serializable {
  /** Nothing is erased. */
  public static final Erasing NONE = new Erasing(0, Fill.CONSTANT);

  private static final double MIN_AREA = 0.02;
  private static final double MAX_AREA = 1.0 / 3;
  private static final double MIN_ASPECT = 0.3;
  private static final int TRIES = 10;

  /** What is painted, in normalised values. */
  public enum Fill {
    /** 0, the mean colour (timm: const). */
    CONSTANT,
    /** One normal value per channel (timm: rand). */
    COLOR,
    /** A normal value per pixel and channel (timm: pixel). */
    PIXEL
  }

  /** A rectangle inside an image, in pixels. */
  record Box(int left, int top, int width, int height) {}

  public Erasing {
    requireNonNull(fill, "fill");
    if (!(probability >= 0 && probability <= 1)) {
      throw new IllegalArgumentException(
          "Invalid probability of erasing: %s (must be in [0, 1])".formatted(probability));
    }
  }

  /** Draws the rectangle; null: none. */
  Box box(int side, SampleRandom random) {
    if (random.nextDouble() >= probability) {
      return null;
    }
    double imageArea = (double) side * side;
    double logAspect = StrictMath.log(MIN_ASPECT);
    for (int attempt = 0; attempt < TRIES; attempt++) {
      double area = random.nextDouble(MIN_AREA, MAX_AREA) * imageArea;
      double aspect = StrictMath.exp(random.nextDouble(logAspect, -logAspect));
      int height = (int) Math.rint(Math.sqrt(area * aspect));
      int width = (int) Math.rint(Math.sqrt(area / aspect));
      if (width < side && height < side) {
        int top = random.nextInt(side - height + 1);
        int left = random.nextInt(side - width + 1);
        return new Box(left, top, width, height);
      }
    }
    return null;
  }

  /**
   * Paints over a part of an image.
   *
   * @param images receives the values
   * @param offset of the image's first value
   * @param side of the image, pixels
   * @param line scratch for a row of the image
   */
  void apply(FloatBuffer images, int offset, int side, float[] line, SampleRandom random) {
    Box box = box(side, random);
    if (box == null) {
      return;
    }
    float red = 0;
    float green = 0;
    float blue = 0;
    if (fill == Fill.COLOR) {
      red = (float) Distributions.gaussian(random);
      green = (float) Distributions.gaussian(random);
      blue = (float) Distributions.gaussian(random);
    }
    int values = box.width() * Picture.CHANNELS;
    for (int y = box.top(); y < box.top() + box.height(); y++) {
      for (int i = 0; i < values; i += Picture.CHANNELS) {
        if (fill == Fill.PIXEL) {
          red = (float) Distributions.gaussian(random);
          green = (float) Distributions.gaussian(random);
          blue = (float) Distributions.gaussian(random);
        }
        line[i] = red;
        line[i + 1] = green;
        line[i + 2] = blue;
      }
      images.put(offset + (y * side + box.left()) * Picture.CHANNELS, line, 0, values);
    }
  }
}
