package io.phiscale.model.train;

import io.phiscale.model.spec.ParameterLayout;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The pass that all optimizers share: vectors are copied through arrays that fit the first-level
 * cache, because HotSpot turns loops over arrays into SIMD code, and loops over direct buffers not.
 */
abstract class ChunkedOptimizer implements Optimizer {

  /** Elements per chunk: four arrays of 8 KiB. */
  static final int CHUNK = 2048;

  /** One optimizer's arithmetic with the constants of one step. */
  @FunctionalInterface
  interface Rule {
    /** Changes the first {@code count} elements of parameters and state. */
    void apply(float[] parameters, float[] gradients, float[][] state, int count, float decay);
  }

  private enum Treatment {
    OPTIMIZED,
    SUBTRACTED
  }

  /** Neighbouring segments with the same treatment, taken together. */
  private record Range(int offset, int length, Treatment treatment, float decay) {}

  private final int length;
  private final List<Range> ranges;

  ChunkedOptimizer(ParameterLayout layout, WeightDecay weightDecay) {
    this.length = layout.length();
    List<Range> merged = new ArrayList<>();
    for (ParameterLayout.Segment segment : layout.segments()) {
      Range range =
          new Range(
              segment.offset(),
              segment.length(),
              segment.kind().runningStatistic() ? Treatment.SUBTRACTED : Treatment.OPTIMIZED,
              (float) weightDecay.of(segment.kind()));
      Range last = merged.isEmpty() ? null : merged.get(merged.size() - 1);
      if (last != null
          && last.treatment() == range.treatment()
          && Float.compare(last.decay(), range.decay()) == 0) {
        merged.set(
            merged.size() - 1,
            new Range(
                last.offset(), last.length() + range.length(), last.treatment(), last.decay()));
      } else {
        merged.add(range);
      }
    }
    this.ranges = List.copyOf(merged);
  }

  /** The arithmetic of one step. */
  abstract Rule rule(double learningRate, long stepIndex);

  @Override
  public final void step(
      FloatBuffer parameters,
      FloatBuffer gradients,
      List<FloatBuffer> state,
      double learningRate,
      long stepIndex) {
    checkLength("parameters", parameters);
    checkLength("gradients", gradients);
    List<StateSlot> slots = stateSlots();
    if (state.size() != slots.size()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid number of state vectors: %s (must be %s)", state.size(), slots.size()));
    }
    for (int i = 0; i < slots.size(); i++) {
      checkLength(slots.get(i).name(), state.get(i));
    }
    OptimizerSpec.checkNotNegative("learning rate", learningRate);
    if (stepIndex < 0) {
      throw new IllegalArgumentException(
          String.format("Invalid step index: %s (must be >= 0)", stepIndex));
    }

    Rule rule = rule(learningRate, stepIndex);
    float[] parameterChunk = new float[CHUNK];
    float[] gradientChunk = new float[CHUNK];
    float[][] stateChunks = new float[slots.size()][CHUNK];
    for (Range range : ranges) {
      int end = range.offset() + range.length();
      for (int offset = range.offset(); offset < end; offset += CHUNK) {
        int count = Math.min(CHUNK, end - offset);
        parameters.get(offset, parameterChunk, 0, count);
        gradients.get(offset, gradientChunk, 0, count);
        if (range.treatment() == Treatment.SUBTRACTED) {
          for (int i = 0; i < count; i++) {
            parameterChunk[i] -= gradientChunk[i];
          }
        } else {
          for (int slot = 0; slot < stateChunks.length; slot++) {
            state.get(slot).get(offset, stateChunks[slot], 0, count);
          }
          rule.apply(parameterChunk, gradientChunk, stateChunks, count, range.decay());
          for (int slot = 0; slot < stateChunks.length; slot++) {
            state.get(slot).put(offset, stateChunks[slot], 0, count);
          }
        }
        parameters.put(offset, parameterChunk, 0, count);
      }
    }
  }

  private void checkLength(String name, FloatBuffer vector) {
    if (vector.limit() != length) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid length of %s: %s (must be %s, the layout's)", name, vector.limit(), length));
    }
  }
}
