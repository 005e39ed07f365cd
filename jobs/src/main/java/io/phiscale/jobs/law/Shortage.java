package io.phiscale.jobs.law;

import java.util.Objects;

/**
 * What observations lack for a fit, in words that make a sentence: {@code WHAT NEEDED, and FOUND}.
 *
 * @param what would be fitted
 * @param needed a verb and how much it takes: {@code needs networks of at least 4 different sizes}
 * @param found how much there is: {@code there are 3}
 */
public record Shortage(String what, String needed, String found) {
  public Shortage {
    Objects.requireNonNull(what, "what");
    Objects.requireNonNull(needed, "needed");
    Objects.requireNonNull(found, "found");
  }
}
