package io.phiscale.pipeline.image;

/**
 * The random numbers of one sample in one epoch: a counter-based generator whose every value is a
 * pure function of (run seed, epoch, position, stream, index).
 *
 * <p>It needs no state but a counter, so a sample's augmentation is the same whichever thread,
 * worker or retry computes it. Position is the sample's place in the epoch's global order.
 *
 * <p>Definition, on 64-bit words with wrap-around, where {@code G = 0x9E3779B97F4A7C15} and {@code
 * mix} is SplitMix64's finaliser (Stafford's variant 13; Steele, Lea, Flood: Fast Splittable
 * Pseudorandom Number Generators, OOPSLA 2014):
 *
 * <pre>
 *   absorb(k, v) = mix((k ^ v) + G)
 *   key          = absorb(absorb(absorb(absorb(0, seed), epoch), position), stream)
 *   value(i)     = mix(key + i G),  i = 1, 2, ...        (a SplitMix64 sequence that starts at key)
 * </pre>
 *
 * <p>Each kind of choice draws from its own {@link Stream}, so a new augmentation does not shift
 * the others. Not thread-safe; cheap to create.
 */
public final class SampleRandom {
  /** What a random number is for. The identifiers are part of the definition and never change. */
  public enum Stream {
    /** Area, aspect ratio and place of the training crop. */
    CROP(1),
    /** Whether the crop is mirrored. */
    MIRROR(2),
    /** Operations of an augmentation policy and their magnitudes. */
    POLICY(3),
    /** Order and factors of colour jitter. */
    COLOR_JITTER(4),
    /** Amounts of lighting noise. */
    LIGHTING(5),
    /** Whether, where and by what an image is erased. */
    ERASING(6),
    /** How an image is mixed with another one of its batch. */
    MIXING(7);

    private final long id;

    Stream(long id) {
      this.id = id;
    }
  }

  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
  private static final double UNIT = 0x1.0p-53;

  private final long sampleKey;
  private long state;

  private SampleRandom(long sampleKey, Stream stream) {
    this.sampleKey = sampleKey;
    this.state = absorb(sampleKey, stream.id);
  }

  /**
   * Returns the generator of one sample, at the start of its {@link Stream#CROP} stream.
   *
   * @param runSeed the run's seed, any value
   * @param epoch the epoch, from 0
   * @param position the sample's place in the epoch's global order, from 0
   */
  public static SampleRandom of(long runSeed, long epoch, long position) {
    if (epoch < 0) {
      throw new IllegalArgumentException("Invalid epoch: " + epoch + " (must be >= 0)");
    }
    if (position < 0) {
      throw new IllegalArgumentException("Invalid position: " + position + " (must be >= 0)");
    }
    return new SampleRandom(absorb(absorb(absorb(0L, runSeed), epoch), position), Stream.CROP);
  }

  /**
   * Returns a generator of the same sample at the start of the given stream; this one is not
   * changed.
   */
  public SampleRandom stream(Stream stream) {
    return new SampleRandom(sampleKey, stream);
  }

  /** Returns the next 64 bits. */
  public long nextLong() {
    state += GOLDEN_GAMMA;
    return mix(state);
  }

  /** Returns the next value of [0, 1), a multiple of 2^-53. */
  public double nextDouble() {
    return (nextLong() >>> 11) * UNIT;
  }

  /** Returns the next value of [low, high), or {@code low} where both are equal. */
  public double nextDouble(double low, double high) {
    return low + (high - low) * nextDouble();
  }

  /**
   * Returns the next value of 0 .. bound-1, by multiplying 32 random bits with the bound; the bias
   * of a value is below {@code bound / 2^32}.
   */
  public int nextInt(int bound) {
    if (bound <= 0) {
      throw new IllegalArgumentException("Invalid bound: " + bound + " (must be > 0)");
    }
    return (int) (((nextLong() >>> 32) * bound) >>> 32);
  }

  private static long absorb(long key, long value) {
    return mix((key ^ value) + GOLDEN_GAMMA);
  }

  private static long mix(long word) {
    long z = word;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
