package io.phiscale.pipeline.batch;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.Map;

/**
 * What a {@link BatchLoader} did and where the time went. Times of several threads are added up.
 *
 * @param images images that were transformed into a batch
 * @param skipped images that were damaged and are missing from their batch, by reason
 * @param decodeTime time spent comparing checksums and decoding
 * @param transformTime time spent cropping, resizing and normalising
 * @param sourceTime time spent in the iterator of samples (reading from storage)
 * @param readerWaitTime time with no free batch to fill: the consumer is the slower side
 * @param consumerWaitTime time with no batch ready: the loader is the slower side
 */
public record LoaderStatistics(
    long images,
    Map<SkipReason, Long> skipped,
    Duration decodeTime,
    Duration transformTime,
    Duration sourceTime,
    Duration readerWaitTime,
    Duration consumerWaitTime) {
  public LoaderStatistics {
    skipped = Map.copyOf(skipped);
    requireNonNull(decodeTime, "decodeTime");
    requireNonNull(transformTime, "transformTime");
    requireNonNull(sourceTime, "sourceTime");
    requireNonNull(readerWaitTime, "readerWaitTime");
    requireNonNull(consumerWaitTime, "consumerWaitTime");
    if (images < 0) {
      throw new IllegalArgumentException("Invalid number of images: " + images + " (must be >= 0)");
    }
  }

  /** Returns the number of images skipped for any reason. */
  public long totalSkipped() {
    return skipped.values().stream().mapToLong(Long::longValue).sum();
  }
}
