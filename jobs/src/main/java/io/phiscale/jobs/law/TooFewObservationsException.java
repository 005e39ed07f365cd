package io.phiscale.jobs.law;

import java.util.Optional;

/** There are too few points, or they lie too close together, for what was asked. */
public final class TooFewObservationsException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final transient Optional<Shortage> shortage;

  TooFewObservationsException(String message) {
    super(message);
    this.shortage = Optional.empty();
  }

  TooFewObservationsException(Shortage shortage) {
    super(
        String.format(
            "Cannot fit %s: it %s, and %s", shortage.what(), shortage.needed(), shortage.found()));
    this.shortage = Optional.of(shortage);
  }

  /** How many points are missing; empty where their number is not what is wrong. */
  public Optional<Shortage> shortage() {
    return shortage;
  }
}
