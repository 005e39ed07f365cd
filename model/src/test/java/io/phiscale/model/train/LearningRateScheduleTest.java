package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.SerialCopies;
import io.phiscale.model.train.LearningRateSchedule.Constant;
import io.phiscale.model.train.LearningRateSchedule.Cosine;
import io.phiscale.model.train.LearningRateSchedule.ExponentialStaircase;
import io.phiscale.model.train.LearningRateSchedule.Step;
import io.phiscale.model.train.LearningRateSchedule.Warmup;
import java.util.List;
import org.junit.jupiter.api.Test;

class LearningRateScheduleTest {

  private static final double STEPS_PER_EPOCH = 100;

  @Test
  void linearScalingRule() {
    assertThat(LearningRateSchedule.scaledToBatch(0.016, 4096)).isCloseTo(0.256, within(1e-15));
    assertThat(LearningRateSchedule.scaledToBatch(0.016, 2048)).isCloseTo(0.128, within(1e-15));
    assertThatThrownBy(() -> LearningRateSchedule.scaledToBatch(0.016, 0))
        .hasMessage("Invalid batch size: 0 (must be > 0)");
  }

  @Test
  void constant() {
    assertThat(new Constant(0.1).rate(0, STEPS_PER_EPOCH)).isEqualTo(0.1);
    assertThat(new Constant(0.1).rate(1_000_000, STEPS_PER_EPOCH)).isEqualTo(0.1);
  }

  @Test
  void staircaseFallsEveryTwoAndFourTenthsEpochs() {
    ExponentialStaircase staircase = ExponentialStaircase.original(0.256);
    assertThat(staircase.rate(0, STEPS_PER_EPOCH)).isEqualTo(0.256);
    assertThat(staircase.rate(239, STEPS_PER_EPOCH)).isEqualTo(0.256);
    assertThat(staircase.rate(240, STEPS_PER_EPOCH)).isCloseTo(0.256 * 0.97, within(1e-15));
    assertThat(staircase.rate(479, STEPS_PER_EPOCH)).isCloseTo(0.256 * 0.97, within(1e-15));
    assertThat(staircase.rate(480, STEPS_PER_EPOCH)).isCloseTo(0.256 * 0.9409, within(1e-15));
    // The end of the original run: 350 epochs, 145 stairs.
    assertThat(staircase.rate(35_000, STEPS_PER_EPOCH))
        .isCloseTo(0.256 * Math.pow(0.97, 145), within(1e-12));
  }

  @Test
  void warmupLiesOverTheStaircase() {
    Warmup warmup = new Warmup(5, ExponentialStaircase.original(0.256));
    assertThat(warmup.baseRate()).isEqualTo(0.256);
    assertThat(warmup.rate(0, STEPS_PER_EPOCH)).isZero();
    assertThat(warmup.rate(250, STEPS_PER_EPOCH)).isCloseTo(0.128, within(1e-15));
    assertThat(warmup.rate(499, STEPS_PER_EPOCH)).isCloseTo(0.256 * 0.998, within(1e-15));
    // Epoch 5: two stairs have been passed already.
    assertThat(warmup.rate(500, STEPS_PER_EPOCH)).isCloseTo(0.256 * 0.9409, within(1e-15));
  }

  @Test
  void warmupOfPartOfAStepIsNone() {
    assertThat(new Warmup(0, new Constant(0.1)).rate(0, STEPS_PER_EPOCH)).isEqualTo(0.1);
    assertThat(new Warmup(0.5, new Constant(0.1)).rate(0, 1.5)).isEqualTo(0.1);
    assertThat(new Warmup(1, new Constant(0.1)).rate(0, 1.5)).isZero();
  }

  @Test
  void cosineFallsToZero() {
    Cosine cosine = new Cosine(0.4, 10);
    assertThat(cosine.rate(0, STEPS_PER_EPOCH)).isEqualTo(0.4);
    assertThat(cosine.rate(250, STEPS_PER_EPOCH))
        .isCloseTo(0.2 * (1 + Math.sqrt(0.5)), within(1e-12));
    assertThat(cosine.rate(500, STEPS_PER_EPOCH)).isCloseTo(0.2, within(1e-12));
    assertThat(cosine.rate(1000, STEPS_PER_EPOCH)).isCloseTo(0, within(1e-12));
    assertThat(cosine.rate(1500, STEPS_PER_EPOCH)).isCloseTo(0, within(1e-12));
  }

  @Test
  void stepFallsAtMilestones() {
    Step step = new Step(0.1, 0.1, List.of(30.0, 60.0));
    assertThat(step.rate(2999, STEPS_PER_EPOCH)).isEqualTo(0.1);
    assertThat(step.rate(3000, STEPS_PER_EPOCH)).isCloseTo(0.01, within(1e-15));
    assertThat(step.rate(6000, STEPS_PER_EPOCH)).isCloseTo(0.001, within(1e-15));
  }

  @Test
  void wrongValuesAreNamed() {
    assertThatThrownBy(() -> new Constant(-0.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid learning rate: -0.1 (must be >= 0 and finite)");
    assertThatThrownBy(() -> new Cosine(0.1, 0))
        .hasMessage("Invalid cosine epochs: 0.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new ExponentialStaircase(0.1, 1.5, 2.4))
        .hasMessage("Invalid decay factor: 1.5 (must be in (0, 1])");
    assertThatThrownBy(() -> new ExponentialStaircase(0.1, 0.97, -1))
        .hasMessage("Invalid decay epochs: -1.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new Step(0.1, 0.1, List.of(60.0, 30.0)))
        .hasMessage("Invalid milestone epochs: [60.0, 30.0] (must be > 0, finite and rising)");
    assertThatThrownBy(() -> new Warmup(-1, new Constant(0.1)))
        .hasMessage("Invalid warmup epochs: -1.0 (must be >= 0 and finite)");
    assertThatThrownBy(() -> new Warmup(1, new Warmup(1, new Constant(0.1))))
        .hasMessage(
            "Invalid schedule under a warmup: Warmup[epochs=1.0, schedule=Constant[baseRate=0.1]]"
                + " (must be a schedule other than a warmup)");
    assertThatThrownBy(() -> new Constant(0.1).rate(-1, STEPS_PER_EPOCH))
        .hasMessage("Invalid step: -1 (must be >= 0)");
    assertThatThrownBy(() -> new Constant(0.1).rate(0, 0))
        .hasMessage("Invalid steps per epoch: 0.0 (must be > 0 and finite)");
  }

  @Test
  void survivesSerialization() throws Exception {
    for (LearningRateSchedule schedule :
        List.of(
            new Warmup(5, ExponentialStaircase.original(0.256)),
            new Cosine(0.1, 3),
            new Step(0.1, 0.5, List.of(1.0)))) {
      assertThat(SerialCopies.copy(schedule)).isEqualTo(schedule);
    }
  }
}
