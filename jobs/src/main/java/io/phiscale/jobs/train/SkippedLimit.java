package io.phiscale.jobs.train;

import io.phiscale.jobs.run.SkippedImages;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Counts the images that one epoch has left out, against {@code train.max-skipped-fraction}. */
final class SkippedLimit {
  private final double fraction;
  private final long samples;
  private final List<SkippedImages> epoch = new ArrayList<>();

  /**
   * @param fraction of an epoch's images that may be left out
   * @param samples of an epoch
   */
  SkippedLimit(double fraction, long samples) {
    this.fraction = fraction;
    this.samples = samples;
  }

  /**
   * Counts a round.
   *
   * @throws IllegalStateException if too many are left out; names those of which most are
   */
  void count(List<SkippedImages> round) {
    epoch.addAll(round);
    long skipped = epoch.stream().mapToLong(SkippedImages::images).sum();
    if (skipped > fraction * samples) {
      SkippedImages most =
          epoch.stream().max(Comparator.comparingLong(SkippedImages::images)).orElseThrow();
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "%,d of the %,d images of epoch %d are damaged in the shards and were skipped, more"
                  + " than train.max-skipped-fraction = %s; most of them: %s. Shard the data set"
                  + " anew, or see dataset verify",
              skipped,
              samples,
              most.epoch() + 1,
              fraction,
              most.describe()));
    }
  }

  /** The next epoch begins. */
  void reset() {
    epoch.clear();
  }
}
