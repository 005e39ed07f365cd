package io.phiscale.pipeline.storage;

import java.io.IOException;

/** A file system did not answer in time; the message says which operation on what, and how long. */
public final class StorageTimeoutException extends IOException {
  private static final long serialVersionUID = 1L;

  StorageTimeoutException(String message) {
    super(message);
  }
}
