package io.phiscale.jobs.config;

import java.util.List;
import java.util.stream.Collectors;

/** A configuration that cannot be used: all its problems at once, one per line of the message. */
public final class ConfigurationException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final List<ConfigurationProblem> problems;

  public ConfigurationException(List<ConfigurationProblem> problems) {
    super(problems.stream().map(ConfigurationProblem::toString).collect(Collectors.joining("\n")));
    this.problems = List.copyOf(problems);
  }

  /** One problem without a place. */
  public ConfigurationException(String message) {
    this(List.of(new ConfigurationProblem("", message)));
  }

  /** In the order of the keys; never empty. */
  public List<ConfigurationProblem> problems() {
    return problems;
  }
}
