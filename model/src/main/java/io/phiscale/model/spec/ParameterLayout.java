package io.phiscale.model.spec;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What each range of a network's flat parameter vector is. Segments lie one after the other and
 * cover the vector completely, so that no parameter can be without a rule.
 *
 * @param length of the vector, in elements (float32)
 * @param segments in order of their offsets
 */
public record ParameterLayout(int length, List<Segment> segments) implements Serializable {

  /** What a segment holds, which decides whether it decays and whether an optimizer touches it. */
  public enum Kind {
    CONVOLUTION_WEIGHT,
    DENSE_WEIGHT,
    BIAS,
    BATCH_NORM_SCALE,
    BATCH_NORM_SHIFT,
    RUNNING_MEAN,
    RUNNING_VARIANCE;

    /** Whether this is a running statistic of batch norm rather than a trainable parameter. */
    public boolean runningStatistic() {
      return this == RUNNING_MEAN || this == RUNNING_VARIANCE;
    }

    /** Whether this is the scale or the shift of batch norm. */
    public boolean batchNormParameter() {
      return this == BATCH_NORM_SCALE || this == BATCH_NORM_SHIFT;
    }
  }

  /**
   * A range of the vector.
   *
   * @param name unique within the layout, e.g. {@code block_03/depthwise/weight}
   * @param offset of its first element
   * @param length in elements, > 0
   * @param kind what it holds
   */
  public record Segment(String name, int offset, int length, Kind kind) implements Serializable {

    public Segment {
      if (name == null || name.isBlank()) {
        throw new IllegalArgumentException(
            String.format("Invalid segment name: %s (must not be blank)", name));
      }
      if (offset < 0) {
        throw new IllegalArgumentException(
            String.format("Invalid offset of segment %s: %s (must be >= 0)", name, offset));
      }
      if (length <= 0) {
        throw new IllegalArgumentException(
            String.format("Invalid length of segment %s: %s (must be > 0)", name, length));
      }
      if (kind == null) {
        throw new IllegalArgumentException(String.format("Invalid kind of segment %s: null", name));
      }
    }
  }

  public ParameterLayout {
    segments = List.copyOf(segments);
    Set<String> names = new HashSet<>();
    long covered = 0;
    for (Segment segment : segments) {
      if (segment.offset() != covered) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid offset of segment %s: %s (must be %s, the end of the segment before it)",
                segment.name(), segment.offset(), covered));
      }
      if (!names.add(segment.name())) {
        throw new IllegalArgumentException(
            String.format("Invalid segment name: %s (must be unique)", segment.name()));
      }
      covered += segment.length();
    }
    if (covered != length) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid parameter layout: segments cover %s elements of %s", covered, length));
    }
  }

  /** Elements that an optimizer changes: all but the running statistics. */
  public int trainableLength() {
    return segments.stream()
        .filter(segment -> !segment.kind().runningStatistic())
        .mapToInt(Segment::length)
        .sum();
  }

  /** Starts an empty layout. */
  public static Builder builder() {
    return new Builder();
  }

  /** Lays segments one after the other. */
  public static final class Builder {

    private final List<Segment> segments = new ArrayList<>();
    private int length;

    private Builder() {}

    /**
     * Appends a segment.
     *
     * @throws ArithmeticException if the vector would have more than 2^31 − 1 elements
     */
    public Builder add(String name, int segmentLength, Kind kind) {
      segments.add(new Segment(name, length, segmentLength, kind));
      length = Math.addExact(length, segmentLength);
      return this;
    }

    /** The layout of what was added. */
    public ParameterLayout build() {
      return new ParameterLayout(length, segments);
    }
  }
}
