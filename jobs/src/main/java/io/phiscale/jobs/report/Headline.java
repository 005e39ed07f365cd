package io.phiscale.jobs.report;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What the report says in two sentences: which network is best, how sure that is, and what compute
 * bought.
 *
 * @param best the row with the highest top-1; of equals, the one with fewer multiply-adds
 * @param trend the line through all rows with the best row's kind of weights
 * @param sentences the sentences, plain text
 */
record Headline(NetworkResult best, Optional<Trend> trend, List<String> sentences) {

  static Headline of(EvaluationReport report) {
    Comparator<NetworkResult> better =
        Comparator.<NetworkResult>comparingDouble(row -> row.score().top1())
            .thenComparing(Comparator.comparingLong(NetworkResult::multiplyAdds).reversed());
    NetworkResult best = report.rows().stream().max(better).orElseThrow();
    List<NetworkResult> sameWeights =
        report.rows().stream().filter(row -> row.weights() == best.weights()).toList();
    Optional<Trend> trend = Trend.of(sameWeights);

    String first =
        String.format(
            "%s is best: %s%% top-1 (95%% interval %s%%) with %s parameters and %s multiply-adds per"
                + " image%s.",
            best.name(),
            Column.TOP1.shown().apply(best),
            Column.INTERVAL.shown().apply(best),
            Column.PARAMETERS.shown().apply(best),
            Column.MULTIPLY_ADDS.shown().apply(best),
            doubt(best, sameWeights));
    return new Headline(
        best,
        trend,
        trend
            .map(
                line ->
                    List.of(
                        first,
                        String.format(
                            "Each doubling of multiply-adds %s %s points of top-1 on average, over"
                                + " %d networks.",
                            line.gainPerDoubling() < 0 ? "cost" : "bought",
                            Figures.percent(Math.abs(line.gainPerDoubling()), 1),
                            line.networks())))
            .orElse(List.of(first)));
  }

  /** Other networks whose intervals reach into the best one's: the order is not settled. */
  private static String doubt(NetworkResult best, List<NetworkResult> rows) {
    double low = best.score().top1Interval().low();
    List<String> close =
        rows.stream()
            .filter(row -> !row.name().equals(best.name()))
            .filter(row -> row.score().top1Interval().high() >= low)
            .map(NetworkResult::name)
            .distinct()
            .toList();
    return switch (close.size()) {
      case 0 -> "";
      case 1 -> "; the interval of " + close.get(0) + " overlaps it";
      default -> "; the intervals of " + close.size() + " other networks overlap it";
    };
  }
}
