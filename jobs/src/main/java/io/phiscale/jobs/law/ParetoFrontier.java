package io.phiscale.jobs.law;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The networks that no other one beats: smaller in scale and not worse, or better and not larger.
 */
public final class ParetoFrontier {
  private ParetoFrontier() {}

  /** The frontier, by rising scale and falling error; of equals the first by name. */
  public static List<Observation> of(List<Observation> observations) {
    List<Observation> frontier = new ArrayList<>();
    observations.stream()
        .sorted(
            Comparator.comparingDouble(Observation::scale)
                .thenComparingDouble(Observation::error)
                .thenComparing(Observation::name))
        .forEach(
            o -> {
              if (frontier.isEmpty() || o.error() < frontier.get(frontier.size() - 1).error()) {
                frontier.add(o);
              }
            });
    return frontier;
  }
}
