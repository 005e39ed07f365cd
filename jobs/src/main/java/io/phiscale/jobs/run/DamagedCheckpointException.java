package io.phiscale.jobs.run;

import java.io.IOException;

/**
 * A file of a checkpoint is not what was written: cut off, changed, missing or unreadable as what
 * it should be. The message names the file and how that was found. A store that cannot be reached
 * is another {@link IOException}: what it holds may well be whole.
 */
public final class DamagedCheckpointException extends IOException {
  private static final long serialVersionUID = 1L;

  DamagedCheckpointException(String message) {
    super(message);
  }

  DamagedCheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
