package io.phiscale.jobs.study;

import io.phiscale.jobs.config.StudySection.Axis;
import io.phiscale.jobs.train.StepCalibration;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;

/**
 * How long the cells of a study train, by real steps of a few of their networks: the smallest of
 * all, and the largest of each axis. In between, the seconds of an image are linear in
 * multiply-adds
 *
 * <pre>
 *   s(m) = s0 + (s1 − s0) · (m − m0) / (m1 − m0)
 * </pre>
 *
 * <p>as every step also has what does not grow with the network: loading, and the fixed cost of
 * each call. It differs by axis: many small layers cost more than few wide ones.
 *
 * @param timed the smallest network first; not empty
 */
public record StudyCalibration(List<Timed> timed) {

  public StudyCalibration {
    timed = List.copyOf(timed);
    if (timed.isEmpty()) {
      throw new IllegalArgumentException("Invalid calibration: no network was timed");
    }
  }

  /**
   * A network that was timed.
   *
   * @param cell one that trains it
   * @param steps what was measured
   */
  public record Timed(StudyCell cell, StepCalibration steps) {
    private double multiplyAdds() {
      return steps.multiplyAdds();
    }
  }

  /**
   * Measures.
   *
   * @param session where
   * @param plan the study, of at least one cell
   * @param steps of each network at most, &gt; 0
   * @throws IOException if the shards cannot be read
   */
  static StudyCalibration measure(SparkSession session, StudyPlan plan, int steps)
      throws IOException {
    List<Timed> timed = new ArrayList<>();
    for (StudyCell cell : chosen(plan)) {
      timed.add(
          new Timed(
              cell,
              StepCalibration.measure(
                  session,
                  cell.configuration(),
                  steps,
                  timed.isEmpty() ? StepCalibration.Java.COLD : StepCalibration.Java.WARM)));
    }
    return new StudyCalibration(timed);
  }

  /** A cell of the smallest network, then one of the largest of each axis that is larger. */
  static List<StudyCell> chosen(StudyPlan plan) {
    StudyCell smallest = plan.cells().get(0);
    for (StudyCell cell : plan.cells()) {
      smallest = multiplyAdds(cell) < multiplyAdds(smallest) ? cell : smallest;
    }
    List<StudyCell> chosen = new ArrayList<>(List.of(smallest));
    for (Axis axis : Axis.values()) {
      StudyCell largest = smallest;
      for (StudyCell cell : plan.cells()) {
        boolean larger = multiplyAdds(cell) > multiplyAdds(largest);
        largest = cell.axis() == axis && larger ? cell : largest;
      }
      if (!largest.equals(smallest)) {
        chosen.add(largest);
      }
    }
    return chosen;
  }

  private static long multiplyAdds(StudyCell cell) {
    return cell.counts().multiplyAdds();
  }

  /** How long a cell trains from its beginning to its end, in seconds. */
  double seconds(StudyCell cell) {
    return secondsPerImage(cell) * cell.images() / timed.get(0).steps().workersAtOnce();
  }

  private double secondsPerImage(StudyCell cell) {
    Timed smallest = timed.get(0);
    double s0 = smallest.steps().secondsPerImage();
    Optional<Timed> largest =
        timed.stream().skip(1).filter(other -> other.cell().axis() == cell.axis()).findFirst();
    if (largest.isEmpty()) {
      return s0;
    }
    double s1 = largest.get().steps().secondsPerImage();
    double share =
        (multiplyAdds(cell) - smallest.multiplyAdds())
            / (largest.get().multiplyAdds() - smallest.multiplyAdds());
    return s0 + (s1 - s0) * share;
  }
}
