package io.phiscale.jobs.dl4j;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.spark.api.stats.SparkTrainingStats;
import org.deeplearning4j.spark.impl.paramavg.stats.ParameterAveragingTrainingMasterStats;
import org.deeplearning4j.spark.stats.BaseEventStats;
import org.deeplearning4j.spark.stats.EventStats;

/**
 * Times of the driver's phases, by the driver's clock: the original asks a time server for its own.
 */
final class Phases {
  /** What the driver does, by the original's words. */
  enum Phase {
    COUNT,
    BROADCAST,
    FIT,
    /** A whole round. */
    MAP_PARTITIONS,
    /** Local steps and averaging: one Spark job. */
    AGGREGATE,
    /** The network takes over what was averaged. */
    PROCESS_PARAMETERS
  }

  private final Map<Phase, List<EventStats>> events = new EnumMap<>(Phase.class);

  /** Notes a phase that ends now. */
  void ended(Phase phase, long startMillis) {
    events
        .computeIfAbsent(phase, ignored -> new ArrayList<>())
        .add(new BaseEventStats(startMillis, System.currentTimeMillis() - startMillis));
  }

  SparkTrainingStats stats() {
    return new ParameterAveragingTrainingMasterStats(
        null,
        List.of(),
        of(Phase.COUNT),
        of(Phase.BROADCAST),
        of(Phase.FIT),
        List.of(),
        of(Phase.MAP_PARTITIONS),
        of(Phase.AGGREGATE),
        of(Phase.PROCESS_PARAMETERS),
        List.of());
  }

  private List<EventStats> of(Phase phase) {
    return List.copyOf(events.getOrDefault(phase, List.of()));
  }
}
