package io.phiscale.jobs.law;

import java.util.Objects;

/**
 * One trained and evaluated network, as a point of a law.
 *
 * @param name which network, for messages and tables
 * @param scale what was scaled: multiply-adds, parameters or images, &gt; 0
 * @param error share of the evaluated images that the first guess got wrong, (0, 1)
 */
public record Observation(String name, double scale, double error) {
  public Observation {
    Objects.requireNonNull(name, "name");
    if (!(scale > 0 && Double.isFinite(scale))) {
      throw new IllegalArgumentException(
          String.format("Invalid scale of %s: %s (must be > 0 and finite)", name, scale));
    }
    requireError(name, error);
  }

  static void requireError(String name, double error) {
    if (!(error > 0 && error < 1)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid error of %s: %s (must be in (0, 1): a law is fitted to its logarithm)",
              name, error));
    }
  }
}
