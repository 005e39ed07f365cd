package io.phiscale.pipeline.shard;

import java.io.Serializable;
import java.util.stream.IntStream;

/**
 * Random numbers as a pure function of a key and a counter: any of them can be computed at any time
 * and on any machine, and there is no state to save.
 *
 * <p>The number at counter <i>i</i> is the (<i>i</i>+1)-th output of SplitMix64 seeded with the
 * key, that is mix(key + (i+1)·0x9E3779B97F4A7C15). Source: Steele, Lea and Flood, "Fast Splittable
 * Pseudorandom Number Generators", OOPSLA 2014, with the mixing function of Stafford's variant 13
 * as in Vigna's reference <a href="https://prng.di.unimi.it/splitmix64.c">splitmix64.c</a>.
 *
 * <p>Published orders of samples depend on these numbers: they must never change.
 *
 * @param key any value; see {@link #of} for keys made of several values
 */
public record CounterRandom(long key) implements Serializable {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  /**
   * Numbers keyed by a path of values, such as (run seed, epoch, row group): k₀ = seed, kₙ₊₁ =
   * mix(kₙ + γ) xor mix(valueₙ), key = mix(kₙ + γ). Different paths give unrelated numbers, and so
   * do a path and its beginning.
   */
  public static CounterRandom of(long seed, long... path) {
    long key = seed;
    for (long value : path) {
      key = mix(key + GOLDEN_GAMMA) ^ mix(value);
    }
    return new CounterRandom(mix(key + GOLDEN_GAMMA));
  }

  /** 64 random bits. */
  public long bits(long counter) {
    return mix(key + (counter + 1) * GOLDEN_GAMMA);
  }

  /**
   * A number in [0, bound), by multiplication (Lemire, "Fast Random Integer Generation in an
   * Interval", 2019); its bias is below 2⁻³², because 63 bits are used and none are rejected.
   *
   * @param bound greater than 0
   */
  public int below(int bound, long counter) {
    if (bound <= 0) {
      throw new IllegalArgumentException("Invalid bound: %s (must be > 0)".formatted(bound));
    }
    return (int) Math.multiplyHigh(bits(counter) >>> 1, (long) bound << 1);
  }

  /**
   * A random permutation of 0 ... size-1: the Fisher-Yates shuffle, from the last place down, that
   * draws the partner of place <i>i</i> with counter <i>i</i>.
   *
   * @param size at least 0
   */
  public int[] permutation(int size) {
    int[] order = IntStream.range(0, size).toArray();
    for (int i = size - 1; i > 0; i--) {
      int partner = below(i + 1, i);
      int moved = order[i];
      order[i] = order[partner];
      order[partner] = moved;
    }
    return order;
  }

  private static long mix(long value) {
    long mixed = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
    return mixed ^ (mixed >>> 31);
  }
}
