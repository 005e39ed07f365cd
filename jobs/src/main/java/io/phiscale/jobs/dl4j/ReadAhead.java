package io.phiscale.jobs.dl4j;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Draws from an iterator in a thread of its own, a few elements ahead of who takes them; or, with
 * none ahead, when they are asked for. A failure comes out where the element would have.
 * (Deeplearning4j's {@code AsyncMultiDataSetIterator} waits for ever where its source fails.)
 *
 * @param <E> the elements
 */
final class ReadAhead<E> implements AutoCloseable {
  private final Iterator<E> source;
  private final int ahead;
  private final ExecutorService thread;
  private final Deque<Future<Optional<E>>> asked = new ArrayDeque<>();

  /**
   * @param source used by no one else from now on
   * @param ahead elements to hold ready (&gt;= 0)
   */
  ReadAhead(Iterator<E> source, int ahead) {
    this.source = source;
    this.ahead = ahead;
    this.thread =
        ahead == 0
            ? null
            : Executors.newSingleThreadExecutor(
                task -> {
                  Thread reader = new Thread(task, "phiscale-read-ahead");
                  reader.setDaemon(true);
                  return reader;
                });
  }

  /** The next element; empty at the end. */
  Optional<E> next() {
    if (thread == null) {
      return draw();
    }
    while (asked.size() <= ahead) {
      asked.add(thread.submit(this::draw));
    }
    try {
      return asked.remove().get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted while waiting for data", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException("Cannot read data", e.getCause());
    }
  }

  private Optional<E> draw() {
    return source.hasNext() ? Optional.of(source.next()) : Optional.empty();
  }

  /** Stops the thread; what it held is dropped. */
  @Override
  public void close() {
    if (thread != null) {
      thread.shutdownNow();
    }
  }
}
