package io.phiscale.model.kernels;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed number of threads that work on one thing together: the caller and {@code threads − 1}
 * workers, each with a fixed number. Which thread does what depends on that number alone, so sums
 * can be put together in one order and a result is the same in every run.
 *
 * <p>Waiting threads spin for some milliseconds before they sleep, as the next piece usually
 * follows within microseconds.
 *
 * <p>Used by one caller at a time. Waits here are for computing of this process alone, and it has
 * no deadline of its own: {@code train.deadline} and {@code spark.deadline} bound the task that
 * computes. A thread that dies, at its start too, ends the wait with its error.
 */
final class Workers implements AutoCloseable {

  /** Turns of a waiting thread between two looks at the clock: some microseconds. */
  private static final int SPINS = 100;

  /**
   * How long a waiting thread stays awake. To wake one takes up to a millisecond on a virtual
   * machine, as long as a small layer's work: parking after 2,000 turns cost a sixth of a step of
   * B0.
   */
  private static final long AWAKE_NANOS = 5_000_000;

  /** The same where there are more threads than processors, which a spinning one would hold. */
  private static final long CROWDED_AWAKE_NANOS = 50_000;

  private final Thread[] threads;
  private final long awakeNanos;
  private final AtomicInteger unfinished = new AtomicInteger();
  private volatile Share share;
  private final AtomicInteger turn = new AtomicInteger();
  private volatile boolean closed;
  private volatile Thread caller;
  private volatile Throwable failure;

  /** What every thread does with its part. */
  interface Share {
    void run(int part);
  }

  /**
   * @param parts number of threads, the caller included, > 0
   * @param start run once by every worker before its first share
   */
  Workers(int parts, Runnable start) {
    threads = new Thread[parts - 1];
    awakeNanos =
        parts > Runtime.getRuntime().availableProcessors() ? CROWDED_AWAKE_NANOS : AWAKE_NANOS;
    for (int i = 0; i < threads.length; i++) {
      int part = i + 1;
      threads[i] =
          new Thread(
              () -> {
                Throwable problem = null;
                try {
                  start.run();
                } catch (Throwable e) { // a thread that died in silence would be waited for
                  problem = e;
                }
                work(part, problem);
              },
              "phiscale-kernels-" + part);
      threads[i].setDaemon(true);
      threads[i].start();
    }
  }

  int parts() {
    return threads.length + 1;
  }

  /** Runs all parts, part 0 in this thread, and returns when all have ended. */
  void run(Share work) {
    if (threads.length == 0) {
      work.run(0);
      return;
    }
    if (closed) {
      throw new IllegalStateException("Cannot compute: these kernels are closed");
    }
    failure = null;
    share = work;
    caller = Thread.currentThread();
    unfinished.set(threads.length);
    turn.incrementAndGet();
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
    Throwable own = null;
    try {
      work.run(0);
    } catch (RuntimeException | Error e) {
      own = e;
    }
    Patience patience = new Patience();
    while (unfinished.get() > 0) {
      patience.pause(this);
    }
    share = null;
    Throwable thrown = own != null ? own : failure;
    if (thrown != null) {
      throw new IllegalStateException("Cannot compute: a thread failed: " + thrown, thrown);
    }
  }

  /**
   * One wait: spins, then sleeps. It does not yield in between: another process would get the core
   * for milliseconds, and the step would wait for it.
   */
  private final class Patience {
    private int spins;
    private long end;

    void pause(Object blocker) {
      Thread.onSpinWait();
      if (++spins % SPINS != 0) {
        return;
      }
      long now = System.nanoTime();
      if (end == 0) {
        end = now + awakeNanos;
      } else if (now > end) {
        LockSupport.park(blocker);
      }
    }
  }

  /**
   * @param problem why this thread cannot work, or null
   */
  private void work(int part, Throwable problem) {
    int seen = 0;
    while (true) {
      Patience patience = new Patience();
      while (turn.get() == seen && !closed) {
        patience.pause(this);
      }
      if (closed) {
        return;
      }
      seen = turn.get();
      try {
        if (problem == null) {
          share.run(part);
        } else {
          failure = problem;
        }
      } catch (Throwable e) {
        failure = e;
      }
      if (unfinished.decrementAndGet() == 0) {
        LockSupport.unpark(caller);
      }
    }
  }

  /** Ends the threads, and waits for their end: what they use may be freed afterwards. */
  @Override
  public void close() {
    closed = true;
    boolean interrupted = false;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
