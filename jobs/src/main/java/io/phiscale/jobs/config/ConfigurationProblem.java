package io.phiscale.jobs.config;

import java.io.Serializable;

/**
 * One thing that is wrong with a configuration.
 *
 * @param origin {@code file:line}, {@code --set}, or empty where there is no place to point at
 * @param message one line: key, value and rule
 */
public record ConfigurationProblem(String origin, String message) implements Serializable {
  @Override
  public String toString() {
    return origin.isEmpty() ? message : origin + ": " + message;
  }
}
