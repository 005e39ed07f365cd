package io.phiscale.jobs.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WilsonIntervalTest {
  /**
   * Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
   * (1998), Table I, method 3 (score method without continuity correction), to four decimals.
   */
  @ParameterizedTest
  @CsvSource({
    "81, 263, 0.2553, 0.3662",
    "15, 148, 0.0624, 0.1605",
    "0, 20, 0.0000, 0.1611",
    "1, 29, 0.0061, 0.1718"
  })
  void equalsNewcombesTable(long successes, long trials, double low, double high) {
    WilsonInterval interval = WilsonInterval.of(successes, trials);
    assertThat(interval.low()).isCloseTo(low, within(5e-5));
    assertThat(interval.high()).isCloseTo(high, within(5e-5));
  }

  @Property(tries = 300)
  void holdsTheProportionAndMirrorsWithTheFailures(
      @ForAll @IntRange(min = 1, max = 60_000) int trials,
      @ForAll @IntRange(max = 60_000) int any) {
    long successes = any % (trials + 1);
    WilsonInterval interval = WilsonInterval.of(successes, trials);
    WilsonInterval mirrored = WilsonInterval.of(trials - successes, trials);
    double proportion = (double) successes / trials;
    assertThat(proportion).isBetween(interval.low(), interval.high());
    assertThat(mirrored.low()).isCloseTo(1 - interval.high(), within(1e-12));
    assertThat(mirrored.high()).isCloseTo(1 - interval.low(), within(1e-12));
  }

  @Test
  void refusesWhatIsNoProportion() {
    assertThatThrownBy(() -> WilsonInterval.of(0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid trial count: 0 (must be > 0)");
    assertThatThrownBy(() -> WilsonInterval.of(8, 7))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid success count: 8 (must be 0..7)");
    assertThatThrownBy(() -> new WilsonInterval(0.6, 0.5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid interval: 0.6..0.5 (must be in ascending order)");
  }
}
