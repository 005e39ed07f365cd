package io.phiscale.jobs.train;

import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.RoundMetrics;
import java.net.URI;

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

  /** A line about what training starts from, before it starts. */
  default void said(String line) {}

  /** A round has been averaged. */
  default void completed(RoundMetrics round) {}

  /** A checkpoint has been published. */
  default void published(URI checkpoint) {}

  /** A checkpoint has been scored on the minival images. */
  default void scored(MinivalScore score) {}
}
