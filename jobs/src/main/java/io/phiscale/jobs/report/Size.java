package io.phiscale.jobs.report;

/** What the accuracy of a network is plotted against. */
enum Size {
  MULTIPLY_ADDS("multiply-adds", "multiply-adds per image"),
  PARAMETERS("parameters", "parameters"),
  LATENCY("latency", "median time of one image alone, ms");

  private final String label;
  private final String axisLabel;

  Size(String label, String axisLabel) {
    this.label = label;
    this.axisLabel = axisLabel;
  }

  /** In words. */
  String label() {
    return label;
  }

  /** In words, with its unit. */
  String axisLabel() {
    return axisLabel;
  }

  /** Of a measured network; NaN where it was not measured. */
  double of(NetworkResult row) {
    return switch (this) {
      case MULTIPLY_ADDS -> row.multiplyAdds();
      case PARAMETERS -> row.parameters();
      case LATENCY -> row.latency().map(Latency::singleMillis).orElse(Double.NaN);
    };
  }

  /**
   * Of a published one; NaN where nothing comparable was printed: published times are of other
   * machines.
   */
  double of(PublishedResult result) {
    return switch (this) {
      case MULTIPLY_ADDS -> result.multiplyAddCount();
      case PARAMETERS -> result.parameterCount();
      case LATENCY -> Double.NaN;
    };
  }
}
