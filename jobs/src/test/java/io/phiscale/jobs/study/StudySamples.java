package io.phiscale.jobs.study;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.Answers;
import io.phiscale.jobs.evaluate.Evaluation;
import io.phiscale.jobs.report.LearningCurve;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.report.PhiKind;
import io.phiscale.jobs.report.Weights;
import io.phiscale.jobs.study.CellOutcome.Finished;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** Plans, and outcomes as if their cells had been trained. */
public final class StudySamples {
  private StudySamples() {}

  /** The plan of some settings over the defaults, of 1,000 classes and 100 images. */
  public static StudyPlan plan(String... assignments) {
    ConfigurationLoader loader = new ConfigurationLoader();
    for (String assignment : assignments) {
      loader.set(assignment);
    }
    PhiscaleConfiguration configuration = loader.load();
    return StudyPlan.of(configuration, SmallManifest.of(1000, 10));
  }

  /** A cell that ended with so much top-1 on 1,000 images. */
  public static Finished finished(StudyCell cell, double top1) {
    NetworkResult row =
        new NetworkResult(
            cell.name(),
            new NetworkResult.Scaling(
                cell.phi(),
                PhiKind.COMPOUND,
                cell.coefficients().width(),
                cell.coefficients().depth(),
                cell.coefficients().resolutionPx()),
            cell.counts().parameters(),
            cell.counts().multiplyAdds(),
            Weights.EMA,
            new NetworkResult.Score(
                1000, 1000, top1, 1, 0.5, 0.875, "bicubic", Duration.ofSeconds(1)),
            new NetworkResult.Training(
                cell.images(), cell.epochs(), cell.seed(), Duration.ofSeconds(10), 100),
            URI.create("file:/study/" + cell.name()));
    return new Finished(
        cell,
        new Evaluation(
            List.of(row.withAxis(cell.studyAxis())),
            List.of(),
            List.of(new Answers("val", 1000, "keys", new BitSet()))),
        new LearningCurve(cell.name(), List.of()),
        Duration.ofMillis(700));
  }

  /** All cells of a plan, finished. */
  static List<Finished> finished(StudyPlan plan, ToDoubleFunction<StudyCell> top1) {
    List<Finished> all = new ArrayList<>();
    for (StudyCell cell : plan.cells()) {
      all.add(finished(cell, top1.applyAsDouble(cell)));
    }
    return all;
  }
}
