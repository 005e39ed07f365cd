package io.phiscale.jobs.report;

import io.phiscale.jobs.law.LawAnalysis;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Two reports side by side: which networks both have and by how much they differ, the laws of both,
 * and what was configured differently.
 *
 * @param first one report
 * @param second the other
 */
public record Comparison(EvaluationReport first, EvaluationReport second) {
  /** Facts that always differ and explain nothing. */
  private static final Set<String> PLACES =
      Set.of("name", "study.output", "evaluate.output", "train.output", "evaluate.checkpoint");

  public Comparison {
    Objects.requireNonNull(first, "first");
    Objects.requireNonNull(second, "second");
  }

  /**
   * One network of both. Of several seeds all images of all seeds count together.
   *
   * @param name of the network
   * @param weights which of its weights
   * @param first share of right images in the first report
   * @param second share of right images in the second report
   * @param difference second − first
   * @param low lower end of its 95% interval, as for independent sets of images (Newcombe's hybrid
   *     score interval, Statistics in Medicine 17, 1998, method 10)
   * @param high upper end
   */
  record Pair(
      String name,
      Weights weights,
      double first,
      double second,
      double difference,
      double low,
      double high) {

    /** Whether the interval leaves out zero. */
    boolean isSettled() {
      return low > 0 || high < 0;
    }
  }

  /** The networks of both, in the first's order. */
  List<Pair> pairs() {
    Map<List<Object>, List<NetworkResult>> a = grouped(first);
    Map<List<Object>, List<NetworkResult>> b = grouped(second);
    List<Pair> pairs = new ArrayList<>();
    a.forEach(
        (key, rows) -> {
          List<NetworkResult> others = b.get(key);
          if (others != null) {
            pairs.add(pair(rows, others));
          }
        });
    return pairs;
  }

  private static Map<List<Object>, List<NetworkResult>> grouped(EvaluationReport report) {
    Map<List<Object>, List<NetworkResult>> groups = new LinkedHashMap<>();
    for (NetworkResult row : report.rows()) {
      groups.computeIfAbsent(List.of(row.name(), row.weights()), k -> new ArrayList<>()).add(row);
    }
    return groups;
  }

  private static Pair pair(List<NetworkResult> a, List<NetworkResult> b) {
    WilsonInterval one = interval(a);
    WilsonInterval two = interval(b);
    double p = share(a);
    double q = share(b);
    return new Pair(
        a.get(0).name(),
        a.get(0).weights(),
        p,
        q,
        q - p,
        q - p - Math.hypot(q - two.low(), one.high() - p),
        q - p + Math.hypot(two.high() - q, p - one.low()));
  }

  private static double share(List<NetworkResult> rows) {
    return (double) right(rows) / images(rows);
  }

  private static WilsonInterval interval(List<NetworkResult> rows) {
    return WilsonInterval.of(right(rows), images(rows));
  }

  private static long right(List<NetworkResult> rows) {
    return rows.stream()
        .mapToLong(row -> Math.round(row.score().top1() * row.score().images()))
        .sum();
  }

  private static long images(List<NetworkResult> rows) {
    return rows.stream().mapToLong(row -> row.score().images()).sum();
  }

  /** Names of networks that only one of the reports has. */
  List<String> only(EvaluationReport one, EvaluationReport other) {
    Set<String> names = new LinkedHashSet<>();
    one.rows().forEach(row -> names.add(row.name()));
    other.rows().forEach(row -> names.remove(row.name()));
    return List.copyOf(names);
  }

  /** Facts of provenance that differ: key to both values, "–" where one has none. */
  Map<String, List<String>> differences() {
    Map<String, List<String>> different = new LinkedHashMap<>();
    Set<String> keys = new LinkedHashSet<>(first.provenance().keySet());
    keys.addAll(second.provenance().keySet());
    for (String key : keys) {
      String a = first.provenance().getOrDefault(key, Column.UNDEFINED);
      String b = second.provenance().getOrDefault(key, Column.UNDEFINED);
      if (!a.equals(b) && !PLACES.contains(key)) {
        different.put(key, List.of(a, b));
      }
    }
    return different;
  }

  /** What the comparison says, in a sentence or two. */
  List<String> sentences() {
    List<Pair> pairs = pairs();
    if (pairs.isEmpty()) {
      return List.of("The two have no network in common.");
    }
    long better = pairs.stream().filter(pair -> pair.low() > 0).count();
    long worse = pairs.stream().filter(pair -> pair.high() < 0).count();
    double mean = pairs.stream().mapToDouble(Pair::difference).average().orElseThrow();
    List<String> sentences = new ArrayList<>();
    sentences.add(
        String.format(
            "%s is %s points %s than %s on average over %s.",
            second.title(),
            Figures.percent(Math.abs(mean), 2),
            mean < 0 ? "worse" : "better",
            first.title(),
            pairs.size() == 1 ? "1 common network" : pairs.size() + " common networks"));
    sentences.add(
        String.format(
            "Beyond the chance of which images were evaluated (95%%), it is better in %s, worse in %s"
                + " and not told apart in %s of them.",
            better, worse, pairs.size() - better - worse));
    return sentences;
  }

  /** One line for each law of each report. */
  List<String> laws() {
    List<String> lines = new ArrayList<>();
    for (EvaluationReport report : List.of(first, second)) {
      if (report.law().isPresent()) {
        LawAnalysis law = report.law().get();
        lines.add(report.title() + ": " + String.join(" ", LawWords.brief(law)));
      }
    }
    return lines;
  }

  /** One self-contained HTML page. */
  public String toHtml() {
    return ComparisonPage.of(this);
  }

  /** The table of common networks for a terminal. */
  public String toConsoleTable() {
    StringBuilder text = new StringBuilder();
    int width = pairs().stream().mapToInt(pair -> pair.name().length()).max().orElse(7);
    text.append(
        String.format(
            "%-"
                + Math.max(7, width)
                + "s  weights  first %%  second %%  difference  95%% interval%n",
            "network"));
    for (Pair pair : pairs()) {
      text.append(
          String.format(
              "%-" + Math.max(7, width) + "s  %-7s  %7s  %8s  %10s  %s to %s%n",
              pair.name(),
              pair.weights().label(),
              Figures.percent(pair.first(), 2),
              Figures.percent(pair.second(), 2),
              signed(pair.difference()),
              signed(pair.low()),
              signed(pair.high())));
    }
    sentences()
        .forEach(line -> text.append(ConsoleTable.wrapped(ConsoleTable.ascii(line))).append('\n'));
    return text.toString();
  }

  /** Points with a sign, hyphen for minus. */
  static String signed(double fraction) {
    String points = Figures.percent(fraction, 2);
    return points.startsWith("-") ? points : "+" + points;
  }
}
