package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.train.LearningRateSchedule;
import org.junit.jupiter.api.Test;

class LocalStepsTest {
  private static final LocalSteps.Constant EIGHT = new LocalSteps.Constant(8);

  @Test
  void postLocalIsSynchronousUntilItsEpochsAreDone() {
    LocalSteps steps = new LocalSteps.PostLocal(1.5, EIGHT);
    assertThat(steps.at(0, 100)).isEqualTo(1);
    assertThat(steps.at(149, 100)).isEqualTo(1);
    assertThat(steps.at(150, 100)).isEqualTo(8);
    assertThat(steps.at(1_000, 100)).isEqualTo(8);
    assertThat(new LocalSteps.PostLocal(0, EIGHT).at(0, 100)).isEqualTo(8);
  }

  /** The paper's figure 5: base 4, alpha 0.0175, cosine from 0.008. */
  @Test
  void quadraticGrowsWithTheInverseSquareOfTheRateUpToItsCap() {
    int epochs = 300;
    LearningRateSchedule cosine = new LearningRateSchedule.Cosine(0.008, epochs);
    LocalSteps steps = new LocalSteps.Quadratic(4, 0.0175, 500, cosine);
    assertThat(steps.at(0, 1_000)).as("(0.0175 / 0.008)^2 = 4.79").isEqualTo(4);
    // Half-way the rate is 0.004: (0.0175 / 0.004)^2 = 19.14.
    assertThat(steps.at(150_000, 1_000)).isEqualTo(19);
    int before = 0;
    for (long position = 0; position < 300_000; position += 1_000) {
      double rate = 0.008 * (1 + StrictMath.cos(Math.PI * position / 300_000.0)) / 2;
      int expected = Math.max(4, (int) Math.min(500, Math.floor(Math.pow(0.0175 / rate, 2))));
      assertThat(steps.at(position, 1_000)).isEqualTo(expected).isGreaterThanOrEqualTo(before);
      before = expected;
    }
    assertThat(before).isEqualTo(500);
    assertThat(steps.at(300_000, 1_000)).as("at rate 0").isEqualTo(500);
    assertThat(new LocalSteps.Quadratic(4, 0.001, 500, cosine).at(0, 1_000))
        .as("never below the base")
        .isEqualTo(4);
  }

  @Test
  void quadraticTakesTheRateAfterTheWarmUpDuringIt() {
    LearningRateSchedule warm =
        new LearningRateSchedule.Warmup(5, new LearningRateSchedule.Constant(0.01));
    LocalSteps steps = new LocalSteps.Quadratic(2, 0.03, 500, warm);
    assertThat(steps.at(0, 1_000)).as("the rate is 0").isEqualTo(9);
    assertThat(steps.at(2_500, 1_000)).isEqualTo(9);
    assertThat(steps.at(7_000, 1_000)).isEqualTo(9);
  }

  @Test
  void refusesWhatCannotBe() {
    LearningRateSchedule rate = new LearningRateSchedule.Constant(0.1);
    assertThatThrownBy(() -> new LocalSteps.Quadratic(4, 0, 5, rate))
        .hasMessage("Invalid alpha: 0.0 (must be > 0)");
    assertThatThrownBy(() -> new LocalSteps.Quadratic(4, 1, 3, rate))
        .hasMessage("Invalid cap of local steps: 3 (must be >= 4)");
    assertThatThrownBy(() -> new LocalSteps.PostLocal(-1, EIGHT))
        .hasMessage("Invalid number of synchronous epochs: -1.0 (must be >= 0)");
  }
}
