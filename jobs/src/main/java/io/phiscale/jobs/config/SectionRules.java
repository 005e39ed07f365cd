package io.phiscale.jobs.config;

import java.util.ArrayList;
import java.util.List;

/**
 * Collects the rules that the values of one section break, so that a constructor reports all of
 * them in one exception. Messages have the form {@code Invalid train.batch-size: 0 (must be > 0)}.
 */
final class SectionRules {
  private final String section;
  private final List<Violation> violations = new ArrayList<>();

  SectionRules(String section) {
    this.section = section;
  }

  SectionRules require(boolean holds, String key, Object value, String rule) {
    if (!holds) {
      String path = section.isEmpty() ? key : section + "." + key;
      violations.add(
          new Violation(path, String.format("Invalid %s: %s (must be %s)", path, value, rule)));
    }
    return this;
  }

  SectionRules positive(String key, long value) {
    return require(value > 0, key, value, "> 0");
  }

  SectionRules notNegative(String key, long value) {
    return require(value >= 0, key, value, ">= 0");
  }

  SectionRules positive(String key, double value) {
    return require(value > 0 && Double.isFinite(value), key, value, "> 0");
  }

  SectionRules notNegative(String key, double value) {
    return require(value >= 0 && Double.isFinite(value), key, value, ">= 0");
  }

  /** In [0, 1]. */
  SectionRules fraction(String key, double value) {
    return require(value >= 0 && value <= 1, key, value, "in [0, 1]");
  }

  /** In [0, 1): a decay of 1 would never forget, a drop rate of 1 would leave nothing. */
  SectionRules fractionBelowOne(String key, double value) {
    return require(value >= 0 && value < 1, key, value, "in [0, 1)");
  }

  SectionRules notBlank(String key, String value) {
    return require(!value.isBlank(), key, "\"" + value + "\"", "not empty");
  }

  /** Throws what was collected. */
  void verify() {
    if (!violations.isEmpty()) {
      throw new InvalidSectionException(violations);
    }
  }
}
