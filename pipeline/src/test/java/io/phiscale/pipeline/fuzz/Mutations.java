package io.phiscale.pipeline.fuzz;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * Damages whole files: flips bits, cuts, repeats, splices with another file, and overwrites numbers
 * of two, four and eight bytes or of octal digits with those that lengths overflow at.
 *
 * <p>How many inputs: {@code -Dphiscale.fuzz.tries=1000000}; which: {@code -Dphiscale.fuzz.seed=1}.
 * Input n of a seed is always the same.
 */
public final class Mutations {
  private static final long[] NUMBERS = {
    0,
    1,
    2,
    -1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    1 << 20,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_ffffL,
    0x1_0000_0000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private final List<byte[]> whole;

  /**
   * @param whole files to begin with
   */
  public Mutations(List<byte[]> whole) {
    this.whole = whole.stream().map(byte[]::clone).toList();
  }

  /** Inputs of a run: as many as asked for, else so many. */
  public static int tries(int usual) {
    return Integer.getInteger("phiscale.fuzz.tries", usual);
  }

  /** The random numbers of an input. */
  public static SplittableRandom random(int number) {
    return new SplittableRandom(
            Long.getLong("phiscale.fuzz.seed", 0) * 0x9e3779b97f4a7c15L + number)
        .split();
  }

  /** A damaged file; one in fifty is whole. */
  public byte[] next(SplittableRandom random) {
    byte[] bytes = any(random).clone();
    if (random.nextInt(50) == 0) {
      return bytes;
    }
    for (int i = 1 + random.nextInt(random.nextBoolean() ? 2 : 12);
        i > 0 && bytes.length > 0;
        i--) {
      bytes = once(bytes, random);
    }
    return bytes;
  }

  private byte[] any(SplittableRandom random) {
    return whole.get(random.nextInt(whole.size()));
  }

  /** A place: often near the beginning, where headers are. */
  private static int place(byte[] bytes, SplittableRandom random) {
    int within = random.nextBoolean() ? bytes.length : Math.min(bytes.length, 64);
    return random.nextInt(within);
  }

  private byte[] once(byte[] bytes, SplittableRandom random) {
    int at = place(bytes, random);
    switch (random.nextInt(9)) {
      case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> bytes[at] = (byte) random.nextInt(256);
      case 2, 3 -> {
        long number = NUMBERS[random.nextInt(NUMBERS.length)] + random.nextInt(-1, 2);
        int width = 1 << random.nextInt(1, 4);
        boolean little = random.nextBoolean();
        for (int i = 0; i < width && at + i < bytes.length; i++) {
          bytes[at + i] = (byte) (number >> (8 * (little ? i : width - 1 - i)));
        }
      }
      case 4 -> {
        for (int i = at; i < Math.min(bytes.length, at + 1 + random.nextInt(12)); i++) {
          bytes[i] = (byte) ('0' + random.nextInt(8));
        }
      }
      case 5 -> {
        return Arrays.copyOf(bytes, at);
      }
      case 6 -> {
        return joined(bytes, at, any(random), random);
      }
      case 7 -> {
        return joined(bytes, at, bytes, random);
      }
      default -> {
        int to = Math.min(bytes.length, at + 1 + random.nextInt(600));
        Arrays.fill(bytes, at, to, (byte) (random.nextBoolean() ? 0 : 0xff));
      }
    }
    return bytes;
  }

  /** The beginning of one and the end of the other: repeats or leaves out where both are one. */
  private static byte[] joined(byte[] head, int at, byte[] tail, SplittableRandom random) {
    int from = random.nextInt(tail.length + 1);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(head, 0, at);
    out.write(tail, from, tail.length - from);
    return out.toByteArray();
  }

  /** Runs one input. */
  @FunctionalInterface
  public interface Input {
    /** Says what became of it: a value, or the reason of a rejection. */
    String run(int number, SplittableRandom random) throws Exception;
  }

  /**
   * Runs all inputs, and fails on the first that throws, takes more than 20 seconds or makes more
   * garbage than allowed.
   *
   * @param heapBytes the most that one input may allocate on the heap
   * @return how often what became of an input
   */
  public static SortedMap<String, Long> run(int tries, long heapBytes, Input input) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    TreeMap<String, Long> outcomes = new TreeMap<>();
    try {
      // What is loaded at first is not the input's.
      input.run(0, random(0));
    } catch (Exception | Error e) {
      throw new AssertionError("Input 0 (of -Dphiscale.fuzz.seed): " + e, e);
    }
    for (int number = 0; number < tries; number++) {
      long allocated = threads.getCurrentThreadAllocatedBytes();
      long began = System.nanoTime();
      try {
        outcomes.merge(input.run(number, random(number)), 1L, Long::sum);
      } catch (Exception | Error e) {
        throw new AssertionError("Input " + number + " (of -Dphiscale.fuzz.seed): " + e, e);
      }
      long millis = (System.nanoTime() - began) / 1_000_000;
      long bytes = threads.getCurrentThreadAllocatedBytes() - allocated;
      if (millis > 20_000 || bytes > heapBytes) {
        throw new AssertionError(
            "Input %s took %s ms and %s bytes of heap (at most 20000 and %s)"
                .formatted(number, millis, bytes, heapBytes));
      }
    }
    return outcomes;
  }
}
