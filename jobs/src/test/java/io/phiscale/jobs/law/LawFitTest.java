package io.phiscale.jobs.law;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LawFitTest {
  private static final int RESAMPLES = 300;

  /** Tan &amp; Le 2019 (arXiv 1905.11946 v5), table 2: FLOPs and top-1 of B0 to B7. */
  private static final List<Observation> PAPER =
      List.of(
          new Observation("B0", 0.39e9, 1 - 0.771),
          new Observation("B1", 0.70e9, 1 - 0.791),
          new Observation("B2", 1.0e9, 1 - 0.801),
          new Observation("B3", 1.8e9, 1 - 0.816),
          new Observation("B4", 4.2e9, 1 - 0.829),
          new Observation("B5", 9.9e9, 1 - 0.836),
          new Observation("B6", 19e9, 1 - 0.840),
          new Observation("B7", 37e9, 1 - 0.843));

  private static List<Observation> law(DoubleUnaryOperator error, double noise, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Observation> observations = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      double scale = 1e6 * Math.pow(2, i);
      double factor = Math.exp(noise * (random.nextDouble() * 2 - 1));
      observations.add(new Observation("n" + i, scale, error.applyAsDouble(scale) * factor));
    }
    return observations;
  }

  @Test
  void powerLawIsRecoveredExactly() {
    LawFit fit =
        LawFit.of(LawForm.POWER, law(x -> 0.5 * Math.pow(x / 1e6, -0.3), 0, 1), 1000, RESAMPLES, 7);
    assertThat(fit.coefficient("a").value()).isCloseTo(0.3, within(1e-6));
    assertThat(fit.errorAt(1e6)).isCloseTo(0.5, within(1e-6));
    assertThat(fit.residualRms()).isLessThan(1e-6);
  }

  @Test
  void offsetLawsExponentAndFloorLieWithinTheirIntervals() {
    LawFit fit =
        LawFit.of(
            LawForm.OFFSET,
            law(x -> 0.4 * Math.pow(x / 1e6, -0.5) + 0.15, 0.01, 2),
            1000,
            RESAMPLES,
            7);
    assertThat(fit.coefficient("a").interval().contains(0.5)).isTrue();
    assertThat(fit.coefficient("floor").interval().contains(0.15)).isTrue();
    assertThat(fit.coefficient("a").value()).isCloseTo(0.5, within(0.05));
    Interval interval = fit.coefficient("a").interval();
    assertThat(interval.high() - interval.low()).isBetween(0.001, 0.2);
  }

  @Test
  void saturatingLawIsRecovered() {
    double gamma = 0.02;
    LawFit fit =
        LawFit.of(
            LawForm.SATURATING,
            law(x -> 0.3 * Math.pow(1e7 / x + gamma, 0.4) + 0.05, 0, 3),
            1000,
            RESAMPLES,
            7);
    assertThat(fit.residualRms()).isLessThan(1e-3);
  }

  @Test
  void sigmoidLawSolvesItsEquationAndIsRecovered() {
    double chance = 0.9;
    double[] truth = {0.3, 0.6, 0.1, 0.7};
    for (double x : new double[] {1e-3, 0.1, 1, 10, 1e4}) {
      double error = LawForm.SIGMOID.error(truth, x, chance);
      assertThat((error - 0.1) / Math.pow(chance - error, 0.7))
          .isCloseTo(0.3 * Math.pow(x, -0.6), within(1e-6 * (1 + 0.3 * Math.pow(x, -0.6))));
    }
    List<Observation> observations = new ArrayList<>();
    for (int i = 0; i < 14; i++) {
      double scale = Math.pow(2, i);
      observations.add(
          new Observation(
              "n" + i, scale, LawForm.SIGMOID.error(truth, scale / Math.pow(2, 6.5), chance)));
    }
    LawFit fit = LawFit.of(LawForm.SIGMOID, observations, 10, RESAMPLES, 7);
    assertThat(fit.coefficient("a").value()).isCloseTo(0.6, within(0.02));
    assertThat(fit.coefficient("floor").value()).isCloseTo(0.1, within(0.005));
  }

  /**
   * One failed run in twelve hardly moves the law; least squares without weights are bent by it.
   */
  @Test
  void oneFailedRunDoesNotBendTheLaw() {
    List<Observation> observations =
        new ArrayList<>(law(x -> 0.5 * Math.pow(x / 1e6, -0.2), 0.005, 4));
    Observation failed = observations.get(10);
    observations.set(10, new Observation("failed", failed.scale(), failed.error() * 2));
    LawFit fit = LawFit.of(LawForm.POWER, observations, 1000, RESAMPLES, 7);
    assertThat(fit.coefficient("a").value()).isCloseTo(0.2, within(0.01));
  }

  @ParameterizedTest
  @EnumSource(LawForm.class)
  void everyFormFitsThePapersEightPoints(LawForm form) {
    LawFit fit = LawFit.of(form, PAPER, 1000, RESAMPLES, 7);
    assertThat(fit.coefficients()).allMatch(c -> c.interval().contains(c.value()));
    // A pure power law misses the flattening by 4%; the others lie within 1% of every error.
    assertThat(fit.residualRms()).isLessThan(form == LawForm.POWER ? 0.05 : 0.01);
    assertThat(fit.residuals()).hasSize(8);
  }

  @Test
  void theSmallSevenPredictB7() {
    LawFit.HeldOut held = LawFit.holdOut(LawForm.OFFSET, PAPER, 1000, RESAMPLES, 7);
    assertThat(held.held().name()).isEqualTo("B7");
    assertThat(held.fittedTo()).isEqualTo(7);
    assertThat(held.predicted()).isCloseTo(1 - 0.843, within(0.005));
    assertThat(held.relativeError()).isCloseTo((held.predicted() - 0.157) / 0.157, within(1e-9));
    LawFit.HeldOut power = LawFit.holdOut(LawForm.POWER, PAPER, 1000, RESAMPLES, 7);
    assertThat(Math.abs(power.relativeError())).isGreaterThan(Math.abs(held.relativeError()));
    assertThat(LawFit.of(LawForm.OFFSET, PAPER, 1000, RESAMPLES, 7).aicc())
        .isLessThan(LawFit.of(LawForm.POWER, PAPER, 1000, RESAMPLES, 7).aicc());
  }

  @Test
  void sameSeedSameIntervals() {
    Interval one = LawFit.of(LawForm.OFFSET, PAPER, 1000, RESAMPLES, 7).curveInterval(50e9);
    Interval two = LawFit.of(LawForm.OFFSET, PAPER, 1000, RESAMPLES, 7).curveInterval(50e9);
    Interval other = LawFit.of(LawForm.OFFSET, PAPER, 1000, RESAMPLES, 8).curveInterval(50e9);
    assertThat(one).isEqualTo(two).isNotEqualTo(other);
  }

  @Test
  void refusesTooFewPointsTooShortAWayAndTooFarAnExtrapolation() {
    assertThatThrownBy(() -> LawFit.of(LawForm.OFFSET, PAPER.subList(0, 4), 1000, RESAMPLES, 7))
        .isInstanceOf(TooFewObservationsException.class)
        .hasMessageContaining("needs networks of at least 5 different sizes")
        .hasMessageContaining("there are 4");
    List<Observation> near = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      near.add(new Observation("n" + i, 1e9 * (1 + 0.1 * i), 0.3 - 0.01 * i));
    }
    assertThatThrownBy(() -> LawFit.of(LawForm.OFFSET, near, 1000, RESAMPLES, 7))
        .isInstanceOf(TooFewObservationsException.class)
        .hasMessageContaining("1.50 times the smallest (must be at least 3.0 times)");
    LawFit fit = LawFit.of(LawForm.OFFSET, PAPER, 1000, RESAMPLES, 7);
    assertThatThrownBy(() -> fit.errorAt(1e15))
        .isInstanceOf(TooFewObservationsException.class)
        .hasMessageContaining("more than 100.0 times beyond what was observed");
  }

  @Test
  void refusesWhatIsNoError() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Observation("b0", 1, 0))
        .withMessageContaining("Invalid error of b0: 0.0 (must be in (0, 1)");
    List<Observation> guessing = new ArrayList<>(PAPER);
    guessing.set(0, new Observation("lost", 1e8, 0.9995));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LawFit.of(LawForm.POWER, guessing, 1000, RESAMPLES, 7))
        .withMessageContaining("lost errs on 99.95% of the images, no less than guessing");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LawFit.of(LawForm.POWER, PAPER, 1000, RESAMPLES, 7).coefficient("delta"))
        .withMessage("Unknown coefficient of M1: delta (has [beta, a])");
  }

  @Test
  void frontierHasWhatNothingBeats() {
    assertThat(
            ParetoFrontier.of(
                List.of(
                    new Observation("large and worse", 4, 0.4),
                    new Observation("small", 1, 0.5),
                    new Observation("middle", 2, 0.3),
                    new Observation("same size, worse", 2, 0.35),
                    new Observation("best", 8, 0.1))))
        .extracting(Observation::name)
        .containsExactly("small", "middle", "best");
  }
}
