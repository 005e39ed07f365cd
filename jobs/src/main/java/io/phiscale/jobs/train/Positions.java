package io.phiscale.jobs.train;

/**
 * A digest of a set of positions in an epoch's order: the sum, modulo 2^64, of a mixed value each
 * (SplitMix64's, Steele et al. 2014). Digests of disjoint sets add up to that of their union, so
 * the driver sees whether the workers trained on a round's images, each once.
 */
final class Positions {
  private Positions() {}

  /** Digest of one position. */
  static long digest(long position) {
    long mixed = (position + 1) * 0x9E3779B97F4A7C15L;
    mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
    return mixed ^ (mixed >>> 31);
  }

  /** Digest of {@code [start, end)}. */
  static long digest(long start, long end) {
    long sum = 0;
    for (long position = start; position < end; position++) {
      sum += digest(position);
    }
    return sum;
  }
}
