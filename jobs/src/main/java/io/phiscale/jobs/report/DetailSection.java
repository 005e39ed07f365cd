package io.phiscale.jobs.report;

import io.phiscale.jobs.report.NetworkDetail.CalibrationBin;
import io.phiscale.jobs.report.NetworkDetail.ClassResult;
import io.phiscale.jobs.report.NetworkDetail.Confusion;
import io.phiscale.jobs.report.NetworkDetail.Example;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.data.xy.XYIntervalSeries;
import org.jfree.data.xy.XYIntervalSeriesCollection;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/** The part of the page that shows where the best network errs and how well it knows. */
final class DetailSection {
  /** Confusions that the page shows; the CSV has all. */
  private static final int SHOWN = 10;

  private DetailSection() {}

  static void append(StringBuilder page, EvaluationReport report, NetworkResult best) {
    differences(page, report.differences());
    sets(page, report.details());
    Optional<NetworkDetail> detail = of(report, best);
    if (detail.isPresent()) {
      page.append("<div class=\"pair\">\n");
      HtmlPage.figure(page, calibration(detail.get()), HtmlPage.HALF_WIDTH_PX, 360);
      confusions(page, detail.get());
      page.append("</div>\n");
      classes(page, detail.get());
      examples(page, detail.get());
    }
  }

  /** What lies behind the best row, on the first set of images. */
  static Optional<NetworkDetail> of(EvaluationReport report, NetworkResult best) {
    return report.details().stream()
        .filter(detail -> detail.network().equals(best.name()))
        .filter(detail -> detail.weights() == best.weights())
        .findFirst();
  }

  private static void differences(StringBuilder page, List<Difference> differences) {
    if (differences.isEmpty()) {
      return;
    }
    HtmlPage.tableBegin(
        page,
        "differences",
        "Is the best one better?",
        "On the same images, so these intervals are narrower than those of the single networks say."
            + " 95%, bootstrap over images. Settled where zero is left out.",
        List.of("best", "than", "set", "images", "points of top-1", "from", "to", "settled"),
        3);
    for (Difference difference : differences) {
      HtmlPage.tableRow(
          page,
          List.of(
              difference.better(),
              difference.other(),
              difference.set(),
              Figures.grouped(difference.images()),
              Comparison.signed(difference.difference()).replace('-', '−'),
              Comparison.signed(difference.low()).replace('-', '−'),
              Comparison.signed(difference.high()).replace('-', '−'),
              difference.isSettled() ? "yes" : "no"),
          3);
    }
    HtmlPage.tableEnd(page);
  }

