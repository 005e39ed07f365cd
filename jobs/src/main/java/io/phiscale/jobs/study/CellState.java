package io.phiscale.jobs.study;

/** What lies in a cell's folder. */
public sealed interface CellState {
  /** Nothing, or no checkpoint. */
  record Missing() implements CellState {}

  /**
   * A run that did not end.
   *
   * @param epochs that its newest checkpoint has behind it
   */
  record Begun(int epochs) implements CellState {}

  /** A run with all its epochs. */
  record Done() implements CellState {}
}
