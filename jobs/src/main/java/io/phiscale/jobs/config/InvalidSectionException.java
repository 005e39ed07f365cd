package io.phiscale.jobs.config;

import java.util.List;
import java.util.stream.Collectors;

/** Thrown by the constructor of a section: every rule that its values break, not only the first. */
final class InvalidSectionException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final List<Violation> violations;

  InvalidSectionException(List<Violation> violations) {
    super(violations.stream().map(Violation::message).collect(Collectors.joining("; ")));
    this.violations = List.copyOf(violations);
  }

  List<Violation> violations() {
    return violations;
  }
}
