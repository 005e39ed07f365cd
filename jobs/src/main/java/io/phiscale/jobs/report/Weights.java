package io.phiscale.jobs.report;

/** Which of a checkpoint's parameters were evaluated. */
public enum Weights {
  /** The parameters as the last averaging round left them. */
  RAW("raw"),
  /** Their exponential moving average. */
  EMA("EMA");

  private final String label;

  Weights(String label) {
    this.label = label;
  }

  /** The word that reports print: {@code raw} or {@code EMA}. */
  public String label() {
    return label;
  }
}
