package io.phiscale.jobs.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Stroke;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.title.TextTitle;
import org.jfree.chart.ui.HorizontalAlignment;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.Range;
import org.jfree.data.xy.XYIntervalSeries;
import org.jfree.data.xy.XYIntervalSeriesCollection;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/** The plots of a report: what is drawn, with which axes, marks and words. */
final class Plots {
  /** Points a learning curve keeps: more than a plot has pixels to show apart. */
  private static final int CURVE_POINTS = 300;

  static final PlotFont FONT = new PlotFont(13);

  private Plots() {}

  /** Every plot that the report has values for. */
  static List<Plot> of(EvaluationReport report) {
    List<Plot> plots = new ArrayList<>();
    for (Size size : Size.values()) {
      if (report.rows().stream().anyMatch(row -> !Double.isNaN(size.of(row)))) {
        plots.add(accuracyBy(size, report));
      }
    }
    List<NetworkResult> scaled =
        report.rows().stream().filter(row -> row.scaling().phiKind() != PhiKind.NONE).toList();
    if (!scaled.isEmpty()) {
      plots.add(accuracyByPhi(scaled));
    }
    List<LearningCurve> curves =
        report.curves().stream().filter(curve -> !curve.points().isEmpty()).toList();
    if (!curves.isEmpty()) {
      plots.add(learningCurves(curves));
    }
    return plots;
  }

  private static Plot accuracyBy(Size size, EvaluationReport report) {
    Inkwell inkwell = new Inkwell();
    List<NetworkResult> rows =
        report.rows().stream().filter(row -> !Double.isNaN(size.of(row))).toList();
    List<PublishedResult> published =
        report.reference() == Reference.NONE
            ? List.of()
            : PublishedResult.all().filter(result -> !Double.isNaN(size.of(result))).toList();
    double least = rows.stream().mapToDouble(size::of).min().orElseThrow();
    double most = rows.stream().mapToDouble(size::of).max().orElseThrow();
    double leastShown =
        Math.min(least, published.stream().mapToDouble(size::of).min().orElse(least));
    double mostShown = Math.max(most, published.stream().mapToDouble(size::of).max().orElse(most));
    double ratio = Math.max(mostShown / leastShown, 4);
    double middle = Math.sqrt(leastShown * mostShown);
    double low = middle / Math.sqrt(ratio) * Math.pow(ratio, -0.07);
    double high = middle * Math.sqrt(ratio) * Math.pow(ratio, 0.13);

    ReadableLogAxis axis = new ReadableLogAxis();
    axis.setRange(low, high);
    double step = Math.pow(high / low, 0.004);
    XYPlot plot =
        accuracyPlot(
            rows,
            published,
            axis,
            inkwell,
            row -> size.of(row) * Math.pow(step, Look.shift(rows, row)),
            size::of);
    finish(axis, size.axisLabel(), inkwell);

    Headline headline = Headline.of(report);
    if (size == Size.MULTIPLY_ADDS && headline.trend().isPresent()) {
      trend(plot, headline.trend().get(), least, most, inkwell);
    }
    List<String> hints = new ArrayList<>();
    hints.add(
        String.format(
            "Every doubling of %s takes the same distance. Bars are 95%% intervals.",
            size.label()));
    if (rows.stream().map(NetworkResult::axis).distinct().count() > 1) {
      hints.add("Colour and shape say what was scaled.");
    }
    if (plot.getDatasetCount() > 1) {
      hints.add("The dashed line is the least-squares line of the headline.");
    }
    if (!published.isEmpty()) {
      hints.add("Hollow grey marks are published results (see below), not measured here.");
    }
    return new Plot(
        "accuracy-by-" + size.label(),
        "Top-1 accuracy against " + size.label(),
        String.join(" ", hints),
        "Points with 95% Wilson intervals, one per network and kind of weights"
            + (rows.stream().anyMatch(row -> row.axis().isPresent())
                ? ", told apart by what the study scaled"
                : "")
            + "; the horizontal"
            + " axis is logarithmic. "
            + (size == Size.MULTIPLY_ADDS ? String.join(" ", headline.sentences()) + " " : "")
            + (published.isEmpty() ? "" : "Published results stand beside them, marked as such. ")
            + "All values are in the table of networks.",
        chart(plot, "top-1, %", inkwell, legendNeeded(rows, published)),
        inkwell);
  }

