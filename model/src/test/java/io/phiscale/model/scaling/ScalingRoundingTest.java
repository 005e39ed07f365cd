package io.phiscale.model.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScalingRoundingTest {

  @ParameterizedTest
  @CsvSource({
    "32, 1.0, 32",
    "32, 1.1, 32", // 35.2: 32 keeps 91%
    "24, 1.4, 32", // 33.6
    "16, 1.8, 32", // 28.8: rounds up to 32
    "40, 1.1, 48", // 44: halves go up
    "8, 1.4, 16", // 11.2: 8 would be 71%
    "4, 1.0, 8", // never below 8
    "1280, 1.1, 1408",
    "320, 2.0, 640",
  })
  void channels(int channels, double width, int expected) {
    assertThat(ScalingRounding.channels(channels, width)).isEqualTo(expected);
  }

  @Property(seed = "1")
  void channelsAreMultiplesOfEightThatKeepNinetyPercent(
      @ForAll @IntRange(min = 1, max = 5000) int channels,
      @ForAll @DoubleRange(min = 0.25, max = 8) double width) {
    int rounded = ScalingRounding.channels(channels, width);
    assertThat(rounded % 8).isZero();
    assertThat((double) rounded).isGreaterThanOrEqualTo(0.9 * channels * width);
    assertThat((double) rounded).isLessThanOrEqualTo(channels * width + 8);
  }

  @ParameterizedTest
  @CsvSource({"1, 1.0, 1", "1, 1.1, 2", "2, 1.4, 3", "4, 3.1, 13", "3, 0.1, 1", "3, 4, 12"})
  void repeats(int repeats, double depth, int expected) {
    assertThat(ScalingRounding.repeats(repeats, depth)).isEqualTo(expected);
  }

  @Test
  void wrongValuesAreNamed() {
    assertThatThrownBy(() -> ScalingRounding.channels(0, 1))
        .hasMessage("Invalid channel count: 0 (must be > 0)");
    assertThatThrownBy(() -> ScalingRounding.repeats(0, 1))
        .hasMessage("Invalid number of repeats: 0 (must be > 0)");
  }
}
