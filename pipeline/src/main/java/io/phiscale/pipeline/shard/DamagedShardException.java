package io.phiscale.pipeline.shard;

import java.io.IOException;

/**
 * A shard was read to where it was to be read, and is not what was written: cut off, changed, or no
 * shard at all. Reading it again gives the same; a storage that does not answer, refuses or breaks
 * off is never reported by this.
 */
public final class DamagedShardException extends IOException {
  private static final long serialVersionUID = 1L;

  DamagedShardException(String message) {
    super(message);
  }

  DamagedShardException(String message, Throwable cause) {
    super(message, cause);
  }
}
