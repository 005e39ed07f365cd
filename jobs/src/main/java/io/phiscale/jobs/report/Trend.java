package io.phiscale.jobs.report;

import io.phiscale.jobs.law.LawFit;
import io.phiscale.jobs.law.LawForm;
import java.util.List;
import java.util.LongSummaryStatistics;
import java.util.Optional;

/**
 * The straight line through top-1 against log2 of the multiply-adds, by ordinary least squares: a
 * summary of the networks shown, not a scaling law to extrapolate.
 *
 * @param intercept top-1 fraction at one multiply-add
 * @param gainPerDoubling change of the top-1 fraction when multiply-adds double
 * @param networks rows the line goes through
 */
record Trend(double intercept, double gainPerDoubling, int networks) {

  /** Sizes below which nothing is said of a rate: as many as the simplest law needs. */
  static final int LEAST_SIZES = LawForm.POWER.pointsNeeded();

  /**
   * The line through these rows; empty if their multiply-adds are fewer different ones than {@link
   * #LEAST_SIZES}, or span less than a law must: a rate from so little would be noise.
   */
  static Optional<Trend> of(List<NetworkResult> rows) {
    LongSummaryStatistics span =
        rows.stream().mapToLong(NetworkResult::multiplyAdds).summaryStatistics();
    if (sizes(rows) < LEAST_SIZES || span.getMax() < LawFit.LEAST_SPAN * span.getMin()) {
      return Optional.empty();
    }
    double meanX = rows.stream().mapToDouble(Trend::log2).average().orElseThrow();
    double meanY = rows.stream().mapToDouble(row -> row.score().top1()).average().orElseThrow();
    double covariance = 0;
    double variance = 0;
    for (NetworkResult row : rows) {
      double x = log2(row) - meanX;
      covariance += x * (row.score().top1() - meanY);
      variance += x * x;
    }
    double slope = covariance / variance;
    return Optional.of(new Trend(meanY - slope * meanX, slope, rows.size()));
  }

  /** How many different sizes these rows have. */
  static long sizes(List<NetworkResult> rows) {
    return rows.stream().mapToLong(NetworkResult::multiplyAdds).distinct().count();
  }

  /** Top-1 fraction of the line at this many multiply-adds. */
  double at(double multiplyAdds) {
    return intercept + gainPerDoubling * log2(multiplyAdds);
  }

  private static double log2(NetworkResult row) {
    return log2((double) row.multiplyAdds());
  }

  private static double log2(double value) {
    return Math.log(value) / Math.log(2);
  }
}
