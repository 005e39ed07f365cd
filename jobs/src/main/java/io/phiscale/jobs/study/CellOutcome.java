package io.phiscale.jobs.study;

import io.phiscale.jobs.evaluate.Evaluation;
import io.phiscale.jobs.report.LearningCurve;
import io.phiscale.jobs.report.NetworkResult;
import java.time.Duration;

/** What became of a cell. */
public sealed interface CellOutcome {
  /** Which cell. */
  StudyCell cell();

  /**
   * Trained and evaluated, now or before.
   *
   * @param evaluation all its rows
   * @param curve its loss over its rounds
   * @param overhead what it took now besides rounds of training and scoring of images: drawing
   *     parameters, checkpoints, writing predictions
   */
  record Finished(StudyCell cell, Evaluation evaluation, LearningCurve curve, Duration overhead)
      implements CellOutcome {
    /** The row that tables of the study show: the moving average, where there is one. */
    public NetworkResult row() {
      return evaluation.rows().get(0);
    }
  }

  /**
   * Stopped by an error; what it had published stays.
   *
   * @param cause why
   */
  record Failed(StudyCell cell, Exception cause) implements CellOutcome {}

  /**
   * Not trained, as its constants were not among the best at the budget before ({@code
   * study.search.keep}).
   */
  record Dropped(StudyCell cell) implements CellOutcome {}
}
