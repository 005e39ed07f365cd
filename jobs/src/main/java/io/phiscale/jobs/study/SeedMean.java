package io.phiscale.jobs.study;

import java.util.List;
import org.apache.commons.math3.distribution.TDistribution;

/**
 * The mean of a measurement over training runs that differ in their seed alone, with Student's 95%
 * interval {@code mean ± t(0.975, n − 1) · s / √n}: where the mean of ever more seeds would lie. It
 * says nothing about other images: all runs are evaluated on the same ones.
 *
 * @param seeds how many, &gt; 0
 * @param mean of them
 * @param deviation s, with n − 1 in its denominator; NaN of a single one
 * @param low lower end of the interval; NaN of a single one
 * @param high upper end
 */
public record SeedMean(int seeds, double mean, double deviation, double low, double high) {
  private static final double UPPER = 0.975;

  /**
   * Of some values.
   *
   * @param values one for each seed, not empty
   */
  public static SeedMean of(List<Double> values) {
    int n = values.size();
    if (n == 0) {
      throw new IllegalArgumentException("Invalid values: [] (must not be empty)");
    }
    double mean = values.stream().mapToDouble(Double::doubleValue).sum() / n;
    if (n == 1) {
      return new SeedMean(1, mean, Double.NaN, Double.NaN, Double.NaN);
    }
    double squares = values.stream().mapToDouble(value -> (value - mean) * (value - mean)).sum();
    double deviation = Math.sqrt(squares / (n - 1));
    double reach =
        new TDistribution(n - 1).inverseCumulativeProbability(UPPER) * deviation / Math.sqrt(n);
    return new SeedMean(n, mean, deviation, mean - reach, mean + reach);
  }

  /** Whether the interval leaves out zero; never of a single value. */
  public boolean isSettled() {
    return low > 0 || high < 0;
  }
}