  private static void trend(XYPlot plot, Trend trend, double least, double most, Inkwell inkwell) {
    XYSeries line = new XYSeries("least-squares line", false);
    line.add(least, 100 * trend.at(least));
    line.add(most, 100 * trend.at(most));
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);
    renderer.setSeriesPaint(
        0,
        inkwell.mark(
            Ink.TREND,
            String.format(
                "Least-squares line: %s points of top-1 per doubling of multiply-adds",
                Figures.percent(trend.gainPerDoubling(), 1))));
    renderer.setSeriesStroke(0, dashed(1.5f, 5, 4));
    renderer.setDefaultSeriesVisibleInLegend(false);
    plot.setDataset(1, new XYSeriesCollection(line));
    plot.setRenderer(1, renderer);
  }

  private static Plot accuracyByPhi(List<NetworkResult> rows) {
    Inkwell inkwell = new Inkwell();
    double least = rows.stream().mapToDouble(row -> row.scaling().phi()).min().orElseThrow();
    double most = rows.stream().mapToDouble(row -> row.scaling().phi()).max().orElseThrow();
    double span = Math.max(most - least, 1);
    NumberAxis axis = new NumberAxis();
    axis.setAutoRangeIncludesZero(false);
    axis.setRange(least - 0.08 * span, least + 1.16 * span);
    boolean whole = rows.stream().allMatch(row -> row.scaling().phi() % 1 == 0);
    tick(axis, Math.max(axis.getRange().getLength() / 10, whole ? 1 : 0));
    XYPlot plot =
        accuracyPlot(
            rows,
            List.of(),
            axis,
            inkwell,
            row -> row.scaling().phi() + 0.006 * Look.shift(rows, row) * 1.24 * span,
            result -> Double.NaN);
    finish(axis, "compound coefficient φ", inkwell);
    return new Plot(
        "accuracy-by-phi",
        "Top-1 accuracy against φ",
        "Bars are 95% intervals.",
        "Points with 95% Wilson intervals, one per network and kind of weights, from φ = "
            + Figures.number(least, 3)
            + " to φ = "
            + Figures.number(most, 3)
            + ". All values are in the table of networks.",
        chart(plot, "top-1, %", inkwell, legendNeeded(rows, List.of())),
        inkwell);
  }

  private static Plot learningCurves(List<LearningCurve> curves) {
    Inkwell inkwell = new Inkwell();
    XYSeriesCollection data = new XYSeriesCollection();
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);
    double lastEpoch = 0;
    StringBuilder words = new StringBuilder("Mean training loss per round against epochs.");
    for (int i = 0; i < curves.size(); i++) {
      LearningCurve curve = curves.get(i);
      XYSeries series = new XYSeries(i, false);
      for (LearningPoint point : thinned(curve.points())) {
        series.add(point.epoch(), point.loss());
      }
      data.addSeries(series);
      LearningPoint last = curve.points().get(curve.points().size() - 1);
      lastEpoch = Math.max(lastEpoch, last.epoch());
      String end =
          String.format(
              "%s: loss %s after %s epochs",
              curve.networkName(), Figures.fixed(last.loss(), 3), Figures.number(last.epoch(), 2));
      words.append(' ').append(end).append('.');
      renderer.setSeriesPaint(i, inkwell.mark(Ink.series(i), end));
      int lap = i / Ink.SERIES_COUNT;
      renderer.setSeriesStroke(i, lap == 0 ? solid(2) : dashed(2, 1 + 4 * lap, 3));
      renderer.setSeriesShapesVisible(i, series.getItemCount() == 1);
      renderer.setSeriesShape(i, new Ellipse2D.Double(-3, -3, 6, 6));
    }
    renderer.setDrawSeriesLineAsPath(true);
    renderer.setLegendItemLabelGenerator((dataset, series) -> curves.get(series).networkName());
    renderer.setLegendLine(new Line2D.Double(-9, 0, 9, 0));

    NumberAxis epochs = new NumberAxis();
    epochs.setRange(0, lastEpoch > 0 ? lastEpoch * 1.02 : 1);
    tick(epochs);
    finish(epochs, "epochs", inkwell);
    NumberAxis loss = new NumberAxis();
    Range losses = data.getRangeBounds(true);
    loss.setRange(
        losses.getLength() > 0
            ? Range.expand(losses, 0.05, 0.05)
            : new Range(losses.getLowerBound() - 0.5, losses.getUpperBound() + 0.5));
    XYPlot plot = new XYPlot(data, epochs, loss, renderer);
    finish(plot, loss, inkwell);
    return new Plot(
        "learning-curves",
        "Learning curves",
        "Mean training loss of each round.",
        words.toString(),
        chart(plot, "training loss", inkwell, curves.size() > 1 ? Legend.SHOWN : Legend.HIDDEN),
        inkwell);
  }

  /** Whether a chart explains its series. */
  enum Legend {
    SHOWN,
    HIDDEN
  }

  private static Legend legendNeeded(List<NetworkResult> rows, List<PublishedResult> published) {
    return Look.of(rows).size() > 1 || !published.isEmpty() ? Legend.SHOWN : Legend.HIDDEN;
  }

  /**
   * What points look alike: those of one axis, where there is a study, and one kind of weights.
   *
   * @param axis what was scaled
   * @param weights which were evaluated
   */
  private record Look(Optional<StudyAxis> axis, Weights weights) {
    static Look of(NetworkResult row) {
      return new Look(row.axis(), row.weights());
    }

    /** All of some rows: those of no study, then axis by axis. */
    static List<Look> of(List<NetworkResult> rows) {
      return rows.stream()
          .map(Look::of)
          .distinct()
          .sorted(
              Comparator.comparing(
                      (Look look) -> look.axis().orElse(null),
                      Comparator.nullsFirst(Comparator.<StudyAxis>naturalOrder()))
                  .thenComparing(Look::weights))
          .toList();
    }

    /**
     * How far a point is moved aside, so that those of one size do not cover each other: in a study
     * one place for each look, two apart, about the true one; else raw weights to the left, their
     * average to the right.
     */
    static int shift(List<NetworkResult> rows, NetworkResult row) {
      if (row.axis().isEmpty()) {
        return row.weights() == Weights.EMA ? 1 : -1;
      }
      List<Look> looks = of(rows);
      return 2 * looks.indexOf(of(row)) - (looks.size() - 1);
    }

    Ink ink() {
      return axis.map(Ink::of).orElse(Ink.of(weights));
    }

    /** In a legend; the weights only where there are both kinds. */
    String name(List<NetworkResult> rows) {
      if (axis.isEmpty()) {
        return weights.label();
      }
      return axis.get().label() + (isOneOfTwo(rows) ? ", " + weights.label() : "");
    }

    /** Gives a series this look: raw weights are hollow where there are both kinds. */
    void apply(MarkRenderer renderer, int series, List<NetworkResult> rows) {
      if (axis.isPresent()) {
        boolean hollow = weights == Weights.RAW && isOneOfTwo(rows);
        renderer.axis(series, axis.get(), hollow ? Ink.SURFACE : ink());
      } else if (weights == Weights.EMA) {
        renderer.disc(series, ink());
      } else {
        renderer.diamond(series, ink());
      }
    }

    private static boolean isOneOfTwo(List<NetworkResult> rows) {
      return rows.stream().map(NetworkResult::weights).distinct().count() > 1;
    }
  }

  /**
   * Points with intervals over the given abscissa, one series per axis of a study and kind of
   * weights; published ones are hollow, grey and without intervals.
   */
  private static XYPlot accuracyPlot(
      List<NetworkResult> rows,
      List<PublishedResult> published,
      ValueAxis domain,
      Inkwell inkwell,
      ToDoubleFunction<NetworkResult> abscissa,
      ToDoubleFunction<PublishedResult> publishedAbscissa) {
    XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    List<List<Mark>> series = new ArrayList<>();
    Set<NetworkResult> labelled = labelled(rows);
    MarkRenderer renderer = new MarkRenderer(series, inkwell);
    for (Look look : Look.of(rows)) {
      List<NetworkResult> members = rows.stream().filter(r -> Look.of(r).equals(look)).toList();
      XYIntervalSeries points = new XYIntervalSeries(look.name(rows), false, true);
      for (NetworkResult row : members) {
        double x = abscissa.applyAsDouble(row);
        WilsonInterval interval = row.score().top1Interval();
        points.add(x, x, x, 100 * row.score().top1(), 100 * interval.low(), 100 * interval.high());
      }
      look.apply(renderer, series.size(), rows);
      data.addSeries(points);
      series.add(
          members.stream()
              .map(
                  row ->
                      new Mark(
                          labelled.contains(row) ? Optional.of(row.name()) : Optional.empty(),
                          look.ink(),
                          explanation(row)))
              .toList());
    }
    for (List<PublishedResult> kind :
        List.of(PublishedResult.EFFICIENTNETS, PublishedResult.COMPETITORS)) {
      List<PublishedResult> members = kind.stream().filter(published::contains).toList();
      if (members.isEmpty()) {
        continue;
      }
      boolean own = kind.equals(PublishedResult.EFFICIENTNETS);
      XYIntervalSeries points =
          new XYIntervalSeries(
              own ? "EfficientNet as published" : "others as published", false, true);
      for (PublishedResult result : members) {
        double x = publishedAbscissa.applyAsDouble(result);
        points.add(x, x, x, result.top1(), result.top1(), result.top1());
      }
      if (own) {
        renderer.square(series.size(), Ink.MUTED);
      } else {
        renderer.triangle(series.size(), Ink.MUTED);
      }
      data.addSeries(points);
      series.add(
          members.stream()
              .map(
                  result ->
                      new Mark(
                          Optional.of(result.name().replace("EfficientNet-", "")),
                          Ink.MUTED,
                          explanation(result)))
              .toList());
    }
    double low =
        Math.min(
            100
                * rows.stream()
                    .mapToDouble(r -> r.score().top1Interval().low())
                    .min()
                    .orElseThrow(),
            published.stream().mapToDouble(PublishedResult::top1).min().orElse(100));
    double high =
        Math.max(
            100
                * rows.stream()
                    .mapToDouble(r -> r.score().top1Interval().high())
                    .max()
                    .orElseThrow(),
            published.stream().mapToDouble(PublishedResult::top1).max().orElse(0));
    double margin = 0.08 * (high - low);
    NumberAxis range = new NumberAxis();
    range.setRange(new Range(Math.max(0, low - margin), Math.min(100, high + margin)));
    XYPlot plot = new XYPlot(data, domain, range, renderer);
    finish(plot, range, inkwell);
    return plot;
  }

  private static String explanation(PublishedResult result) {
    return String.format(
        "%s as published, not measured here: top-1 %s%%, %s parameters%s",
        result.name(),
        result.top1Percent(),
        result.parameters(),
        result.multiplyAdds().isEmpty() ? "" : ", " + result.multiplyAdds() + " multiply-adds");
  }

  private static String explanation(NetworkResult row) {
    return String.format(
            "%s, %s%s weights: top-1 %s%% (95%% interval %s%%), %s multiply-adds, %s parameters, φ %s",
            row.name(),
            row.axis().map(axis -> "scaled " + axis.words() + ", ").orElse(""),
            row.weights().label(),
            Column.TOP1.shown().apply(row),
            Column.INTERVAL.shown().apply(row),
            Column.MULTIPLY_ADDS.shown().apply(row),
            Column.PARAMETERS.shown().apply(row),
            Column.PHI.shown().apply(row))
        + (row.latency().isPresent()
            ? ", " + Column.LATENCY.shown().apply(row) + " ms for one image"
            : "");
  }

  /**
   * The rows that carry their network's name: of several of one size and training length that have
   * one name (kinds of weights), or one axis of a study (its seeds), the most accurate.
   */
  static Set<NetworkResult> labelled(List<NetworkResult> rows) {
    Map<List<Object>, NetworkResult> best = new HashMap<>();
    for (NetworkResult row : rows) {
      best.merge(
          List.of(
              row.axis().<Object>map(axis -> axis).orElse(row.name()),
              row.multiplyAdds(),
              row.training().images(),
              row.training().epochs()),
          row,
          (a, b) -> b.score().top1() > a.score().top1() ? b : a);
    }
    return new HashSet<>(best.values());
  }

  /** Means of neighbouring rounds where there are more than a plot can show. */
  private static List<LearningPoint> thinned(List<LearningPoint> points) {
    if (points.size() <= CURVE_POINTS) {
      return points;
    }
    List<LearningPoint> thinned = new ArrayList<>();
    for (int i = 0; i < CURVE_POINTS; i++) {
      List<LearningPoint> bucket =
          points.subList(
              (int) ((long) points.size() * i / CURVE_POINTS),
              (int) ((long) points.size() * (i + 1) / CURVE_POINTS));
      LearningPoint last = bucket.get(bucket.size() - 1);
      thinned.add(
          new LearningPoint(
              last.round(),
              bucket.stream().mapToDouble(LearningPoint::epoch).average().orElseThrow(),
              last.images(),
              bucket.stream().mapToDouble(LearningPoint::loss).average().orElseThrow(),
              last.learningRate(),
              last.imagesPerSecond()));
    }
    return thinned;
  }

  static JFreeChart chart(XYPlot plot, String rangeLabel, Inkwell inkwell, Legend legend) {
    JFreeChart chart = new JFreeChart(null, FONT, plot, false);
    chart.setBackgroundPaint(null);
    chart.setPadding(new RectangleInsets(4, 2, 2, 6));
    TextTitle label = new TextTitle(rangeLabel, FONT);
    label.setPaint(inkwell.of(Ink.MUTED));
    label.setHorizontalAlignment(HorizontalAlignment.LEFT);
    label.setMargin(0, 0, 6, 0);
    chart.addSubtitle(label);
    if (legend == Legend.SHOWN) {
      LegendTitle key = new LegendTitle(plot.getRenderer());
      key.setPosition(RectangleEdge.TOP);
      key.setHorizontalAlignment(HorizontalAlignment.LEFT);
      key.setItemFont(FONT);
      key.setItemPaint(inkwell.of(Ink.TEXT));
      key.setFrame(BlockBorder.NONE);
      key.setMargin(0, 0, 4, 0);
      key.setItemLabelPadding(new RectangleInsets(2, 4, 2, 14));
      chart.addSubtitle(0, key);
    }
    return chart;
  }

  static void finish(XYPlot plot, NumberAxis range, Inkwell inkwell) {
    finish(range, null, inkwell);
    tick(range);
    range.setAxisLineVisible(false);
    plot.setBackgroundPaint(null);
    plot.setOutlineVisible(false);
    plot.setDomainGridlinesVisible(false);
    plot.setRangeGridlinePaint(inkwell.of(Ink.GRID));
    plot.setRangeGridlineStroke(solid(1));
    plot.setAxisOffset(RectangleInsets.ZERO_INSETS);
  }

  static void finish(ValueAxis axis, String label, Inkwell inkwell) {
    Color muted = inkwell.of(Ink.MUTED);
    axis.setLabel(label);
    axis.setLabelFont(FONT);
    axis.setLabelPaint(muted);
    axis.setTickLabelFont(FONT);
    axis.setTickLabelPaint(muted);
    axis.setTickMarksVisible(false);
    axis.setAxisLinePaint(inkwell.of(Ink.AXIS));
    axis.setAxisLineStroke(solid(1));
    axis.setTickLabelInsets(new RectangleInsets(4, 4, 4, 6));
  }

  /** Gives the axis up to ten ticks at round numbers, all with the decimals they need. */
  static void tick(NumberAxis axis) {
    tick(axis, axis.getRange().getLength() / 10);
  }

  static void tick(NumberAxis axis, double least) {
    int exponent = (int) Math.floor(Math.log10(least));
    double power = Math.pow(10, exponent);
    double step = least > 5 * power ? 10 : least > 2 * power ? 5 : least > power ? 2 : 1;
    int decimals = step == 10 ? -exponent - 1 : -exponent;
    axis.setTickUnit(
        new NumberTickUnit(step * power, format(decimals > 0 ? "0." + "0".repeat(decimals) : "0")));
  }

  private static DecimalFormat format(String pattern) {
    return new DecimalFormat(pattern, DecimalFormatSymbols.getInstance(Locale.ROOT));
  }

  static Stroke solid(float widthPx) {
    return new BasicStroke(widthPx, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND);
  }

  static Stroke dashed(float widthPx, float onPx, float offPx) {
    return new BasicStroke(
        widthPx, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, new float[] {onPx, offPx}, 0);
  }
}
