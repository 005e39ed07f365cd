package io.phiscale.jobs.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.XYPlot;
import org.jfree.data.Range;
import org.jfree.data.xy.XYIntervalSeries;
import org.jfree.data.xy.XYIntervalSeriesCollection;

/** Two reports side by side as one self-contained HTML page. */
final class ComparisonPage {
  private ComparisonPage() {}

  static String of(Comparison comparison) {
    List<String> sentences = comparison.sentences();
    EvaluationReport first = comparison.first();
    EvaluationReport second = comparison.second();
    StringBuilder page = new StringBuilder(100_000);
    HtmlPage.head(page, first.title() + " and " + second.title());
    page.append("<body>\n<header>\n<h1>")
        .append(HtmlPage.escaped(first.title()))
        .append(" and ")
        .append(HtmlPage.escaped(second.title()))
        .append(" side by side</h1>\n<p class=\"lead\">")
        .append(HtmlPage.escaped(sentences.get(0)))
        .append("</p>\n<p class=\"more\">")
        .append(HtmlPage.escaped(String.join(" ", sentences.subList(1, sentences.size()))))
        .append("</p>\n</header>\n<main>\n");
    HtmlPage.figure(page, accuracy(comparison), HtmlPage.FULL_WIDTH_PX, 420);
    pairs(page, comparison);
    alone(page, comparison);
    laws(page, comparison);
    provenance(page, comparison);
    page.append("</main>\n<footer>Made by Phiscale. Intervals are 95% and treat the images of the")
        .append(" two as independent: on the same images the truth is a little narrower. They do")
        .append(" not cover the chance of another training run.</footer>\n</body>\n</html>\n");
    return page.toString();
  }

  private static Plot accuracy(Comparison comparison) {
    Inkwell inkwell = new Inkwell();
    List<EvaluationReport> reports = List.of(comparison.first(), comparison.second());
    long[] sizes = reports.stream().flatMapToLong(r -> LongStream.of(multiplyAdds(r))).toArray();
    double least = LongStream.of(sizes).min().orElseThrow();
    double most = LongStream.of(sizes).max().orElseThrow();
    double ratio = Math.max(most / least, 4);
    double middle = Math.sqrt(least * most);
    ReadableLogAxis axis = new ReadableLogAxis();
    axis.setRange(
        middle / Math.sqrt(ratio) * Math.pow(ratio, -0.07),
        middle * Math.sqrt(ratio) * Math.pow(ratio, 0.13));
    XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    List<List<Mark>> marks = new ArrayList<>();
    MarkRenderer renderer = new MarkRenderer(marks, inkwell);
    double low = 1;
    double high = 0;
    for (int i = 0; i < reports.size(); i++) {
      Ink ink = i == 0 ? Ink.SERIES_1 : Ink.SERIES_2;
      EvaluationReport report = reports.get(i);
      String title =
          i == 1 && report.title().equals(reports.get(0).title())
              ? report.title() + " (second)"
              : report.title();
      XYIntervalSeries points = new XYIntervalSeries(title, false, true);
      List<Mark> members = new ArrayList<>();
      Set<NetworkResult> labelled = Plots.labelled(report.rows());
      for (NetworkResult row : report.rows()) {
        WilsonInterval interval = row.score().top1Interval();
        double x = row.multiplyAdds() * Math.pow(ratio, i == 0 ? -0.004 : 0.004);
        points.add(x, x, x, 100 * row.score().top1(), 100 * interval.low(), 100 * interval.high());
        low = Math.min(low, interval.low());
        high = Math.max(high, interval.high());
        members.add(
            new Mark(
                labelled.contains(row) ? Optional.of(row.name()) : Optional.empty(),
                ink,
                String.format(
                    "%s: %s, %s weights, top-1 %s%% (95%% interval %s%%)",
                    title,
                    row.name(),
                    row.weights().label(),
                    Column.TOP1.shown().apply(row),
                    Column.INTERVAL.shown().apply(row))));
      }
      if (i == 0) {
        renderer.disc(i, ink);
      } else {
        renderer.diamond(i, ink);
      }
      data.addSeries(points);
      marks.add(members);
    }
    double margin = 0.08 * (high - low);
    NumberAxis range = new NumberAxis();
    range.setRange(new Range(100 * Math.max(0, low - margin), 100 * Math.min(1, high + margin)));
    XYPlot plot = new XYPlot(data, axis, range, renderer);
    Plots.finish(plot, range, inkwell);
    Plots.finish(axis, "multiply-adds per image", inkwell);
    return new Plot(
        "comparison",
        "Top-1 accuracy against multiply-adds",
        "Every doubling of multiply-adds takes the same distance. Bars are 95% intervals.",
        "Points with 95% Wilson intervals, one for each network of each report. "
            + String.join(" ", comparison.sentences()),
        Plots.chart(plot, "top-1, %", inkwell, Plots.Legend.SHOWN),
        inkwell);
  }

