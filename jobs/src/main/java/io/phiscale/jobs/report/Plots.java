package io.phiscale.jobs.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Stroke;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.ArrayList;
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
    plots.add(accuracyByMultiplyAdds(report));
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

  private static Plot accuracyByMultiplyAdds(EvaluationReport report) {
    Inkwell inkwell = new Inkwell();
    List<NetworkResult> rows = report.rows();
    double least = rows.stream().mapToLong(NetworkResult::multiplyAdds).min().orElseThrow();
    double most = rows.stream().mapToLong(NetworkResult::multiplyAdds).max().orElseThrow();
    double ratio = Math.max(most / least, 4);
    double middle = Math.sqrt(least * most);
    double low = middle / Math.sqrt(ratio) * Math.pow(ratio, -0.07);
    double high = middle * Math.sqrt(ratio) * Math.pow(ratio, 0.13);

    ReadableLogAxis axis = new ReadableLogAxis();
    axis.setRange(low, high);
    double step = Math.pow(high / low, 0.004);
    XYPlot plot =
        accuracyPlot(
            rows,
            axis,
            inkwell,
            row -> row.multiplyAdds() * (row.weights() == Weights.EMA ? step : 1 / step));
    finish(axis, "multiply-adds per image", inkwell);

    Headline headline = Headline.of(report);
    if (headline.trend().isPresent() && headline.trend().get().networks() > 2) {
      Trend trend = headline.trend().get();
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
    return new Plot(
        "accuracy-by-multiply-adds",
        "Top-1 accuracy against multiply-adds",
        "Every doubling of multiply-adds takes the same distance. Bars are 95% intervals."
            + (plot.getDatasetCount() > 1
                ? " The dashed line is the least-squares line of the headline."
                : ""),
        "Points with 95% Wilson intervals, one per network and kind of weights; the horizontal"
            + " axis is logarithmic. "
            + String.join(" ", headline.sentences())
            + " All values are in the table of networks.",
        chart(plot, "top-1, %", inkwell, legendNeeded(rows)),
        inkwell);
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
            axis,
            inkwell,
            row ->
                row.scaling().phi()
                    + (row.weights() == Weights.EMA ? 0.006 : -0.006) * 1.24 * span);
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
        chart(plot, "top-1, %", inkwell, legendNeeded(rows)),
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

  private static Legend legendNeeded(List<NetworkResult> rows) {
    return rows.stream().map(NetworkResult::weights).distinct().count() > 1
        ? Legend.SHOWN
        : Legend.HIDDEN;
  }

  /** Points with intervals over the given abscissa, one series per kind of weights. */
  static XYPlot accuracyPlot(
      List<NetworkResult> rows,
      ValueAxis domain,
      Inkwell inkwell,
      ToDoubleFunction<NetworkResult> abscissa) {
    XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    List<List<Mark>> series = new ArrayList<>();
    Set<NetworkResult> labelled = labelled(rows);
    MarkRenderer renderer = new MarkRenderer(series, inkwell);
    for (Weights weights : Weights.values()) {
      List<NetworkResult> members = rows.stream().filter(r -> r.weights() == weights).toList();
      if (members.isEmpty()) {
        continue;
      }
      XYIntervalSeries points = new XYIntervalSeries(weights.label(), false, true);
      for (NetworkResult row : members) {
        double x = abscissa.applyAsDouble(row);
        WilsonInterval interval = row.score().top1Interval();
        points.add(x, x, x, 100 * row.score().top1(), 100 * interval.low(), 100 * interval.high());
      }
      Ink ink = Ink.of(weights);
      if (weights == Weights.EMA) {
        renderer.disc(series.size(), ink);
      } else {
        renderer.diamond(series.size(), ink);
      }
      data.addSeries(points);
      series.add(
          members.stream()
              .map(
                  row ->
                      new Mark(
                          labelled.contains(row) ? Optional.of(row.name()) : Optional.empty(),
                          ink,
                          explanation(row)))
              .toList());
    }
    double low =
        100 * rows.stream().mapToDouble(r -> r.score().top1Interval().low()).min().orElseThrow();
    double high =
        100 * rows.stream().mapToDouble(r -> r.score().top1Interval().high()).max().orElseThrow();
    double margin = 0.08 * (high - low);
    NumberAxis range = new NumberAxis();
    range.setRange(new Range(Math.max(0, low - margin), Math.min(100, high + margin)));
    XYPlot plot = new XYPlot(data, domain, range, renderer);
    finish(plot, range, inkwell);
    return plot;
  }

  private static String explanation(NetworkResult row) {
    return String.format(
        "%s, %s weights: top-1 %s%% (95%% interval %s%%), %s multiply-adds, φ %s",
        row.name(),
        row.weights().label(),
        Column.TOP1.shown().apply(row),
        Column.INTERVAL.shown().apply(row),
        Column.MULTIPLY_ADDS.shown().apply(row),
        Column.PHI.shown().apply(row));
  }

  /**
   * The rows that carry their network's name: of several with one name and size (kinds of weights,
   * seeds) the most accurate.
   */
  static Set<NetworkResult> labelled(List<NetworkResult> rows) {
    Map<List<Object>, NetworkResult> best = new HashMap<>();
    for (NetworkResult row : rows) {
      best.merge(
          List.of(row.name(), row.multiplyAdds()),
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
