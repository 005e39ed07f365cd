package io.phiscale.jobs.train;

import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.RoundMetrics;
import java.net.URI;
import java.util.List;

/** Hears how training goes, on the driver. */
public interface TrainingListener {
  /** Hears nothing. */
  TrainingListener SILENT = new TrainingListener() {};

  /**
   * Training starts or goes on.
   *
   * @param firstRound the next round, from 1
   * @param rounds rounds of the whole run
   */
  default void started(int firstRound, int rounds) {}

  /**
   * A line about what training starts from, before it starts, or about what it left out, at its
   * end.
   */
  default void said(String line) {}

  /** A round has been averaged. */
  default void completed(RoundMetrics round) {}

  /** A checkpoint has been published. */
  default void published(URI checkpoint) {}

  /** Tells several, in their order. */
  static TrainingListener all(List<TrainingListener> listeners) {
    List<TrainingListener> all = List.copyOf(listeners);
    return new TrainingListener() {
      @Override
      public void started(int firstRound, int rounds) {
        all.forEach(listener -> listener.started(firstRound, rounds));
      }

      @Override
      public void said(String line) {
        all.forEach(listener -> listener.said(line));
      }

      @Override
      public void completed(RoundMetrics round) {
        all.forEach(listener -> listener.completed(round));
      }

      @Override
      public void published(URI checkpoint) {
        all.forEach(listener -> listener.published(checkpoint));
      }

      @Override
      public void scored(MinivalScore score) {
        all.forEach(listener -> listener.scored(score));
      }
    };
  }

  /** A checkpoint has been scored on the minival images. */
  default void scored(MinivalScore score) {}
}
