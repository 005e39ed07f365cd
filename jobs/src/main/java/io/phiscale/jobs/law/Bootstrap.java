package io.phiscale.jobs.law;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Residual bootstrap of a fit (Efron &amp; Tibshirani 1993, chapter 9): errors are predicted errors
 * times exp(a residual drawn with replacement), and fitted anew. Residuals are centred and enlarged
 * by √(n / (n − p)), since n points fitted with p coefficients lie closer to the curve than new
 * ones would.
 */
final class Bootstrap {
  private static final double TAIL = 0.025;

  /** Share of the resamples that must converge; the others have no coefficients to count. */
  private static final double LEAST_CONVERGED = 0.95;

  private final List<double[]> fits;
  private final double[] noise;

  private Bootstrap(List<double[]> fits, double[] noise) {
    this.fits = fits;
    this.noise = noise;
  }

  static Bootstrap of(
      RobustLeastSquares.Prediction prediction,
      double[] observed,
      double[] coefficients,
      int resamples,
      long seed) {
    int n = observed.length;
    double[] residuals = new RobustLeastSquares(prediction, observed).residuals(coefficients);
    double mean = Arrays.stream(residuals).average().orElseThrow();
    double enlarge = Math.sqrt((double) n / (n - coefficients.length));
    double[] noise = Arrays.stream(residuals).map(r -> (r - mean) * enlarge).toArray();
    List<double[]> fits = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < resamples; i++) {
      double[] drawn = new double[n];
      for (int k = 0; k < n; k++) {
        drawn[k] = prediction.error(coefficients, k) * Math.exp(noise[random.nextInt(n)]);
      }
      new RobustLeastSquares(prediction, drawn).fitFrom(coefficients).ifPresent(fits::add);
    }
    if (fits.size() < LEAST_CONVERGED * resamples) {
      throw new IllegalStateException(
          String.format(
              "Cannot fit: only %s of %s bootstrap resamples converge: these points do not determine"
                  + " the coefficients",
              fits.size(), resamples));
    }
    return new Bootstrap(fits, noise);
  }

  /** The coefficient's 95% interval. */
  Interval coefficient(int index) {
    return interval(fits.stream().mapToDouble(c -> c[index]).toArray());
  }

  /** The 95% interval of the curve itself. */
  Interval curve(Curve curve) {
    return interval(fits.stream().mapToDouble(curve::at).toArray());
  }

  /** The 95% interval of a new observation: of the curve, and of a point about it. */
  Interval prediction(Curve curve, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return interval(
        fits.stream()
            .mapToDouble(c -> curve.at(c) * Math.exp(noise[random.nextInt(noise.length)]))
            .toArray());
  }

  /** A quantity that coefficients give. */
  @FunctionalInterface
  interface Curve {
    double at(double[] coefficients);
  }

  private static Interval interval(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return new Interval(quantile(sorted, TAIL), quantile(sorted, 1 - TAIL));
  }

  /** Linear between order statistics (type 7 of Hyndman &amp; Fan). */
  private static double quantile(double[] sorted, double p) {
    double position = p * (sorted.length - 1);
    int below = (int) Math.floor(position);
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  }
}
