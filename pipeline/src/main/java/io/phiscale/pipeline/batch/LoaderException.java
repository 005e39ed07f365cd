package io.phiscale.pipeline.batch;

/**
 * A {@link BatchLoader} cannot go on: its source or one of its threads failed (see the cause), a
 * wait took too long, or it was interrupted.
 */
public final class LoaderException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  LoaderException(String message) {
    super(message);
  }

  LoaderException(String message, Throwable cause) {
    super(message, cause);
  }
}
