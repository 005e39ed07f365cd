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

  /**
   * Arithmetic that needs the norms of a whole layer before it changes the first of its parameters:
   * a pass over the layer that sums them, then one that applies.
   */
  interface LayerRule extends Rule {
    /** A layer begins. */
    void begin();

    /** Sums over the first {@code count} elements; may change the state. */
    void measure(float[] parameters, float[] gradients, float[][] state, int count, float decay);

    /** All of a layer whose rate follows its norms was measured. */
    void adapt(float decay);

    /** All of a layer whose rate does not was measured: a bias, or a parameter of batch norm. */
    void leave();
  }

  /** What is stepped together. */
  enum Grouping {
    /** Neighbouring segments that are treated alike. */
    RANGES,
    /** Each segment by itself. */
    LAYERS
  }

  private enum Treatment {
    ADAPTED,
    OPTIMIZED,
    SUBTRACTED;

    static Treatment of(ParameterLayout.Kind kind) {
      return switch (kind) {
        case CONVOLUTION_WEIGHT, DENSE_WEIGHT -> ADAPTED;
        case BIAS, BATCH_NORM_SCALE, BATCH_NORM_SHIFT -> OPTIMIZED;
        case RUNNING_MEAN, RUNNING_VARIANCE -> SUBTRACTED;
      };
    }

    /** Whether ranges of both may be joined where nobody asks for the norms of layers. */
    boolean joins(Treatment other) {
      return (this == SUBTRACTED) == (other == SUBTRACTED);
    }
  }

  /** Neighbouring segments with the same treatment, taken together. */
  private record Range(int offset, int length, Treatment treatment, float decay) {}

  private final int length;
  private final List<Range> ranges;

  ChunkedOptimizer(ParameterLayout layout, WeightDecay weightDecay) {
    this(layout, weightDecay, Grouping.RANGES);
  }

  ChunkedOptimizer(ParameterLayout layout, WeightDecay weightDecay, Grouping grouping) {
    this.length = layout.length();
    List<Range> merged = new ArrayList<>();
    for (ParameterLayout.Segment segment : layout.segments()) {
      Range range =
          new Range(
              segment.offset(),
              segment.length(),
              Treatment.of(segment.kind()),
              (float) weightDecay.of(segment.kind()));
      Range last = merged.isEmpty() ? null : merged.get(merged.size() - 1);
      if (last != null
          && grouping == Grouping.RANGES
          && last.treatment().joins(range.treatment())
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
    Vectors vectors = new Vectors(parameters, gradients, state);
    for (Range range : ranges) {
      if (range.treatment() == Treatment.SUBTRACTED) {
        vectors.pass(range, Touched.PARAMETERS, ChunkedOptimizer::subtract);
        continue;
      }
      if (rule instanceof LayerRule layered) {
        layered.begin();
        vectors.pass(range, Touched.STATE, layered::measure);
        if (range.treatment() == Treatment.ADAPTED) {
          layered.adapt(range.decay());
        } else {
          layered.leave();
        }
      }
      vectors.pass(range, Touched.PARAMETERS_AND_STATE, rule);
    }
  }

  private static void subtract(
      float[] parameters, float[] gradients, float[][] state, int count, float decay) {
    for (int i = 0; i < count; i++) {
      parameters[i] -= gradients[i];
    }
  }

  /** What a pass reads beside the gradients, and writes back. */
  private enum Touched {
    PARAMETERS,
    STATE,
    PARAMETERS_AND_STATE
  }

  /** The vectors of a step and the arrays that they are copied through. */
  private static final class Vectors {
    private final FloatBuffer parameters;
    private final FloatBuffer gradients;
    private final List<FloatBuffer> state;
    private final float[] parameterChunk = new float[CHUNK];
    private final float[] gradientChunk = new float[CHUNK];
    private final float[][] stateChunks;

    Vectors(FloatBuffer parameters, FloatBuffer gradients, List<FloatBuffer> state) {
      this.parameters = parameters;
      this.gradients = gradients;
      this.state = state;
      this.stateChunks = new float[state.size()][CHUNK];
    }

    void pass(Range range, Touched touched, Rule rule) {
      int end = range.offset() + range.length();
      for (int offset = range.offset(); offset < end; offset += CHUNK) {
        int count = Math.min(CHUNK, end - offset);
        parameters.get(offset, parameterChunk, 0, count);
        gradients.get(offset, gradientChunk, 0, count);
        if (touched != Touched.PARAMETERS) {
          for (int slot = 0; slot < stateChunks.length; slot++) {
            state.get(slot).get(offset, stateChunks[slot], 0, count);
          }
        }
        rule.apply(parameterChunk, gradientChunk, stateChunks, count, range.decay());
        if (touched != Touched.PARAMETERS) {
          for (int slot = 0; slot < stateChunks.length; slot++) {
            state.get(slot).put(offset, stateChunks[slot], 0, count);
          }
        }
        if (touched != Touched.STATE) {
          parameters.put(offset, parameterChunk, 0, count);
        }
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
