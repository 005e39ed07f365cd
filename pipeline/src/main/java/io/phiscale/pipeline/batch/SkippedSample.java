package io.phiscale.pipeline.batch;

import static java.util.Objects.requireNonNull;

/**
 * A sample that is missing from its batch.
 *
 * @param position its place in the epoch's global order
 * @param key its name
 * @param reason the reason, to count by
 * @param cause what exactly was wrong, for people
 */
public record SkippedSample(long position, String key, SkipReason reason, String cause) {
  public SkippedSample {
    requireNonNull(key, "key");
    requireNonNull(reason, "reason");
    requireNonNull(cause, "cause");
  }
}
