package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.SerialCopies;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class GradientClippingTest {

  private static final ParameterLayout LAYOUT =
      ParameterLayout.builder()
          .add("weight", 1, Kind.CONVOLUTION_WEIGHT)
          .add("mean", 1, Kind.RUNNING_MEAN)
          .add("bias", 1, Kind.BIAS)
          .build();

  @Test
  void scalesToTheMaximumAndLeavesRunningStatisticsAlone() {
    FloatBuffer gradients = FloatBuffer.wrap(new float[] {3, 1000, 4});
    assertThat(new GradientClipping(1).clip(gradients, LAYOUT)).isEqualTo(5);
    assertThat(gradients.array()).containsExactly(new float[] {0.6f, 1000, 0.8f}, within(1e-6f));
  }

  @Test
  void smallGradientsStay() {
    FloatBuffer gradients = FloatBuffer.wrap(new float[] {3, 1000, 4});
    assertThat(new GradientClipping(5).clip(gradients, LAYOUT)).isEqualTo(5);
    assertThat(gradients.array()).containsExactly(3, 1000, 4);
  }

  @Test
  void longVectorsAreClippedWholly() {
    int length = 3 * ChunkedOptimizer.CHUNK + 5;
    ParameterLayout layout =
        ParameterLayout.builder().add("weight", length, Kind.CONVOLUTION_WEIGHT).build();
    float[] gradients = new float[length];
    Arrays.fill(gradients, 2);
    assertThat(new GradientClipping(1).clip(FloatBuffer.wrap(gradients), layout))
        .isEqualTo(2 * Math.sqrt(length));
    float expected = (float) (1 / Math.sqrt(length));
    for (float gradient : gradients) {
      assertThat(gradient).isCloseTo(expected, within(1e-7f));
    }
  }

  @Test
  void wrongValuesAreNamed() {
    assertThatThrownBy(() -> new GradientClipping(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid maximum norm: 0.0 (must be > 0)");
    GradientClipping clipping = new GradientClipping(1);
    assertThatThrownBy(() -> clipping.clip(FloatBuffer.allocate(2), LAYOUT))
        .hasMessage("Invalid length of gradients: 2 (must be 3, the layout's)");
  }

  @Test
  void aNormThatIsNotFiniteIsReturnedAndClipsNothing() {
    for (float worst : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      FloatBuffer gradients = FloatBuffer.wrap(new float[] {worst, 1000, 4});
      assertThat(new GradientClipping(1).clip(gradients, LAYOUT)).isNotFinite();
      assertThat(gradients.array()).containsExactly(worst, 1000, 4);
    }
  }

  @Test
  void offClipsNothing() {
    FloatBuffer gradients = FloatBuffer.wrap(new float[] {3e30f, 0, 4e30f});
    assertThat(GradientClipping.OFF.isOff()).isTrue();
    assertThat(new GradientClipping(1e30).isOff()).isFalse();
    GradientClipping.OFF.clip(gradients, LAYOUT);
    assertThat(gradients.array()).containsExactly(3e30f, 0, 4e30f);
  }

  @Test
  void survivesSerialization() throws Exception {
    assertThat(SerialCopies.copy(new GradientClipping(2))).isEqualTo(new GradientClipping(2));
  }
}
