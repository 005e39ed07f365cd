package io.phiscale.jobs.law;

/** There are too few points, or they lie too close together, for what was asked. */
public final class TooFewObservationsException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  TooFewObservationsException(String message) {
    super(message);
  }
}
