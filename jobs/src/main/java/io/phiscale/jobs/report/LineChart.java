package io.phiscale.jobs.report;

import java.awt.Color;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.util.ArrayList;
import java.util.List;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.data.Range;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/**
 * Lines and points over two axes in the reports' style, as SVG: what notebooks draw with. It needs
 * no display and no fonts. A value: every method returns a new chart.
 *
 * <pre>{@code
 * String svg = LineChart.of("Learning curve", "epochs", "training loss")
 *     .line("phi-0", epochs, losses)
 *     .toSvg();
 * }</pre>
 */
public final class LineChart {
  private static final int WIDTH_PX = 720;
  private static final int HEIGHT_PX = 420;

  private final String title;
  private final String across;
  private final String up;
  private final AcrossScale scale;
  private final List<Series> series;

  private LineChart(
      String title, String across, String up, AcrossScale scale, List<Series> series) {
    this.title = Checks.text("chart title", title);
    this.across = Checks.text("axis label", across);
    this.up = Checks.text("axis label", up);
    this.scale = scale;
    this.series = List.copyOf(series);
  }

  private enum AcrossScale {
    LINEAR,
    LOGARITHMIC
  }

  private enum Look {
    LINE,
    DASHED,
    POINTS
  }

  private record Series(String name, List<Double> x, List<Double> y, Look look) {
    Series {
      name = Checks.text("name of a series", name);
      x = List.copyOf(x);
      y = List.copyOf(y);
      if (x.size() != y.size()) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid series %s: %s values across and %s up (must be as many)",
                name, x.size(), y.size()));
      }
    }

    /** Whether a pair of values can be drawn. */
    boolean isDrawn(int index) {
      return Double.isFinite(x.get(index)) && Double.isFinite(y.get(index));
    }
  }

  /**
   * An empty chart.
   *
   * @param title what it shows
   * @param across label of the horizontal axis
   * @param up label of the vertical axis
   */
  public static LineChart of(String title, String across, String up) {
    return new LineChart(title, across, up, AcrossScale.LINEAR, List.of());
  }

  /** The same with a logarithmic horizontal axis: all values across must be &gt; 0. */
  public LineChart logarithmicAcross() {
    return new LineChart(title, across, up, AcrossScale.LOGARITHMIC, series);
  }

  /**
   * The same with a line more; pairs of which one is not finite are left out.
   *
   * @throws IllegalArgumentException if there are not as many x as y
   */
  public LineChart line(String name, List<Double> x, List<Double> y) {
    return with(new Series(name, x, y, Look.LINE));
  }

  /** The same with a dashed line more, as {@link #line}. */
  public LineChart dashedLine(String name, List<Double> x, List<Double> y) {
    return with(new Series(name, x, y, Look.DASHED));
  }

  /** The same with points more, as {@link #line}. */
  public LineChart points(String name, List<Double> x, List<Double> y) {
    return with(new Series(name, x, y, Look.POINTS));
  }

  private LineChart with(Series added) {
    List<Series> all = new ArrayList<>(series);
    all.add(added);
    return new LineChart(title, across, up, scale, all);
  }

  /**
   * The chart as the text of an SVG file.
   *
   * @throws IllegalStateException if there is nothing to draw
   * @throws IllegalArgumentException if a value across is not positive and the axis is logarithmic
   */
  public String toSvg() {
    return SvgDrawing.file(plot(), WIDTH_PX, HEIGHT_PX);
  }

  private Plot plot() {
    Inkwell inkwell = new Inkwell();
    XYSeriesCollection data = new XYSeriesCollection();
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);
    for (int i = 0; i < series.size(); i++) {
      Series each = series.get(i);
      XYSeries drawn = new XYSeries(i, false);
      for (int point = 0; point < each.x().size(); point++) {
        if (each.isDrawn(point)) {
          drawn.add(each.x().get(point), each.y().get(point));
        }
      }
      data.addSeries(drawn);
      Color color = inkwell.mark(Ink.series(i), each.name());
      renderer.setSeriesPaint(i, color);
      renderer.setSeriesStroke(
          i, each.look() == Look.DASHED ? Plots.dashed(2, 5, 4) : Plots.solid(2));
      boolean points = each.look() == Look.POINTS;
      renderer.setSeriesLinesVisible(i, !points);
      renderer.setSeriesShapesVisible(i, points || drawn.getItemCount() == 1);
      renderer.setSeriesShape(i, new Ellipse2D.Double(-4, -4, 8, 8));
    }
    Range across = data.getDomainBounds(true);
    Range up = data.getRangeBounds(true);
    if (across == null || up == null) {
      throw new IllegalStateException("Cannot draw " + title + ": there are no values");
    }
    renderer.setDrawSeriesLineAsPath(true);
    renderer.setLegendItemLabelGenerator((dataset, index) -> series.get(index).name());
    renderer.setLegendLine(new Line2D.Double(-9, 0, 9, 0));
    NumberAxis range = new NumberAxis();
    range.setRange(
        up.getLength() > 0
            ? Range.expand(up, 0.05, 0.05)
            : new Range(up.getLowerBound() - 0.5, up.getUpperBound() + 0.5));
    XYPlot plot = new XYPlot(data, null, range, renderer);
    if (scale == AcrossScale.LOGARITHMIC) {
      plot.setDomainAxis(logarithmic(across));
    } else {
      NumberAxis axis = new NumberAxis();
      double margin = across.getLength() > 0 ? 0.02 * across.getLength() : 0.5;
      axis.setRange(across.getLowerBound() - margin, across.getUpperBound() + margin);
      Plots.tick(axis);
      plot.setDomainAxis(axis);
    }
    Plots.finish(plot.getDomainAxis(), this.across, inkwell);
    Plots.finish(plot, range, inkwell);
    return new Plot(
        "chart",
        title,
        "",
        String.format(
            "%s against %s: %s.",
            this.up, this.across, String.join(", ", series.stream().map(Series::name).toList())),
        Plots.chart(
            plot, this.up, inkwell, series.size() > 1 ? Plots.Legend.SHOWN : Plots.Legend.HIDDEN),
        inkwell);
  }

  private ReadableLogAxis logarithmic(Range range) {
    if (range.getLowerBound() <= 0) {
      throw new IllegalArgumentException(
          String.format(
              "Cannot draw %s on a logarithmic axis: %s (must be > 0)",
              across, range.getLowerBound()));
    }
    double ratio = Math.max(range.getUpperBound() / range.getLowerBound(), 1.5);
    ReadableLogAxis axis = new ReadableLogAxis();
    axis.setRange(
        range.getLowerBound() * Math.pow(ratio, -0.05),
        range.getUpperBound() * Math.pow(ratio, 0.05));
    return axis;
  }
}
