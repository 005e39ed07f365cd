package io.phiscale.jobs.report;

import io.phiscale.jobs.report.Inkwell.FixedEnd;
import java.awt.Graphics2D;
import java.awt.Paint;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Point2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.plot.PlotRenderingInfo;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYErrorRenderer;
import org.jfree.chart.renderer.xy.XYItemRendererState;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.data.xy.XYDataset;
import org.jfree.data.xy.XYIntervalSeriesCollection;

/**
 * Draws one mark with its interval per item. A name stands at the first corner of its point where
 * it covers no other mark and no other name; where there is none it is left out.
 */
final class MarkRenderer extends XYErrorRenderer {
  private static final long serialVersionUID = 1L;
  private static final double MARK_RADIUS_PX = 6;
  private static final double DIAMOND_RADIUS_PX = 5.5;
  private static final double CAP_RADIUS_PX = 5;
  private static final double NAME_GAP_PX = 9;
  private static final double WIDE_NAME_GAP_PX = 20;

  private final transient List<List<Mark>> series;
  private final transient Inkwell inkwell;
  private final transient Map<Mark, Rectangle2D> names = new HashMap<>();

  MarkRenderer(List<List<Mark>> series, Inkwell inkwell) {
    this.series = series;
    this.inkwell = inkwell;
    setDrawXError(false);
    setCapLength(7);
    setErrorStroke(Plots.solid(1.5f));
    setUseFillPaint(true);
    setDrawOutlines(true);
    setDefaultItemLabelsVisible(true);
  }

  @Override
  public XYItemRendererState initialise(
      Graphics2D graphics,
      Rectangle2D dataArea,
      XYPlot plot,
      XYDataset data,
      PlotRenderingInfo info) {
    placeNames(dataArea, plot, (XYIntervalSeriesCollection) data);
    return super.initialise(graphics, dataArea, plot, data, info);
  }

  private void placeNames(Rectangle2D dataArea, XYPlot plot, XYIntervalSeriesCollection data) {
    ValueAxis domain = plot.getDomainAxis();
    ValueAxis range = plot.getRangeAxis();
    List<Rectangle2D> taken = new ArrayList<>();
    Map<Mark, Point2D> points = new LinkedHashMap<>();
    for (int index = 0; index < series.size(); index++) {
      for (int item = 0; item < series.get(index).size(); item++) {
        double x =
            domain.valueToJava2D(data.getXValue(index, item), dataArea, RectangleEdge.BOTTOM);
        double y = range.valueToJava2D(data.getYValue(index, item), dataArea, RectangleEdge.LEFT);
        double top =
            range.valueToJava2D(data.getEndYValue(index, item), dataArea, RectangleEdge.LEFT);
        double bottom =
            range.valueToJava2D(data.getStartYValue(index, item), dataArea, RectangleEdge.LEFT);
        taken.add(
            new Rectangle2D.Double(
                x - MARK_RADIUS_PX, y - MARK_RADIUS_PX, 2 * MARK_RADIUS_PX, 2 * MARK_RADIUS_PX));
        taken.add(new Rectangle2D.Double(x - CAP_RADIUS_PX, top, 2 * CAP_RADIUS_PX, bottom - top));
        points.put(series.get(index).get(item), new Point2D.Double(x, y));
      }
    }
    double height = Plots.FONT.height();
    names.clear();
    points.forEach(
        (mark, point) -> {
          if (mark.label().isEmpty()) {
            return;
          }
          double width = Plots.FONT.width(mark.label().get());
          double below = point.getY() - 2;
          double above = point.getY() + 2 - height;
          Stream.of(NAME_GAP_PX, WIDE_NAME_GAP_PX)
              .flatMap(
                  gap ->
                      Stream.of(
                          new Point2D.Double(point.getX() + gap, below),
                          new Point2D.Double(point.getX() - gap - width, above),
                          new Point2D.Double(point.getX() + gap, above),
                          new Point2D.Double(point.getX() - gap - width, below)))
              .map(corner -> new Rectangle2D.Double(corner.x, corner.y, width, height))
              .filter(dataArea::contains)
              .filter(place -> taken.stream().noneMatch(place::intersects))
              .findFirst()
              .ifPresent(
                  place -> {
                    names.put(mark, place);
                    taken.add(place);
                  });
        });
  }