  private static void sets(StringBuilder page, List<NetworkDetail> details) {
    boolean real = details.stream().anyMatch(detail -> detail.real().isPresent());
    if (details.stream().map(NetworkDetail::set).distinct().count() < 2 && !real) {
      return;
    }
    List<String> headings =
        new ArrayList<>(
            List.of(
                "network", "weights", "set", "images", "top-1 %", "from", "to", "top-5 %", "loss"));
    headings.add("ECE %");
    if (real) {
      headings.add("ReaL %");
    }
    HtmlPage.tableBegin(
        page,
        "sets",
        "On every set of images",
        "ECE: expected calibration error."
            + (real
                ? " ReaL: share of images whose first guess is one of their right labels."
                : ""),
        headings,
        3);
    for (NetworkDetail detail : details) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  detail.network(),
                  detail.weights().label(),
                  detail.set(),
                  Figures.grouped(detail.images()),
                  Figures.percent(detail.top1(), 2),
                  Figures.percent(detail.interval().low(), 1),
                  Figures.percent(detail.interval().high(), 1),
                  Figures.percent(detail.top5(), 2),
                  Figures.fixed(detail.loss(), 3)));
      cells.add(Figures.percent(detail.calibrationError(), 2));
      if (real) {
        cells.add(
            detail
                .real()
                .map(r -> Figures.percent((double) r.right() / r.images(), 2))
                .orElse(Column.UNDEFINED));
      }
      HtmlPage.tableRow(page, cells, 3);
    }
    HtmlPage.tableEnd(page);
  }

  private static void classes(StringBuilder page, NetworkDetail detail) {
    HtmlPage.tableBegin(
        page,
        "classes",
        detail.hasFewClasses() ? "Its classes" : "Its hardest and easiest classes",
        String.format(
            "Of %s, %s weights, the hardest first. All of them, of every network, are in classes.csv.",
            detail.network(), detail.weights().label()),
        List.of("class", "images", "right", "accuracy %", "95% interval"),
        1);
    for (ClassResult result : detail.extremes()) {
      WilsonInterval interval = WilsonInterval.of(result.right(), result.images());
      HtmlPage.tableRow(
          page,
          List.of(
              result.name(),
              Figures.grouped(result.images()),
              Figures.grouped(result.right()),
              Figures.percent(result.accuracy(), 1),
              Figures.percent(interval.low(), 1) + "–" + Figures.percent(interval.high(), 1)),
          1);
    }
    HtmlPage.tableEnd(page);
  }

  /** A row of pictures for each class that has some. */
  private static void examples(StringBuilder page, NetworkDetail detail) {
    if (detail.examples().isEmpty()) {
      return;
    }
    page.append("<section aria-labelledby=\"examples-heading\">\n<h2 id=\"examples-heading\">")
        .append("What they look like</h2>\n<p class=\"hint\">As the network sees them, the hardest")
        .append(
            " class first. Of the harder half of the classes the surest mistakes come first, of")
        .append(" the easier half the surest hits; below each the first guess and how sure it was.")
        .append("</p>\n<div class=\"examples\">\n");
    for (ClassResult result : detail.extremes()) {
      List<Example> examples =
          detail.examples().stream()
              .filter(example -> example.actual().equals(result.name()))
              .toList();
      if (!examples.isEmpty()) {
        examples(page, result, examples);
      }
    }
    page.append("</div>\n</section>\n");
  }

  private static void examples(StringBuilder page, ClassResult result, List<Example> examples) {
    page.append("<div><h3>")
        .append(HtmlPage.escaped(result.name()))
        .append(" <span>")
        .append(Figures.percent(result.accuracy(), 1))
        .append("% right</span></h3>\n<ul>\n");
    for (Example example : examples) {
      byte[] bytes = new byte[example.encoded().remaining()];
      example.encoded().duplicate().get(bytes);
      String guess = HtmlPage.escaped(example.guess());
      String sure = Figures.percent(example.confidence(), 0) + "%";
      page.append(example.isRight() ? "<li class=\"right\">" : "<li class=\"wrong\">")
          .append("<figure><img alt=\"")
          .append(HtmlPage.escaped(result.name()))
          .append(example.isRight() ? ", recognised" : ", taken for " + guess)
          .append("\" title=\"")
          .append(HtmlPage.escaped(example.key()))
          .append("\" src=\"data:")
          .append(example.mediaType())
          .append(";base64,")
          .append(Base64.getEncoder().encodeToString(bytes))
          .append("\"><figcaption><span aria-hidden=\"true\">")
          .append(example.isRight() ? "✓" : "✗")
          .append("</span> ")
          .append(guess)
          .append(" ")
          .append(sure)
          .append("</figcaption></figure></li>\n");
    }
    page.append("</ul>\n</div>\n");
  }

  private static void confusions(StringBuilder page, NetworkDetail detail) {
    if (detail.confusions().isEmpty()) {
      return;
    }
    HtmlPage.tableBegin(
        page,
        "confusions",
        "What it takes for what",
        String.format(
            "The most frequent mistakes of %s, %s weights. The whole matrix, of every network, is in"
                + " confusion.csv.",
            detail.network(), detail.weights().label()),
        List.of("is", "guessed", "images"),
        2);
    detail.confusions().stream()
        .sorted(
            Comparator.comparingLong(Confusion::images)
                .reversed()
                .thenComparing(Confusion::actual)
                .thenComparing(Confusion::guessed))
        .limit(SHOWN)
        .forEach(
            confusion ->
                HtmlPage.tableRow(
                    page,
                    List.of(
                        confusion.actual(),
                        confusion.guessed(),
                        Figures.grouped(confusion.images())),
                    2));
    HtmlPage.tableEnd(page);
  }

  /** Accuracy against confidence, in bins. */
  static Plot calibration(NetworkDetail detail) {
    Inkwell inkwell = new Inkwell();
    XYIntervalSeries points = new XYIntervalSeries("bins", false, true);
    List<Mark> marks = new ArrayList<>();
    for (CalibrationBin bin : detail.calibration()) {
      if (bin.images() == 0) {
        continue;
      }
      WilsonInterval interval =
          WilsonInterval.of(Math.round(bin.accuracy() * bin.images()), bin.images());
      double x = 100 * bin.confidence();
      points.add(x, x, x, 100 * bin.accuracy(), 100 * interval.low(), 100 * interval.high());
      marks.add(
          new Mark(
              Optional.empty(),
              Ink.of(detail.weights()),
              String.format(
                  "%s images of mean confidence %s%%: %s%% right (95%% interval %s–%s%%)",
                  Figures.grouped(bin.images()),
                  Figures.percent(bin.confidence(), 1),
                  Figures.percent(bin.accuracy(), 1),
                  Figures.percent(interval.low(), 1),
                  Figures.percent(interval.high(), 1))));
    }
    XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    data.addSeries(points);
    MarkRenderer renderer = new MarkRenderer(List.of(marks), inkwell);
    renderer.disc(0, Ink.of(detail.weights()));
    NumberAxis confidence = new NumberAxis();
    confidence.setRange(0, 102);
    Plots.tick(confidence);
    NumberAxis accuracy = new NumberAxis();
    accuracy.setRange(0, 102);
    XYPlot plot = new XYPlot(data, confidence, accuracy, renderer);
    XYSeries diagonal = new XYSeries("calibrated", false);
    diagonal.add(0, 0);
    diagonal.add(100, 100);
    XYLineAndShapeRenderer line = new XYLineAndShapeRenderer(true, false);
    line.setSeriesPaint(0, inkwell.mark(Ink.TREND, "As often right as it says"));
    line.setSeriesStroke(0, Plots.dashed(1.5f, 5, 4));
    line.setDefaultSeriesVisibleInLegend(false);
    plot.setDataset(1, new XYSeriesCollection(diagonal));
    plot.setRenderer(1, line);
    Plots.finish(plot, accuracy, inkwell);
    Plots.finish(confidence, "confidence of the first guess, %", inkwell);
    String error = Figures.percent(detail.calibrationError(), 1);
    return new Plot(
        "calibration",
        "Does the best one know what it knows?",
        String.format(
            "Below the dashed line it is surer than it should be. Expected calibration error of %s, %s"
                + " weights: %s%%.",
            detail.network(), detail.weights().label(), error),
        String.format(
            "Accuracy against confidence in %s bins; expected calibration error %s%%. All values are"
                + " in calibration.csv.",
            marks.size(), error),
        Plots.chart(plot, "right, %", inkwell, Plots.Legend.HIDDEN),
        inkwell);
  }
}
