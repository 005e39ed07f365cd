package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.SerialCopies;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Kind;
import io.phiscale.model.train.OptimizerSpec.AdamW;
import io.phiscale.model.train.OptimizerSpec.Lamb;
import io.phiscale.model.train.OptimizerSpec.Lars;
import io.phiscale.model.train.OptimizerSpec.RmsPropTf;
import io.phiscale.model.train.OptimizerSpec.Sgd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class OptimizerTest {

  /** Longer than one chunk, with short segments at both ends of a long one. */
  private static final ParameterLayout LAYOUT =
      ParameterLayout.builder()
          .add("stem/weight", 7, Kind.CONVOLUTION_WEIGHT)
          .add("stem/scale", 3, Kind.BATCH_NORM_SCALE)
          .add("stem/shift", 3, Kind.BATCH_NORM_SHIFT)
          .add("stem/mean", 3, Kind.RUNNING_MEAN)
          .add("stem/variance", 3, Kind.RUNNING_VARIANCE)
          .add("head/weight", 2 * ChunkedOptimizer.CHUNK + 11, Kind.CONVOLUTION_WEIGHT)
          .add("squeeze/bias", 5, Kind.BIAS)
          .add("classifier/weight", 20, Kind.DENSE_WEIGHT)
          .add("classifier/bias", 2, Kind.BIAS)
          .build();

  private static final double RATE = 0.05;

  /** One parameter at v = 2, gradient 3, rate 0.1: worked out by hand. */
  @Test
  void firstStepByHand() {
    // s = 1 + 0.1 (9 - 1) = 1.8; m = 0.1 * 3 / sqrt(1.801) = 0.223545; v = 2 - m
    assertThat(oneStep(RmsPropTf.ORIGINAL, WeightDecay.OFF)).isCloseTo(1.776455f, within(1e-6f));
    // g = 3 + 0.5 * 2 = 4; s = 1 + 0.1 (16 - 1) = 2.5; m = 0.4 / sqrt(2.501) = 0.252932
    assertThat(oneStep(RmsPropTf.ORIGINAL, new WeightDecay(0.5, WeightDecay.Exclusion.BATCH_NORM)))
        .isCloseTo(1.747068f, within(1e-6f));
    assertThat(oneStep(new Sgd(0, Sgd.Variant.CLASSICAL), WeightDecay.OFF))
        .isCloseTo(1.7f, within(2e-7f));
    assertThat(oneStep(new Sgd(0.9, Sgd.Variant.CLASSICAL), WeightDecay.OFF))
        .isCloseTo(1.7f, within(2e-7f));
    // 2 - 0.1 * (3 + 0.9 * 3)
    assertThat(oneStep(new Sgd(0.9, Sgd.Variant.NESTEROV), WeightDecay.OFF))
        .isCloseTo(1.43f, within(2e-7f));
    // The first step of Adam is the rate, whatever the gradient; decay takes 0.1 * 0.5 * 2 more.
    assertThat(
            oneStep(AdamW.DEFAULT, new WeightDecay(0.5, WeightDecay.Exclusion.ALL_ONE_DIMENSIONAL)))
        .isCloseTo(1.8f, within(2e-7f));
    // u = 1 + 0.5 * 2 = 2; r = 2 / 2 = 1; 2 - 0.1 * 2
    assertThat(
            oneStep(Lamb.DEFAULT, new WeightDecay(0.5, WeightDecay.Exclusion.ALL_ONE_DIMENSIONAL)))
        .isCloseTo(1.8f, within(2e-6f));
    // t = 0.4 * 2 / (3 + 0.5 * 2) = 0.2; 2 - 0.1 * 0.2 * (3 + 0.5 * 2)
    assertThat(
            oneStep(
                new Lars(0.9, Sgd.Variant.CLASSICAL, 0.4, 1e-8),
                new WeightDecay(0.5, WeightDecay.Exclusion.ALL_ONE_DIMENSIONAL)))
        .isCloseTo(1.92f, within(2e-7f));
  }

  private static float oneStep(OptimizerSpec spec, WeightDecay decay) {
    ParameterLayout layout =
        ParameterLayout.builder().add("weight", 1, Kind.CONVOLUTION_WEIGHT).build();
    Optimizer optimizer = spec.create(layout, decay);
    FloatBuffer parameters = FloatBuffer.wrap(new float[] {2});
    List<FloatBuffer> state = state(optimizer, 1);
    optimizer.step(parameters, FloatBuffer.wrap(new float[] {3}), state, 0.1, 0);
    return parameters.get(0);
  }

  static Stream<Arguments> optimizers() {
    List<Arguments> cases = new ArrayList<>();
    for (OptimizerSpec spec :
        List.of(
            new Sgd(0, Sgd.Variant.CLASSICAL),
            new Sgd(0.9, Sgd.Variant.CLASSICAL),
            new Sgd(0.9, Sgd.Variant.NESTEROV),
            RmsPropTf.ORIGINAL,
            new RmsPropTf(0.99, 0, 1e-6),
            AdamW.DEFAULT,
            Lamb.DEFAULT,
            new Lars(0, Sgd.Variant.CLASSICAL, 0.01, 1e-8),
            new Lars(0.9, Sgd.Variant.CLASSICAL, 0.01, 1e-8),
            new Lars(0.9, Sgd.Variant.NESTEROV, 0.01, 1e-8))) {
      for (WeightDecay.Exclusion exclusion : WeightDecay.Exclusion.values()) {
        cases.add(Arguments.of(spec, new WeightDecay(0.01, exclusion)));
      }
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void twentyStepsAgreeWithThePlainFormula(OptimizerSpec spec, WeightDecay decay) {
    int length = LAYOUT.length();
    Optimizer optimizer = spec.create(LAYOUT, decay);
    FloatBuffer parameters = direct(length);
    FloatBuffer gradients = direct(length);
    List<FloatBuffer> state = state(optimizer, length);
    double[] expected = new double[length];
    double[] slot0 = new double[length];
    double[] slot1 = new double[length];
    Arrays.fill(slot0, spec instanceof RmsPropTf ? 1 : 0);
    for (int i = 0; i < length; i++) {
      parameters.put(i, value(0, i));
      expected[i] = parameters.get(i);
    }
    for (int step = 0; step < 20; step++) {
      for (int i = 0; i < length; i++) {
        gradients.put(i, value(step + 1, i));
      }
      optimizer.step(parameters, gradients, state, RATE, step);
      for (ParameterLayout.Segment segment : LAYOUT.segments()) {
        double factor = layerFactor(spec, decay, segment, expected, gradients, slot0, slot1, step);
        for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
          plainStep(
              spec, decay, segment.kind(), factor, expected, gradients, slot0, slot1, i, step);
        }
      }
    }
    for (int i = 0; i < length; i++) {
      assertThat((double) parameters.get(i)).isCloseTo(expected[i], within(2e-5));
    }
  }

  /** What LARS and LAMB scale a layer's step by: from norms summed element by element. */
  private static double layerFactor(
      OptimizerSpec spec,
      WeightDecay decay,
      ParameterLayout.Segment segment,
      double[] v,
      FloatBuffer gradients,
      double[] slot0,
      double[] slot1,
      int step) {
    if (segment.kind() != Kind.CONVOLUTION_WEIGHT && segment.kind() != Kind.DENSE_WEIGHT) {
      return 1;
    }
    double lambda = decay.value();
    double squares = 0;
    double otherSquares = 0;
    for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
      squares += v[i] * v[i];
      double g = gradients.get(i);
      double other =
          spec instanceof Lamb lamb ? update(lamb, lambda * v[i], g, slot0[i], slot1[i], step) : g;
      otherSquares += other * other;
    }
    double norm = Math.sqrt(squares);
    double otherNorm = Math.sqrt(otherSquares);
    if (spec instanceof Lars lars) {
      return lars.trustCoefficient() * norm / (otherNorm + lambda * norm + lars.epsilon());
    }
    return norm / otherNorm;
  }

  /** LAMB's u of moments that the step has yet to move. */
  private static double update(
      Lamb lamb, double decayed, double g, double first, double second, int step) {
    double m = lamb.beta1() * first + (1 - lamb.beta1()) * g;
    double s = lamb.beta2() * second + (1 - lamb.beta2()) * g * g;
    return m
            / (1 - Math.pow(lamb.beta1(), step + 1.0))
            / (Math.sqrt(s / (1 - Math.pow(lamb.beta2(), step + 1.0))) + lamb.epsilon())
        + decayed;
  }

  /** The textbook formulas, one element at a time, in double precision. */
  private static void plainStep(
      OptimizerSpec spec,
      WeightDecay decay,
      Kind kind,
      double factor,
      double[] v,
      FloatBuffer gradients,
      double[] slot0,
      double[] slot1,
      int i,
      int step) {
    double g = gradients.get(i);
    if (kind == Kind.RUNNING_MEAN || kind == Kind.RUNNING_VARIANCE) {
      v[i] -= g;
      return;
    }
    boolean batchNorm = kind == Kind.BATCH_NORM_SCALE || kind == Kind.BATCH_NORM_SHIFT;
    double lambda =
        switch (decay.exclusion()) {
          case BATCH_NORM -> batchNorm ? 0 : decay.value();
          case ALL_ONE_DIMENSIONAL -> batchNorm || kind == Kind.BIAS ? 0 : decay.value();
          case NONE -> decay.value();
        };
    if (spec instanceof Sgd sgd) {
      g += lambda * v[i];
      slot0[i] = sgd.momentum() * slot0[i] + g;
      v[i] -=
          RATE * (sgd.variant() == Sgd.Variant.NESTEROV ? g + sgd.momentum() * slot0[i] : slot0[i]);
    } else if (spec instanceof RmsPropTf rms) {
      g += lambda * v[i];
      slot0[i] = rms.decay() * slot0[i] + (1 - rms.decay()) * g * g;
      slot1[i] = rms.momentum() * slot1[i] + RATE * g / Math.sqrt(slot0[i] + rms.epsilon());
      v[i] -= slot1[i];
    } else if (spec instanceof AdamW adam) {
      v[i] -= RATE * lambda * v[i];
      slot0[i] = adam.beta1() * slot0[i] + (1 - adam.beta1()) * g;
      slot1[i] = adam.beta2() * slot1[i] + (1 - adam.beta2()) * g * g;
      double first = slot0[i] / (1 - Math.pow(adam.beta1(), step + 1.0));
      double second = slot1[i] / (1 - Math.pow(adam.beta2(), step + 1.0));
      v[i] -= RATE * first / (Math.sqrt(second) + adam.epsilon());
    } else if (spec instanceof Lars lars) {
      g = factor * (g + lambda * v[i]);
      slot0[i] = lars.momentum() * slot0[i] + g;
      v[i] -=
          RATE
              * (lars.variant() == Sgd.Variant.NESTEROV
                  ? g + lars.momentum() * slot0[i]
                  : slot0[i]);
    } else if (spec instanceof Lamb lamb) {
      v[i] -= RATE * factor * update(lamb, lambda * v[i], g, slot0[i], slot1[i], step);
      slot0[i] = lamb.beta1() * slot0[i] + (1 - lamb.beta1()) * g;
      slot1[i] = lamb.beta2() * slot1[i] + (1 - lamb.beta2()) * g * g;
    }
  }

  /** A fixed value in [-1, 1) for every (step, element). */
  private static float value(int step, int index) {
    long bits = (step * 1_000_003L + index) * 0x9E3779B97F4A7C15L;
    bits ^= bits >>> 32;
    bits *= 0xD6E8FEB86659FD93L;
    return (bits >>> 40) / (float) (1 << 23) - 1;
  }

  @Test
  void runningStatisticsAreSubtractedWhateverTheRate() {
    ParameterLayout layout =
        ParameterLayout.builder()
            .add("mean", 1, Kind.RUNNING_MEAN)
            .add("weight", 1, Kind.CONVOLUTION_WEIGHT)
            .build();
    Optimizer optimizer =
        RmsPropTf.ORIGINAL.create(layout, new WeightDecay(0.1, WeightDecay.Exclusion.NONE));
    FloatBuffer parameters = FloatBuffer.wrap(new float[] {5, 5});
    List<FloatBuffer> state = state(optimizer, 2);
    optimizer.step(parameters, FloatBuffer.wrap(new float[] {0.25f, 0.25f}), state, 0, 0);
    assertThat(parameters.array()).containsExactly(4.75f, 5);
    // The state of a running statistic stays as it began.
    assertThat(state.get(0).get(0)).isEqualTo(1);
    assertThat(state.get(0).get(1)).isNotEqualTo(1);
  }

  @Test
  void sameBitsOnEveryRunAndKindOfBuffer() {
    for (OptimizerSpec spec : List.of(RmsPropTf.ORIGINAL, Lars.DEFAULT, Lamb.DEFAULT)) {
      Optimizer optimizer = spec.create(LAYOUT, WeightDecay.ORIGINAL);
      float[] onHeap = run(optimizer, FloatBuffer.allocate(LAYOUT.length()));
      assertThat(run(optimizer, direct(LAYOUT.length()))).isEqualTo(onHeap);
    }
  }

  private static float[] run(Optimizer optimizer, FloatBuffer parameters) {
    int length = LAYOUT.length();
    FloatBuffer gradients = direct(length);
    List<FloatBuffer> state = state(optimizer, length);
    for (int i = 0; i < length; i++) {
      parameters.put(i, value(0, i));
    }
    for (int step = 0; step < 5; step++) {
      for (int i = 0; i < length; i++) {
        gradients.put(i, value(step + 1, i));
      }
      optimizer.step(parameters, gradients, state, RATE, step);
    }
    float[] copy = new float[length];
    parameters.get(0, copy);
    return copy;
  }

  /** Whatever is excluded from decay: the papers adapt the rate of weights and of nothing else. */
  @ParameterizedTest
  @EnumSource(WeightDecay.Exclusion.class)
  void onlyWeightsAreScaledByTheirNorms(WeightDecay.Exclusion exclusion) {
    ParameterLayout layout =
        ParameterLayout.builder()
            .add("weight", 1, Kind.DENSE_WEIGHT)
            .add("bias", 1, Kind.BIAS)
            .add("scale", 1, Kind.BATCH_NORM_SCALE)
            .add("shift", 1, Kind.BATCH_NORM_SHIFT)
            .build();
    for (OptimizerSpec spec : List.of(Lars.DEFAULT, Lamb.DEFAULT)) {
      Optimizer optimizer = spec.create(layout, new WeightDecay(0, exclusion));
      FloatBuffer parameters = FloatBuffer.wrap(new float[] {10, 10, 10, 10});
      FloatBuffer gradients = FloatBuffer.wrap(new float[] {1, 1, 1, 1});
      optimizer.step(parameters, gradients, state(optimizer, 4), 0.1, 0);
      float expected = spec instanceof Lars ? 10 - 0.1f * 0.001f * 10 : 10 - 0.1f * 10;
      assertThat(parameters.array())
          .containsExactly(new float[] {expected, 9.9f, 9.9f, 9.9f}, within(2e-6f));
    }
  }

  /** A weight that is 0 everywhere, or has no gradient, has no norm to follow: factor 1. */
  @Test
  void layersWithoutANormAreSteppedUnscaled() {
    for (OptimizerSpec spec : List.of(Lars.DEFAULT, Lamb.DEFAULT)) {
      assertThat(oneWeight(spec, 0, 1)).isCloseTo(-0.1f, within(2e-6f));
      assertThat(oneWeight(spec, 5, 0)).isEqualTo(5);
    }
  }

  private static float oneWeight(OptimizerSpec spec, float value, float gradient) {
    ParameterLayout layout =
        ParameterLayout.builder().add("weight", 1, Kind.CONVOLUTION_WEIGHT).build();
    Optimizer optimizer = spec.create(layout, WeightDecay.OFF);
    FloatBuffer parameters = FloatBuffer.wrap(new float[] {value});
    FloatBuffer gradients = FloatBuffer.wrap(new float[] {gradient});
    optimizer.step(parameters, gradients, state(optimizer, 1), 0.1, 0);
    return parameters.get(0);
  }

  @Test
  void stateSlotsAreNamed() {
    assertThat(RmsPropTf.ORIGINAL.create(LAYOUT, WeightDecay.OFF).stateSlots())
        .containsExactly(
            new Optimizer.StateSlot("mean_square", 1), new Optimizer.StateSlot("momentum", 0));
    assertThat(new RmsPropTf(0.9, 0, 0.001).create(LAYOUT, WeightDecay.OFF).stateSlots())
        .containsExactly(new Optimizer.StateSlot("mean_square", 1));
    assertThat(new Sgd(0.9, Sgd.Variant.NESTEROV).create(LAYOUT, WeightDecay.OFF).stateSlots())
        .containsExactly(new Optimizer.StateSlot("momentum", 0));
    assertThat(new Sgd(0, Sgd.Variant.CLASSICAL).create(LAYOUT, WeightDecay.OFF).stateSlots())
        .isEmpty();
    assertThat(AdamW.DEFAULT.create(LAYOUT, WeightDecay.OFF).stateSlots())
        .containsExactly(
            new Optimizer.StateSlot("first_moment", 0),
            new Optimizer.StateSlot("second_moment", 0));
    assertThat(Lamb.DEFAULT.create(LAYOUT, WeightDecay.OFF).stateSlots())
        .isEqualTo(AdamW.DEFAULT.create(LAYOUT, WeightDecay.OFF).stateSlots());
    assertThat(Lars.DEFAULT.create(LAYOUT, WeightDecay.OFF).stateSlots())
        .containsExactly(new Optimizer.StateSlot("momentum", 0));
  }

  @Test
  void wrongVectorsAreNamed() {
    Optimizer optimizer = RmsPropTf.ORIGINAL.create(LAYOUT, WeightDecay.OFF);
    int length = LAYOUT.length();
    FloatBuffer right = FloatBuffer.allocate(length);
    FloatBuffer wrong = FloatBuffer.allocate(length - 1);
    List<FloatBuffer> state = state(optimizer, length);
    assertThatThrownBy(() -> optimizer.step(wrong, right, state, RATE, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid length of parameters: 4152 (must be 4153, the layout's)");
    assertThatThrownBy(() -> optimizer.step(right, wrong, state, RATE, 0))
        .hasMessage("Invalid length of gradients: 4152 (must be 4153, the layout's)");
    assertThatThrownBy(() -> optimizer.step(right, right, List.of(right, wrong), RATE, 0))
        .hasMessage("Invalid length of momentum: 4152 (must be 4153, the layout's)");
    assertThatThrownBy(() -> optimizer.step(right, right, List.of(right), RATE, 0))
        .hasMessage("Invalid number of state vectors: 1 (must be 2)");
    assertThatThrownBy(() -> optimizer.initialise(List.of()))
        .hasMessage("Invalid number of state vectors: 0 (must be 2)");
    assertThatThrownBy(() -> optimizer.step(right, right, state, Double.NaN, 0))
        .hasMessage("Invalid learning rate: NaN (must be >= 0 and finite)");
    assertThatThrownBy(() -> optimizer.step(right, right, state, RATE, -1))
        .hasMessage("Invalid step index: -1 (must be >= 0)");
  }

  @Test
  void wrongConstantsAreNamed() {
    assertThatThrownBy(() -> new Sgd(1, Sgd.Variant.CLASSICAL))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid momentum: 1.0 (must be in [0, 1))");
    assertThatThrownBy(() -> new Sgd(0.9, null))
        .hasMessage("Invalid momentum variant: null (must be CLASSICAL or NESTEROV)");
    assertThatThrownBy(() -> new RmsPropTf(-0.1, 0.9, 0.001))
        .hasMessage("Invalid mean-square decay: -0.1 (must be in [0, 1))");
    assertThatThrownBy(() -> new RmsPropTf(0.9, 0.9, 0))
        .hasMessage("Invalid epsilon: 0.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new AdamW(0.9, 1.5, 1e-8))
        .hasMessage("Invalid beta2: 1.5 (must be in [0, 1))");
    assertThatThrownBy(() -> new Lamb(1, 0.999, 1e-6))
        .hasMessage("Invalid beta1: 1.0 (must be in [0, 1))");
    assertThatThrownBy(() -> new Lars(0.9, Sgd.Variant.CLASSICAL, 0, 1e-8))
        .hasMessage("Invalid trust coefficient: 0.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new Lars(0.9, null, 0.001, 1e-8))
        .hasMessage("Invalid momentum variant: null (must be CLASSICAL or NESTEROV)");
    assertThatThrownBy(() -> new WeightDecay(-1, WeightDecay.Exclusion.NONE))
        .hasMessage("Invalid weight decay: -1.0 (must be >= 0 and finite)");
    assertThatThrownBy(() -> new WeightDecay(0, null))
        .hasMessage(
            "Invalid weight-decay exclusion: null (must be BATCH_NORM, ALL_ONE_DIMENSIONAL or"
                + " NONE)");
  }

  @Test
  void specsSurviveSerialization() throws Exception {
    for (OptimizerSpec spec :
        List.of(
            new Sgd(0.9, Sgd.Variant.NESTEROV),
            RmsPropTf.ORIGINAL,
            AdamW.DEFAULT,
            Lars.DEFAULT,
            Lamb.DEFAULT)) {
      assertThat(SerialCopies.copy(spec)).isEqualTo(spec);
    }
    assertThat(SerialCopies.copy(WeightDecay.ORIGINAL)).isEqualTo(WeightDecay.ORIGINAL);
    assertThat(SerialCopies.copy(LAYOUT)).isEqualTo(LAYOUT);
  }

  private static List<FloatBuffer> state(Optimizer optimizer, int length) {
    List<FloatBuffer> state =
        Stream.generate(() -> direct(length)).limit(optimizer.stateSlots().size()).toList();
    optimizer.initialise(state);
    return state;
  }

  private static FloatBuffer direct(int length) {
    return ByteBuffer.allocateDirect(length * Float.BYTES)
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }
}
