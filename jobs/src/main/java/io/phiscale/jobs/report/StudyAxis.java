package io.phiscale.jobs.report;

/** What a study varied to get a network. */
public enum StudyAxis {
  /** Depth, width and resolution together, by one φ. */
  COMPOUND("compound", "by compound scaling"),
  /** Depth alone. */
  DEPTH("depth", "in depth alone"),
  /** Width alone. */
  WIDTH("width", "in width alone"),
  /** Resolution alone. */
  RESOLUTION("resolution", "in resolution alone"),
  /** The constants α, β, γ of compound scaling, at one φ. */
  SEARCH("search", "by constants of a search");

  private final String label;
  private final String words;

  StudyAxis(String label, String words) {
    this.label = label;
    this.words = words;
  }

  /** The word that reports print. */
  public String label() {
    return label;
  }

  /** How a network was scaled, in words that follow "scaled". */
  String words() {
    return words;
  }
}
