package io.phiscale.jobs.report;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/** The conditions that the report's records share. */
final class Checks {
  private Checks() {}

  static String text(String what, String value) {
    requireNonNull(value, what);
    if (value.isBlank() || value.chars().anyMatch(Character::isISOControl)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid %s: '%s' (must not be blank and hold no control characters)",
              what, value.replaceAll("\\p{Cntrl}", "?")));
    }
    return value;
  }

  static void positive(String what, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be > 0)", what, value));
    }
  }

  static void positive(String what, double value) {
    if (!(value > 0 && Double.isFinite(value))) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be finite and > 0)", what, value));
    }
  }

  static void notNegative(String what, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be >= 0)", what, value));
    }
  }

  static void notNegative(String what, double value) {
    if (!(value >= 0 && Double.isFinite(value))) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be finite and >= 0)", what, value));
    }
  }

  static void notNegative(String what, Duration value) {
    requireNonNull(value, what);
    if (value.isNegative()) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be >= 0)", what, value));
    }
  }

  static void fraction(String what, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be 0..1)", what, value));
    }
  }
}
