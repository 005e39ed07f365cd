package io.phiscale.jobs.law;

/**
 * A 95% interval.
 *
 * @param low its lower end
 * @param high its upper end, &gt;= low
 */
public record Interval(double low, double high) {
  public Interval {
    if (!(low <= high)) {
      throw new IllegalArgumentException(
          String.format("Invalid interval: [%s, %s] (low must be <= high)", low, high));
    }
  }

  /** Whether a value lies within, ends included. */
  public boolean contains(double value) {
    return low <= value && value <= high;
  }
}
