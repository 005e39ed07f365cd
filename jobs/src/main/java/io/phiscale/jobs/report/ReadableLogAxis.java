package io.phiscale.jobs.report;

import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.List;
import org.jfree.chart.axis.LogAxis;
import org.jfree.chart.axis.NumberTick;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.TextAnchor;

/** A logarithmic axis with as many round ticks as there is room for. */
final class ReadableLogAxis extends LogAxis {
  private static final long serialVersionUID = 1L;

  /** Multiples of the powers of ten, the finest first. */
  private static final List<List<Double>> STEPS =
      List.of(
          List.of(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0), List.of(1.0, 2.0, 5.0), List.of(1.0));

  private static final double CLOSEST_PX = 46;

  @Override
  protected List<NumberTick> refreshTicksHorizontal(
      Graphics2D graphics, Rectangle2D dataArea, RectangleEdge edge) {
    List<NumberTick> ticks = List.of();
    for (List<Double> steps : STEPS) {
      ticks = ticks(steps);
      double closest = Double.POSITIVE_INFINITY;
      for (int i = 1; i < ticks.size(); i++) {
        closest =
            Math.min(
                closest,
                valueToJava2D(ticks.get(i).getValue(), dataArea, edge)
                    - valueToJava2D(ticks.get(i - 1).getValue(), dataArea, edge));
      }
      if (closest >= CLOSEST_PX) {
        break;
      }
    }
    return ticks;
  }

  private List<NumberTick> ticks(List<Double> steps) {
    List<NumberTick> ticks = new ArrayList<>();
    int first = (int) Math.floor(Math.log10(getLowerBound()));
    int last = (int) Math.floor(Math.log10(getUpperBound()));
    for (int exponent = first; exponent <= last; exponent++) {
      for (double step : steps) {
        double value = step * Math.pow(10, exponent);
        if (getRange().contains(value)) {
          ticks.add(
              new NumberTick(
                  value,
                  value < 1000 ? Figures.number(value, 3) : Figures.siShort(Math.round(value)),
                  TextAnchor.TOP_CENTER,
                  TextAnchor.CENTER,
                  0));
        }
      }
    }
    return ticks;
  }
}
