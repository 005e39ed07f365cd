package io.phiscale.jobs.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What the report says in a few sentences: which network is best, how sure that is, and what
 * compute bought.
 *
 * @param best the row with the highest top-1; of equals, the one with fewer multiply-adds
 * @param trend the line through all rows with the best row's kind of weights, and of its axis in a
 *     study of several; empty where they are too few to say a rate
 * @param sentences the headline, then what qualifies it; plain text
 */
record Headline(NetworkResult best, Optional<Trend> trend, List<String> sentences) {

  /** The φ of the base network, with which each axis of a study begins. */
  private static final double BASE = 0;

  static Headline of(EvaluationReport report) {
    Comparator<NetworkResult> better =
        Comparator.<NetworkResult>comparingDouble(row -> row.score().top1())
            .thenComparing(Comparator.comparingLong(NetworkResult::multiplyAdds).reversed());
    NetworkResult best = report.rows().stream().max(better).orElseThrow();
    List<NetworkResult> sameWeights =
        report.rows().stream().filter(row -> row.weights() == best.weights()).toList();
    List<NetworkResult> sameAxis =
        sameWeights.stream()
            .filter(row -> row.axis().equals(best.axis()) || row.scaling().phi() == BASE)
            .toList();
    Optional<Trend> trend = Trend.of(sameAxis);
    String axis = sameAxis.size() < sameWeights.size() ? best.axis().orElseThrow().words() : "";

    String winner =
        String.format("%s is best with %s%% top-1", best.name(), Column.TOP1.shown().apply(best));
    String gain =
        trend
            .map(
                line ->
                    String.format(
                        "; each doubling of multiply-adds%s %s %s points",
                        axis.isEmpty() ? "" : " " + axis,
                        line.gainPerDoubling() < 0 ? "costs" : "buys",
                        Figures.percent(Math.abs(line.gainPerDoubling()), 1)))
            .orElse("");
    String detail =
        String.format(
            "Its 95%% interval is %s%% (%s weights); it has %s parameters and takes %s multiply-adds"
                + " per image.",
            Column.INTERVAL.shown().apply(best),
            best.weights().label(),
            Column.PARAMETERS.shown().apply(best),
            Column.MULTIPLY_ADDS.shown().apply(best));
    List<String> sentences = new ArrayList<>(List.of(winner + gain + ".", detail));
    doubt(best, sameWeights).ifPresent(sentences::add);
    gain(trend, sameAxis, axis).ifPresent(sentences::add);
    return new Headline(best, trend, List.copyOf(sentences));
  }

  /** Where the rate comes from, or why there is none; nothing of one size, where nobody asks. */
  private static Optional<String> gain(
      Optional<Trend> trend, List<NetworkResult> rows, String axis) {
    if (trend.isPresent()) {
      boolean fromBase = rows.stream().map(NetworkResult::axis).distinct().count() > 1;
      String whose = fromBase ? "those of the base network and " : "";
      return Optional.of(
          String.format(
              "The gain per doubling is that of the least-squares line through %d results%s.",
              trend.get().networks(), axis.isEmpty() ? "" : ", " + whose + "those scaled " + axis));
    }
    long sizes = Trend.sizes(rows);
    if (sizes < 2) {
      return Optional.empty();
    }
    return Optional.of(
        sizes < Trend.LEAST_SIZES
            ? String.format(
                "%d sizes of network are too few to say what a doubling of multiply-adds buys (%d are"
                    + " needed).",
                sizes, Trend.LEAST_SIZES)
            : "The networks are too close in size to say what a doubling of multiply-adds buys.");
  }

  /** Other networks whose intervals reach into the best one's: the order is not settled. */
  private static Optional<String> doubt(NetworkResult best, List<NetworkResult> rows) {
    double low = best.score().top1Interval().low();
    List<String> close =
        rows.stream()
            .filter(row -> !row.name().equals(best.name()))
            .filter(row -> row.score().top1Interval().high() >= low)
            .map(NetworkResult::name)
            .distinct()
            .toList();
    return switch (close.size()) {
      case 0 -> Optional.empty();
      case 1 -> Optional.of("The interval of " + close.get(0) + " overlaps it.");
      default -> Optional.of("The intervals of " + close.size() + " other networks overlap it.");
    };
  }
}
