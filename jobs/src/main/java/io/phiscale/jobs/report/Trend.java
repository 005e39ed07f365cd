package io.phiscale.jobs.report;

import java.util.List;
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

  /** The line through these rows; empty if they have fewer than two different multiply-adds. */
  static Optional<Trend> of(List<NetworkResult> rows) {
    if (rows.stream().mapToLong(NetworkResult::multiplyAdds).distinct().count() < 2) {
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
