package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;

/**
 * AlexNet's noise of lighting (Krizhevsky et al. 2012, section 4.1): to every pixel of a picture
 * the same {@code sum over i of p_i alpha_i lambda_i} is added, where p and lambda are the
 * principal components of ImageNet's RGB values and alpha is normal with mean 0.
 *
 * <p>The components are those of {@code fb.resnet.torch}, {@code datasets/imagenet.lua}, in units
 * of the full range. It adds to floats and does not clip; here the sum is rounded and clipped to 8
 * bits.
 */
final class Lighting {
  private static final double[] EIGENVALUES = {0.2175, 0.0188, 0.0045};

  /** Rows: red, green, blue; columns: components. */
  private static final double[][] EIGENVECTORS = {
    {-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}
  };

  private Lighting() {}

  static void apply(Picture picture, double stddev, SampleRandom random) {
    double first = stddev * Distributions.gaussian(random);
    double second = stddev * Distributions.gaussian(random);
    double third = stddev * Distributions.gaussian(random);
    Colours.add(
        picture,
        shift(0, first, second, third),
        shift(1, first, second, third),
        shift(2, first, second, third));
  }

  /** What is added to a channel, in units of the full range. */
  static double shift(int channel, double first, double second, double third) {
    double[] row = EIGENVECTORS[channel];
    return row[0] * first * EIGENVALUES[0]
        + row[1] * second * EIGENVALUES[1]
        + row[2] * third * EIGENVALUES[2];
  }
}
