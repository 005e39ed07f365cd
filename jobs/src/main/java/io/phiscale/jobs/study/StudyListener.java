package io.phiscale.jobs.study;

import io.phiscale.jobs.train.TrainingListener;
import java.util.List;

/** Hears how a study goes, on the driver; of several cells at a time from several threads. */
public interface StudyListener {
  /** Hears nothing. */
  StudyListener SILENT = new StudyListener() {};

  /**
   * The study begins.
   *
   * @param cells in the order in which they begin
   */
  default void planned(List<StudyCell> cells) {}

  /**
   * A cell begins.
   *
   * @return hears of its training
   */
  default TrainingListener started(StudyCell cell) {
    return TrainingListener.SILENT;
  }

  /** A cell has ended. */
  default void ended(CellOutcome outcome) {}
}
