package io.phiscale.pipeline.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Waits for operations on file systems that may hang: a dead NFS server, a pipe, a FUSE mount whose
 * process is gone hold the thread that asks inside the kernel, where no interrupt reaches it. So
 * another thread asks, and is left alone when its time is over; it is a daemon and ends with the
 * JVM at the latest.
 */
public final class Patience {
  private static final ExecutorService THREADS =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "phiscale-storage");
            thread.setDaemon(true);
            return thread;
          });

  private Patience() {}

  /** Something done with a file system. */
  @FunctionalInterface
  public interface Operation<T> {
    /** Does it; may be interrupted once nobody waits any more. */
    T run() throws IOException;
  }

  /**
   * Waits no longer than a deadline.
   *
   * @param attempt what fails, for the message: as "Cannot read file:/a"
   */
  static <T> T within(Duration deadline, String attempt, Operation<T> operation)
      throws IOException {
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    Future<T> answer =
        THREADS.submit(
            () -> {
              Thread.currentThread().setContextClassLoader(loader);
              return operation.run();
            });
    try {
      return answer.get(deadline.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      answer.cancel(true);
      throw new StorageTimeoutException(
          "%s: no answer within %s s (storage.deadline); does the file system hang?"
              .formatted(attempt, deadline.toMillis() / 1e3));
    } catch (InterruptedException e) {
      answer.cancel(true);
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(attempt + ": interrupted");
    } catch (ExecutionException e) {
      throw thrown(e.getCause());
    }
  }

  private static IOException thrown(Throwable cause) {
    if (cause instanceof RuntimeException exception) {
      throw exception;
    }
    if (cause instanceof Error error) {
      throw error;
    }
    return cause instanceof IOException exception
        ? exception
        : new IOException(cause.getMessage(), cause);
  }
}
