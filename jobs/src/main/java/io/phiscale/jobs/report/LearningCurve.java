package io.phiscale.jobs.report;

import java.util.List;

/**
 * How one network's training went.
 *
 * @param networkName the {@link NetworkResult#name()} it belongs to
 * @param points one point per averaging round, in order of time; may be empty
 */
public record LearningCurve(String networkName, List<LearningPoint> points) {

  /** Copies the points and refuses rounds or epochs that run backwards. */
  public LearningCurve {
    networkName = Checks.text("network name", networkName);
    points = List.copyOf(points);
    for (int i = 1; i < points.size(); i++) {
      LearningPoint before = points.get(i - 1);
      LearningPoint point = points.get(i);
      if (point.round() <= before.round() || point.epoch() < before.epoch()) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid learning curve of %s: round %s (epoch %s) follows round %s (epoch %s)"
                    + " (must ascend)",
                networkName, point.round(), point.epoch(), before.round(), before.epoch()));
      }
    }
  }
}
