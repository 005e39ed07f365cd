package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;

/** Random numbers that are not uniform; {@link StrictMath}, so the same on every machine. */
final class Distributions {
  private Distributions() {}

  /** Normal, mean 0, deviation 1 (Box and Muller 1958, the cosine of the pair). */
  static double gaussian(SampleRandom random) {
    double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
    return radius * StrictMath.cos(2 * Math.PI * random.nextDouble());
  }

  /**
   * The logarithm of a gamma variate of scale 1: a small shape underflows otherwise. Marsaglia and
   * Tsang, A Simple Method for Generating Gamma Variables, 2000: gamma(a) = gamma(a + 1) u^(1/a).
   */
  static double logGamma(double shape, SampleRandom random) {
    double d = shape + 1 - 1.0 / 3;
    double c = 1 / StrictMath.sqrt(9 * d);
    while (true) {
      double x = gaussian(random);
      double root = 1 + c * x;
      if (root <= 0) {
        continue;
      }
      double v = root * root * root;
      double u = 1 - random.nextDouble();
      if (StrictMath.log(u) < 0.5 * x * x + d - d * v + d * StrictMath.log(v)) {
        return StrictMath.log(d * v) + StrictMath.log(1 - random.nextDouble()) / shape;
      }
    }
  }

  /** Beta(alpha, alpha), [0, 1]. */
  static double beta(double alpha, SampleRandom random) {
    double first = logGamma(alpha, random);
    double second = logGamma(alpha, random);
    return 1 / (1 + StrictMath.exp(second - first));
  }

  /** Dirichlet with equal parameters: as many shares as the array is long, of sum 1. */
  static void dirichlet(double alpha, double[] shares, SampleRandom random) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < shares.length; i++) {
      shares[i] = logGamma(alpha, random);
      largest = Math.max(largest, shares[i]);
    }
    double sum = 0;
    for (int i = 0; i < shares.length; i++) {
      shares[i] = StrictMath.exp(shares[i] - largest);
      sum += shares[i];
    }
    for (int i = 0; i < shares.length; i++) {
      shares[i] /= sum;
    }
  }
}