  @Override
  protected void drawItemLabel(
      Graphics2D graphics,
      PlotOrientation orientation,
      XYDataset data,
      int index,
      int item,
      double x,
      double y,
      boolean negative) {
    Mark mark = series.get(index).get(item);
    Rectangle2D place = names.get(mark);
    if (place != null) {
      graphics.setFont(Plots.FONT);
      Ink ink = mark.ink() == Ink.MUTED ? Ink.MUTED : Ink.TEXT;
      graphics.setPaint(inkwell.of(ink, place.getX() < x ? FixedEnd.RIGHT : FixedEnd.LEFT));
      graphics.drawString(
          mark.label().orElseThrow(),
          (float) place.getX(),
          (float) (place.getY() + Plots.FONT.ascent()));
    }
  }

  @Override
  public Paint getItemPaint(int index, int item) {
    Mark mark = series.get(index).get(item);
    return inkwell.mark(mark.ink(), mark.explanation());
  }

  /** Lets a series have discs. */
  void disc(int index, Ink ink) {
    look(index, new Ellipse2D.Double(-5, -5, 10, 10), ink, ink);
  }

  /** Lets a series have hollow diamonds. */
  void diamond(int index, Ink ink) {
    look(index, diamond(DIAMOND_RADIUS_PX), ink, Ink.SURFACE);
  }

  /**
   * Lets a series have the shape of a study's axis: discs, triangles, squares or diamonds.
   *
   * @param fill the axis's ink, or that of the surface for hollow ones
   */
  void axis(int index, StudyAxis axis, Ink fill) {
    Shape shape =
        switch (axis) {
          case COMPOUND, SEARCH -> new Ellipse2D.Double(-5, -5, 10, 10);
          case DEPTH -> triangle(5.5);
          case WIDTH -> new Rectangle2D.Double(-4.5, -4.5, 9, 9);
          case RESOLUTION -> diamond(6);
        };
    look(index, shape, Ink.of(axis), fill);
  }

  private static Path2D diamond(double radiusPx) {
    Path2D shape = new Path2D.Double();
    shape.moveTo(0, -radiusPx);
    shape.lineTo(radiusPx, 0);
    shape.lineTo(0, radiusPx);
    shape.lineTo(-radiusPx, 0);
    shape.closePath();
    return shape;
  }

  private static Path2D triangle(double radiusPx) {
    Path2D shape = new Path2D.Double();
    shape.moveTo(0, -radiusPx);
    shape.lineTo(radiusPx, 0.8 * radiusPx);
    shape.lineTo(-radiusPx, 0.8 * radiusPx);
    shape.closePath();
    return shape;
  }

  /** Lets a series have small hollow squares. */
  void square(int index, Ink ink) {
    look(index, new Rectangle2D.Double(-3.5, -3.5, 7, 7), ink, Ink.SURFACE);
    setSeriesOutlineStroke(index, Plots.solid(1.5f));
  }

  /** Lets a series have small hollow triangles. */
  void triangle(int index, Ink ink) {
    look(index, triangle(4.5), ink, Ink.SURFACE);
    setSeriesOutlineStroke(index, Plots.solid(1.5f));
  }

  private void look(int index, Shape shape, Ink ink, Ink fill) {
    setSeriesPaint(index, inkwell.of(ink));
    setSeriesFillPaint(index, inkwell.of(fill));
    setSeriesShape(index, shape);
    setSeriesOutlineStroke(index, Plots.solid(2));
  }
}
