package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.TrainSection.Averaging.Outer;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against the papers' formulas in plain loops, in double precision, over several rounds. */
class OuterOptimizerTest {
  private static final ParameterLayout LAYOUT =
      ParameterLayout.builder()
          .add("convolution", 5, Kind.CONVOLUTION_WEIGHT)
          .add("scale", 2, Kind.BATCH_NORM_SCALE)
          .add("mean", 2, Kind.RUNNING_MEAN)
          .add("variance", 2, Kind.RUNNING_VARIANCE)
          .add("bias", 3, Kind.BIAS)
          .build();
  private static final double RATE = 0.7;
  private static final double MOMENTUM = 0.9;
  private static final double[] INNER_RATES = {0.1, 0.05, 0, 0.2, 0.01};

  private static boolean statistic(int i) {
    return i >= 7 && i < 11;
  }

  /** What the workers' average would be: the start, moved by something random. */
  private static float[] averaged(float[] start, SplittableRandom random) {
    float[] averaged = new float[start.length];
    for (int i = 0; i < start.length; i++) {
      averaged[i] = start[i] + (float) random.nextDouble(-0.1, 0.1);
    }
    return averaged;
  }

  @ParameterizedTest
  @EnumSource(Outer.class)
  void followsItsFormula(Outer rule) {
    OuterOptimizer outer = new OuterOptimizer(rule, RATE, MOMENTUM);
    SplittableRandom random = new SplittableRandom(4);
    float[] x = averaged(new float[LAYOUT.length()], random);
    float[] state = new float[outer.hasState() ? LAYOUT.length() : 0];
    double[] expected = new double[x.length];
    double[] m = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      expected[i] = x[i];
    }
    for (double gamma : INNER_RATES) {
      float[] average = averaged(x, random);
      for (int i = 0; i < x.length; i++) {
        double a = average[i];
        double d = x[i] - a;
        if (statistic(i) || rule == Outer.AVERAGE) {
          expected[i] = a;
        } else if (rule == Outer.MOMENTUM) {
          m[i] = MOMENTUM * m[i] + d;
          expected[i] = x[i] - RATE * m[i];
        } else if (rule == Outer.NESTEROV) {
          m[i] = MOMENTUM * m[i] + d;
          expected[i] = x[i] - RATE * (d + MOMENTUM * m[i]);
        } else if (gamma > 0) {
          m[i] = MOMENTUM * m[i] + d / gamma;
          expected[i] = x[i] - RATE * gamma * m[i];
        } else {
          m[i] = MOMENTUM * m[i];
          expected[i] = a;
        }
      }
      float[] next = average.clone();
      outer.update(x, next, state, LAYOUT, gamma);
      for (int i = 0; i < x.length; i++) {
        assertThat((double) next[i]).as("%s", i).isCloseTo(expected[i], within(1e-6));
        if (statistic(i) || rule == Outer.AVERAGE) {
          assertThat(next[i]).as("the average, bit for bit").isEqualTo(average[i]);
        } else {
          assertThat((double) state[i]).isCloseTo(m[i], within(1e-5));
        }
        if (outer.hasState() && statistic(i)) {
          assertThat(state[i]).isZero();
        }
      }
      x = next;
    }
  }

  /** With rate 1 and no momentum all rules are the average; SlowMo's first rate cancels out. */
  @ParameterizedTest
  @EnumSource(Outer.class)
  void withoutMomentumAtRateOneIsTheAverage(Outer rule) {
    SplittableRandom random = new SplittableRandom(5);
    float[] start = averaged(new float[LAYOUT.length()], random);
    float[] average = averaged(start, random);
    float[] updated = average.clone();
    new OuterOptimizer(rule, 1, 0).update(start, updated, new float[14], LAYOUT, 0.03);
    for (int i = 0; i < start.length; i++) {
      assertThat(updated[i]).isCloseTo(average[i], within(1e-8f));
    }
  }

  /** A workers' fixed point stays one, once the momentum has died away. */
  @Test
  void momentumCarriesOnWhereWorkersStandStill() {
    OuterOptimizer outer = new OuterOptimizer(Outer.MOMENTUM, 1, 0.5);
    ParameterLayout one = ParameterLayout.builder().add("w", 1, Kind.BIAS).build();
    float[] state = {0};
    float[] next = {1};
    outer.update(new float[] {2}, next, state, one, 0);
    assertThat(next).containsExactly(1);
    float[] after = {1};
    outer.update(new float[] {1}, after, state, one, 0);
    assertThat(after).containsExactly(0.5f);
    assertThat(state).containsExactly(0.5f);
  }
}
