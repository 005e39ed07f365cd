package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.io.Serializable;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * The part of a parameter vector that training changes: all of it, or what is not frozen. Taken
 * out, its ranges lie one after the other.
 *
 * @param wholeLength values of the whole vector
 * @param layout of the part taken out
 * @param ranges where in the whole vector it lies, in order, neighbours joined
 */
public record TrainedPart(int wholeLength, ParameterLayout layout, List<Range> ranges)
    implements Serializable {

  /**
   * Values that are neighbours in the whole vector.
   *
   * @param offset of the first
   * @param length &gt; 0
   */
  public record Range(int offset, int length) implements Serializable {}

  public TrainedPart {
    ranges = List.copyOf(ranges);
  }

  /**
   * The part of some segments.
   *
   * @throws IllegalArgumentException if there are none
   */
  public static TrainedPart of(ParameterLayout whole, Predicate<Segment> trained) {
    ParameterLayout.Builder layout = ParameterLayout.builder();
    List<Range> ranges = new ArrayList<>();
    for (Segment segment : whole.segments()) {
      if (!trained.test(segment)) {
        continue;
      }
      layout.add(segment.name(), segment.length(), segment.kind());
      Range last = ranges.isEmpty() ? new Range(-1, 0) : ranges.get(ranges.size() - 1);
      if (last.offset() + last.length() == segment.offset()) {
        ranges.set(ranges.size() - 1, new Range(last.offset(), last.length() + segment.length()));
      } else {
        ranges.add(new Range(segment.offset(), segment.length()));
      }
    }
    if (ranges.isEmpty()) {
      throw new IllegalArgumentException("Invalid trained part: no segment is trained");
    }
    return new TrainedPart(whole.length(), layout.build(), ranges);
  }

  /** Values in it. */
  public int length() {
    return layout.length();
  }

  /** Whether nothing is frozen. */
  public boolean isWhole() {
    return length() == wholeLength;
  }

  /** Takes it out of a whole vector; the vector itself where nothing is frozen. */
  public float[] of(float[] whole) {
    requireLength("parameters", whole.length, wholeLength);
    if (isWhole()) {
      return whole;
    }
    float[] part = new float[length()];
    int at = 0;
    for (Range range : ranges) {
      System.arraycopy(whole, range.offset(), part, at, range.length());
      at += range.length();
    }
    return part;
  }

  /**
   * A whole vector of frozen and trained values.
   *
   * @param frozen the whole vector whose frozen values count; not read where nothing is frozen
   * @param part the trained values
   * @return a new vector, or {@code part} itself where nothing is frozen
   */
  public float[] into(float[] frozen, float[] part) {
    requireLength("trained parameters", part.length, length());
    if (isWhole()) {
      return part;
    }
    requireLength("parameters", frozen.length, wholeLength);
    float[] whole = frozen.clone();
    int at = 0;
    for (Range range : ranges) {
      System.arraycopy(part, at, whole, range.offset(), range.length());
      at += range.length();
    }
    return whole;
  }

  /** Copies it out of a whole vector. */
  void gather(FloatBuffer whole, FloatBuffer part) {
    int at = 0;
    for (Range range : ranges) {
      part.put(at, whole, range.offset(), range.length());
      at += range.length();
    }
  }

  /** Copies it back into a whole vector. */
  void scatter(FloatBuffer part, FloatBuffer whole) {
    int at = 0;
    for (Range range : ranges) {
      whole.put(range.offset(), part, at, range.length());
      at += range.length();
    }
  }

  private static void requireLength(String what, int length, int expected) {
    if (length != expected) {
      throw new IllegalArgumentException(
          String.format("Invalid number of %s: %s (must be %s)", what, length, expected));
    }
  }
}
