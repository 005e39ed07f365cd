package io.phiscale.jobs.report;

/** How a network's φ is to be understood. */
public enum PhiKind {
  /** Width, depth and resolution are β^φ, α^φ and γ^φ: φ is the definition of the network. */
  COMPOUND("compound"),
  /**
   * The network is one of the published, hand-rounded B-table: φ is a label, not an exponent (the
   * published coefficients are not α^φ at one φ).
   */
  NOMINAL("nominal"),
  /** The network was not scaled by a φ (a single axis, or another family): φ is NaN. */
  NONE("none");

  private final String label;

  PhiKind(String label) {
    this.label = label;
  }

  /** The word that reports print: {@code compound}, {@code nominal} or {@code none}. */
  public String label() {
    return label;
  }
}
