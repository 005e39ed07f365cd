package io.phiscale.jobs.doctor;

import java.io.Serializable;
import java.util.Objects;

/**
 * What one check found.
 *
 * @param subject what was looked at
 * @param outcome how it is
 * @param detail what was found, in one line, without secrets
 * @param advice what to do; empty where nothing is
 */
public record Finding(String subject, Outcome outcome, String detail, String advice)
    implements Serializable {

  /** How it is. */
  public enum Outcome {
    /** As it should be. */
    OK,
    /** Jobs run, but not as well as they could. */
    WARNING,
    /** A job will fail. */
    FAILED
  }

  public Finding {
    Objects.requireNonNull(subject, "subject");
    Objects.requireNonNull(outcome, "outcome");
    Objects.requireNonNull(detail, "detail");
    Objects.requireNonNull(advice, "advice");
  }

  static Finding ok(String subject, String detail) {
    return new Finding(subject, Outcome.OK, detail, "");
  }

  static Finding warning(String subject, String detail, String advice) {
    return new Finding(subject, Outcome.WARNING, detail, advice);
  }

  static Finding failed(String subject, String detail, String advice) {
    return new Finding(subject, Outcome.FAILED, detail, advice);
  }
}