  private static long[] multiplyAdds(EvaluationReport report) {
    return report.rows().stream().mapToLong(NetworkResult::multiplyAdds).toArray();
  }

  private static void pairs(StringBuilder page, Comparison comparison) {
    List<Comparison.Pair> pairs = comparison.pairs();
    if (pairs.isEmpty()) {
      return;
    }
    HtmlPage.tableBegin(
        page,
        "pairs",
        "Networks of both",
        "Difference in points of top-1, second less first; settled where its 95% interval leaves out"
            + " zero.",
        List.of(
            "network",
            "weights",
            "first top-1 %",
            "second top-1 %",
            "difference",
            "from",
            "to",
            "settled"),
        2);
    for (Comparison.Pair pair : pairs) {
      HtmlPage.tableRow(
          page,
          List.of(
              pair.name(),
              pair.weights().label(),
              Figures.percent(pair.first(), 2),
              Figures.percent(pair.second(), 2),
              Comparison.signed(pair.difference()).replace('-', '−'),
              Comparison.signed(pair.low()).replace('-', '−'),
              Comparison.signed(pair.high()).replace('-', '−'),
              pair.isSettled() ? "yes" : "no"),
          2);
    }
    HtmlPage.tableEnd(page);
  }

  private static void alone(StringBuilder page, Comparison comparison) {
    List<String> first = comparison.only(comparison.first(), comparison.second());
    List<String> second = comparison.only(comparison.second(), comparison.first());
    if (first.isEmpty() && second.isEmpty()) {
      return;
    }
    page.append(
            "<section aria-labelledby=\"alone-heading\">\n<h2 id=\"alone-heading\">Networks of one")
        .append(" alone</h2>\n<ul class=\"notes\">\n");
    for (List<String> names : List.of(first, second)) {
      if (!names.isEmpty()) {
        EvaluationReport of = names.equals(first) ? comparison.first() : comparison.second();
        page.append("<li>")
            .append(HtmlPage.escaped(of.title() + ": " + String.join(", ", names)))
            .append("</li>\n");
      }
    }
    page.append("</ul>\n</section>\n");
  }

  private static void laws(StringBuilder page, Comparison comparison) {
    if (comparison.laws().isEmpty()) {
      return;
    }
    page.append("<section aria-labelledby=\"laws-heading\">\n<h2 id=\"laws-heading\">Their scaling")
        .append(" laws</h2>\n<ul class=\"notes\">\n");
    comparison
        .laws()
        .forEach(line -> page.append("<li>").append(HtmlPage.escaped(line)).append("</li>\n"));
    page.append("</ul>\n</section>\n");
  }

  private static void provenance(StringBuilder page, Comparison comparison) {
    if (comparison.differences().isEmpty()) {
      return;
    }
    HtmlPage.tableBegin(
        page,
        "configured",
        "What was configured differently",
        "Everything else that was recorded is the same.",
        List.of("key", comparison.first().title(), comparison.second().title()),
        3);
    comparison
        .differences()
        .forEach(
            (key, values) ->
                HtmlPage.tableRow(page, List.of(key, values.get(0), values.get(1)), 3));
    HtmlPage.tableEnd(page);
  }
}
