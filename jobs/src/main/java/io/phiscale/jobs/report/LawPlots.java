package io.phiscale.jobs.report;

import io.phiscale.jobs.law.Interval;
import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.LawAnalysis.AxisLaw;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import io.phiscale.jobs.law.LawAnalysis.Tested;
import io.phiscale.jobs.law.LawFit;
import io.phiscale.jobs.law.Observation;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.DatasetRenderingOrder;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.DeviationRenderer;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.data.Range;
import org.jfree.data.xy.XYIntervalSeries;
import org.jfree.data.xy.XYIntervalSeriesCollection;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.jfree.data.xy.YIntervalSeries;
import org.jfree.data.xy.YIntervalSeriesCollection;

/** The plots of a fitted law: the curve with its interval, and what it leaves over. */
final class LawPlots {
  private static final int CURVE_POINTS = 60;

  private LawPlots() {}

  /** Curve and residuals of the first axis that has a law; none where no axis has one. */
  static List<Plot> of(LawAnalysis analysis) {
    return analysis.laws().stream()
        .filter(law -> law.outcome() instanceof Fitted)
        .findFirst()
        .map(law -> List.of(curve(law, analysis), residuals(law)))
        .orElse(List.of());
  }

  private static Plot curve(AxisLaw law, LawAnalysis analysis) {
    Fitted fitted = (Fitted) law.outcome();
    LawFit fit = fitted.fit();
    Inkwell inkwell = new Inkwell();
    List<Observation> observations = fit.observations();
    double least = observations.get(0).scale();
    double most = observations.get(observations.size() - 1).scale();
    ReadableLogAxis axis = axis(least, most);

    YIntervalSeries band = new YIntervalSeries("law", false, true);
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (int i = 0; i <= CURVE_POINTS; i++) {
      double scale = least * Math.pow(most / least, (double) i / CURVE_POINTS);
      Interval interval = fit.curveInterval(scale);
      band.add(scale, 100 * fit.errorAt(scale), 100 * interval.low(), 100 * interval.high());
      low = Math.min(low, interval.low());
      high = Math.max(high, interval.high());
    }
    YIntervalSeriesCollection bands = new YIntervalSeriesCollection();
    bands.addSeries(band);
    DeviationRenderer bandRenderer = new DeviationRenderer(true, false);
    bandRenderer.setSeriesPaint(
        0, inkwell.mark(Ink.TREND, "The fitted law; the band is its 95% bootstrap interval"));
    bandRenderer.setSeriesFillPaint(0, inkwell.of(Ink.BAND));
    bandRenderer.setSeriesStroke(0, Plots.solid(2));
    bandRenderer.setAlpha(1);
    bandRenderer.setDefaultSeriesVisibleInLegend(false);

    List<List<Mark>> marks = new ArrayList<>();
    XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    MarkRenderer renderer = new MarkRenderer(marks, inkwell);
    XYIntervalSeries points = new XYIntervalSeries("measured", false, true);
    List<Mark> measured = new ArrayList<>();
    Set<String> named = new HashSet<>();
    for (Observation observation : observations) {
      double error = 100 * observation.error();
      points.add(
          observation.scale(), observation.scale(), observation.scale(), error, error, error);
      boolean best =
          analysis.frontier().stream().anyMatch(o -> o.name().equals(observation.name()));
      measured.add(
          new Mark(
              named.add(observation.name()) ? Optional.of(observation.name()) : Optional.empty(),
              Ink.EMA,
              String.format(
                  "%s: error %s%%, %s %s%s",
                  observation.name(),
                  Figures.percent(observation.error(), 2),
                  Figures.si(Math.round(observation.scale())),
                  law.axis().label(),
                  best ? ", on the Pareto frontier" : "")));
      low = Math.min(low, observation.error());
      high = Math.max(high, observation.error());
    }
    renderer.disc(0, Ink.EMA);
    data.addSeries(points);
    marks.add(measured);
    if (fitted.extrapolation() instanceof Tested tested) {
      LawFit.HeldOut held = tested.heldOut();
      XYIntervalSeries prediction = new XYIntervalSeries("predicted from the others", false, true);
      double x = held.held().scale() * Math.pow(most / least, 0.015);
      prediction.add(
          x,
          x,
          x,
          100 * held.predicted(),
          100 * held.interval().low(),
          100 * held.interval().high());
      renderer.diamond(1, Ink.RAW);
      data.addSeries(prediction);
      marks.add(List.of(new Mark(Optional.empty(), Ink.RAW, LawWords.heldOut(held))));
      low = Math.min(low, Math.min(held.predicted(), held.interval().low()));
      high = Math.max(high, Math.max(held.predicted(), held.interval().high()));
    }
    double margin = Math.max(0.08 * (high - low), 0.001);
    NumberAxis range = new NumberAxis();
    range.setRange(new Range(100 * Math.max(0, low - margin), 100 * Math.min(1, high + margin)));
    XYPlot plot = new XYPlot(data, axis, range, renderer);
    plot.setDataset(1, bands);
    plot.setRenderer(1, bandRenderer);
    plot.setDatasetRenderingOrder(DatasetRenderingOrder.REVERSE);
    Plots.finish(plot, range, inkwell);
    Plots.finish(axis, law.axis().label(), inkwell);
    return new Plot(
        "law",
        "Error against " + law.axis().label() + ", and the law",
        "The band is the 95% bootstrap interval of the curve: where the law runs, not where one more"
            + " network lands."
            + (data.getSeriesCount() > 1
                ? " The diamond is what the smaller networks say of the largest."
                : ""),
        "Points, fitted curve and its band; the horizontal axis is logarithmic. "
            + String.join(" ", LawWords.of(law)),
        Plots.chart(
            plot,
            "top-1 error, %",
            inkwell,
            data.getSeriesCount() > 1 ? Plots.Legend.SHOWN : Plots.Legend.HIDDEN),
        inkwell);
  }

