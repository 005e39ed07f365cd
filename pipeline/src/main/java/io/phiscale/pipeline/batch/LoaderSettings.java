package io.phiscale.pipeline.batch;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.image.ImageDecoder;
import java.io.Serializable;
import java.time.Duration;

/**
 * How a {@link BatchLoader} works. None of it changes what the batches hold, except the batch size.
 *
 * @param batchSize images per batch, greater than 0
 * @param threads threads that decode and transform, greater than 0
 * @param queueDepth batches that are filled ahead of the consumer, greater than 0; the loader's
 *     memory is (queue depth + 1) batches
 * @param waitLimit the longest that the consumer waits for a batch before the loader gives up,
 *     greater than 0
 * @param maxPixels the most pixels an image may have to be decoded
 */
public record LoaderSettings(
    int batchSize, int threads, int queueDepth, Duration waitLimit, long maxPixels)
    implements Serializable {

  /**
   * Long enough for a slow object store with its retries, short enough for a person to see that
   * something hangs.
   */
  public static final Duration DEFAULT_WAIT_LIMIT = Duration.ofMinutes(5);

  /** One batch being filled while another one is ready. */
  public static final int DEFAULT_QUEUE_DEPTH = 2;

  public LoaderSettings {
    requireNonNull(waitLimit, "waitLimit");
    requirePositive("batch size", batchSize);
    requirePositive("number of threads", threads);
    requirePositive("queue depth", queueDepth);
    requirePositive("limit of pixels", maxPixels);
    if (waitLimit.isZero() || waitLimit.isNegative()) {
      throw new IllegalArgumentException("Invalid wait limit: " + waitLimit + " (must be > 0)");
    }
  }

  /** Returns settings of one thread and defaults for the rest. */
  public static LoaderSettings ofBatchSize(int batchSize) {
    return new LoaderSettings(
        batchSize, 1, DEFAULT_QUEUE_DEPTH, DEFAULT_WAIT_LIMIT, ImageDecoder.DEFAULT_MAX_PIXELS);
  }

  /** Returns this with another batch size. */
  public LoaderSettings withBatchSize(int size) {
    return new LoaderSettings(size, threads, queueDepth, waitLimit, maxPixels);
  }

  /** Returns this with another number of threads. */
  public LoaderSettings withThreads(int number) {
    return new LoaderSettings(batchSize, number, queueDepth, waitLimit, maxPixels);
  }

  /** Returns this with another queue depth. */
  public LoaderSettings withQueueDepth(int depth) {
    return new LoaderSettings(batchSize, threads, depth, waitLimit, maxPixels);
  }

  /** Returns this with another wait limit. */
  public LoaderSettings withWaitLimit(Duration limit) {
    return new LoaderSettings(batchSize, threads, queueDepth, limit, maxPixels);
  }

  /** Returns this with another limit of pixels. */
  public LoaderSettings withMaxPixels(long limit) {
    return new LoaderSettings(batchSize, threads, queueDepth, waitLimit, limit);
  }

  private static void requirePositive(String name, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException("Invalid %s: %s (must be > 0)".formatted(name, value));
    }
  }
}
