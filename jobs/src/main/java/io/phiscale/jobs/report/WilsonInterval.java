package io.phiscale.jobs.report;

/**
 * The 95% confidence interval of a proportion by Wilson's score method: {@code (p + z²/2n ± z·√(p(1
 * − p)/n + z²/4n²)) / (1 + z²/n)} with z = 1.959964. It covers only the chance in which images were
 * evaluated, not that of another training run.
 *
 * <p>Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
 * JASA 22 (1927).
 *
 * @param low lower end as a fraction, 0..1
 * @param high upper end as a fraction, {@code low}..1
 */
public record WilsonInterval(double low, double high) {
  /** The 97.5% quantile of the standard normal distribution. */
  private static final double Z = 1.959963984540054;

  /** Refuses ends outside 0..1 or in the wrong order. */
  public WilsonInterval {
    Checks.fraction("lower end of the interval", low);
    Checks.fraction("upper end of the interval", high);
    if (low > high) {
      throw new IllegalArgumentException(
          String.format("Invalid interval: %s..%s (must be in ascending order)", low, high));
    }
  }

  /**
   * The interval of {@code successes} in {@code trials}.
   *
   * @throws IllegalArgumentException if there are no trials, or successes outside 0..trials
   */
  public static WilsonInterval of(long successes, long trials) {
    Checks.positive("trial count", trials);
    if (successes < 0 || successes > trials) {
      throw new IllegalArgumentException(
          String.format("Invalid success count: %s (must be 0..%s)", successes, trials));
    }
    double n = trials;
    double p = successes / n;
    double square = Z * Z / n;
    double centre = p + square / 2;
    double reach = Z * Math.sqrt(p * (1 - p) / n + square / (4 * n));
    double low = successes == 0 ? 0 : (centre - reach) / (1 + square);
    double high = successes == trials ? 1 : (centre + reach) / (1 + square);
    return new WilsonInterval(Math.max(0, low), Math.min(1, high));
  }
}