  private static Plot residuals(AxisLaw law) {
    LawFit fit = ((Fitted) law.outcome()).fit();
    Inkwell inkwell = new Inkwell();
    List<Observation> observations = fit.observations();
    double least = observations.get(0).scale();
    double most = observations.get(observations.size() - 1).scale();
    ReadableLogAxis axis = axis(least, most);
    XYIntervalSeries points = new XYIntervalSeries("residual", false, true);
    List<Mark> marks = new ArrayList<>();
    double largest = 0.001;
    for (int i = 0; i < observations.size(); i++) {
      Observation observation = observations.get(i);
      double residual = 100 * Math.expm1(fit.residuals().get(i));
      points.add(
          observation.scale(),
          observation.scale(),
          observation.scale(),
          residual,
          residual,
          residual);
      marks.add(
          new Mark(
              Optional.of(observation.name()),
              Ink.EMA,
              String.format(
                  "%s: error %s%%, the law says %s%%",
                  observation.name(),
                  Figures.percent(observation.error(), 2),
                  Figures.percent(fit.errorAt(observation.scale()), 2))));
      largest = Math.max(largest, Math.abs(residual));
    }
    XYIntervalSeriesCollection data = new XYIntervalSeriesCollection();
    data.addSeries(points);
    MarkRenderer renderer = new MarkRenderer(List.of(marks), inkwell);
    renderer.disc(0, Ink.EMA);
    NumberAxis range = new NumberAxis();
    range.setRange(-1.15 * largest, 1.15 * largest);
    XYPlot plot = new XYPlot(data, axis, range, renderer);
    XYSeries zero = new XYSeries("the law", false);
    zero.add(axis.getRange().getLowerBound(), 0);
    zero.add(axis.getRange().getUpperBound(), 0);
    XYLineAndShapeRenderer line = new XYLineAndShapeRenderer(true, false);
    line.setSeriesPaint(0, inkwell.mark(Ink.TREND, "The law"));
    line.setSeriesStroke(0, Plots.solid(2));
    line.setDefaultSeriesVisibleInLegend(false);
    plot.setDataset(1, new XYSeriesCollection(zero));
    plot.setRenderer(1, line);
    Plots.finish(plot, range, inkwell);
    Plots.finish(axis, law.axis().label(), inkwell);
    return new Plot(
        "law-residuals",
        "What the law leaves over",
        "Measured error over the law's, less one. A bend would say that the form is wrong.",
        String.format(
            "Residuals about the law, %s%% in root mean square; the horizontal axis is logarithmic.",
            Figures.percent(fit.residualRms(), 2)),
        Plots.chart(plot, "off the law, % of the error", inkwell, Plots.Legend.HIDDEN),
        inkwell);
  }

  private static ReadableLogAxis axis(double least, double most) {
    double ratio = most / least;
    ReadableLogAxis axis = new ReadableLogAxis();
    axis.setRange(least * Math.pow(ratio, -0.07), most * Math.pow(ratio, 0.13));
    return axis;
  }
}
