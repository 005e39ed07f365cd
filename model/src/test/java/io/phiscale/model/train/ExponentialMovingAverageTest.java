package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.SerialCopies;
import io.phiscale.model.spec.ParameterLayout;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ExponentialMovingAverageTest {

  @Test
  void decayRisesWithTheStep() {
    ExponentialMovingAverage average = ExponentialMovingAverage.ORIGINAL;
    assertThat(average.decayAt(0)).isEqualTo(0.1);
    assertThat(average.decayAt(8)).isEqualTo(0.5);
    assertThat(average.decayAt(80_000)).isCloseTo(80_001.0 / 80_010, within(1e-15));
    assertThat(average.decayAt(1_000_000)).isEqualTo(0.9999);
  }

  @Test
  void oneStepByHand() {
    FloatBuffer average = FloatBuffer.wrap(new float[] {10, -2});
    ExponentialMovingAverage.ORIGINAL.update(average, FloatBuffer.wrap(new float[] {20, 2}), 8, 1);
    // d = 9 / 18
    assertThat(average.array()).containsExactly(15, 0);
  }

  @Test
  void aRoundOfStepsForgetsAsMuchAsThatManySteps() {
    int length = 2 * ChunkedOptimizer.CHUNK + 3;
    float[] target = new float[length];
    Arrays.fill(target, 1);
    ExponentialMovingAverage movingAverage = new ExponentialMovingAverage(0.99);
    FloatBuffer stepwise = FloatBuffer.allocate(length);
    for (int step = 100_001; step <= 100_050; step++) {
      movingAverage.update(stepwise, FloatBuffer.wrap(target), step, 1);
    }
    FloatBuffer atOnce = FloatBuffer.allocate(length);
    movingAverage.update(atOnce, FloatBuffer.wrap(target), 100_050, 50);
    for (int i = 0; i < length; i++) {
      assertThat(atOnce.get(i)).isCloseTo((float) (1 - Math.pow(0.99, 50)), within(1e-6f));
      assertThat(stepwise.get(i)).isCloseTo(atOnce.get(i), within(1e-5f));
    }
  }

  /** Adding 0 to a negative zero makes it positive: what is frozen must not be touched at all. */
  @Test
  void theAverageOfWhatIsFrozenKeepsItsBits() {
    ParameterLayout layout =
        ParameterLayout.builder()
            .add("a", 2, ParameterLayout.Kind.CONVOLUTION_WEIGHT)
            .add("b", 1, ParameterLayout.Kind.DENSE_WEIGHT)
            .add("c", 1, ParameterLayout.Kind.BIAS)
            .build();
    TrainedPart part = TrainedPart.of(layout, segment -> segment.name().equals("b"));
    float[] average = {-0.0f, 7, 10, -0.0f};
    ExponentialMovingAverage.ORIGINAL.update(
        average, new float[] {-0.0f, 8, 20, -0.0f}, part, 8, 1);

    assertThat(average).containsExactly(-0.0f, 7, 15, -0.0f);
    assertThat(Float.floatToRawIntBits(average[0])).isEqualTo(0x80000000);
    assertThat(Float.floatToRawIntBits(average[3])).isEqualTo(0x80000000);
  }

  @Test
  void wrongValuesAreNamed() {
    assertThatThrownBy(() -> new ExponentialMovingAverage(1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid moving-average decay: 1.0 (must be in [0, 1))");
    ExponentialMovingAverage average = ExponentialMovingAverage.ORIGINAL;
    FloatBuffer two = FloatBuffer.allocate(2);
    assertThatThrownBy(() -> average.update(two, FloatBuffer.allocate(3), 1, 1))
        .hasMessage("Invalid length of average: 2 (must be 3, the parameters')");
    assertThatThrownBy(() -> average.update(two, two, 1, 0))
        .hasMessage("Invalid number of steps covered: 0 (must be > 0)");
    assertThatThrownBy(() -> average.update(two, two, -1, 1))
        .hasMessage("Invalid step: -1 (must be >= 0)");
  }

  @Test
  void survivesSerialization() throws Exception {
    assertThat(SerialCopies.copy(ExponentialMovingAverage.ORIGINAL))
        .isEqualTo(ExponentialMovingAverage.ORIGINAL);
  }
}
