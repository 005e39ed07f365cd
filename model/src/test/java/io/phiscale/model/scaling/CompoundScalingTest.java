package io.phiscale.model.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.SerialCopies;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompoundScalingTest {

  @Test
  void phiZeroIsTheBaseNetwork() {
    assertThat(CompoundScaling.EFFICIENTNET.at(0))
        .isEqualTo(new ScalingCoefficients(1, 1, 224))
        .isEqualTo(EfficientNetVariant.B0.coefficients());
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1.1, 1.2, 258", // 224 * 1.15 = 257.6
    "2, 1.21, 1.44, 296", // 224 * 1.3225 = 296.24
    "3, 1.331, 1.728, 341", // 224 * 1.520875 = 340.676
  })
  void coefficientsArePowers(double phi, double width, double depth, int resolutionPx) {
    ScalingCoefficients coefficients = CompoundScaling.EFFICIENTNET.at(phi);
    assertThat(coefficients.width()).isCloseTo(width, within(1e-12));
    assertThat(coefficients.depth()).isCloseTo(depth, within(1e-12));
    assertThat(coefficients.resolutionPx()).isEqualTo(resolutionPx);
  }

  @Test
  void resolutionRoundsToNearest() {
    // 1.3 * 224 = 291.2
    assertThat(new CompoundScaling(1.4, 1.2, 1.3, 224).at(1))
        .isEqualTo(new ScalingCoefficients(1.2, 1.4, 291));
    // 1.5 * 33 = 49.5
    assertThat(new CompoundScaling(1, 1, 1.5, 33).at(1).resolutionPx()).isEqualTo(50);
  }

  @Test
  void flopsGrowthIsAboutTwo() {
    assertThat(CompoundScaling.EFFICIENTNET.flopsGrowth())
        .isCloseTo(1.2 * 1.1 * 1.1 * 1.15 * 1.15, within(1e-12))
        .isCloseTo(2, within(0.1));
  }

  @Property(seed = "1")
  void coefficientsGrowWithPhi(
      @ForAll @DoubleRange(min = -2, max = 7) double phi,
      @ForAll @DoubleRange(min = 0.05, max = 2) double step) {
    ScalingCoefficients smaller = CompoundScaling.EFFICIENTNET.at(phi);
    ScalingCoefficients larger = CompoundScaling.EFFICIENTNET.at(phi + step);
    assertThat(larger.width()).isGreaterThan(smaller.width());
    assertThat(larger.depth()).isGreaterThan(smaller.depth());
    assertThat(larger.resolutionPx()).isGreaterThanOrEqualTo(smaller.resolutionPx());
  }

  @Test
  void wrongValuesAreNamed() {
    assertThatThrownBy(() -> new CompoundScaling(0.9, 1.1, 1.15, 224))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid alpha: 0.9 (must be >= 1 and finite)");
    assertThatThrownBy(() -> new CompoundScaling(1.2, Double.NaN, 1.15, 224))
        .hasMessage("Invalid beta: NaN (must be >= 1 and finite)");
    assertThatThrownBy(() -> new CompoundScaling(1.2, 1.1, Double.POSITIVE_INFINITY, 224))
        .hasMessage("Invalid gamma: Infinity (must be >= 1 and finite)");
    assertThatThrownBy(() -> new CompoundScaling(1.2, 1.1, 1.15, 0))
        .hasMessage("Invalid base resolution in pixels: 0 (must be > 0)");
    assertThatThrownBy(() -> CompoundScaling.EFFICIENTNET.at(Double.NaN))
        .hasMessage("Invalid compound coefficient phi: NaN (must be finite)");
    assertThatThrownBy(() -> CompoundScaling.EFFICIENTNET.at(-50))
        .hasMessage("Invalid compound coefficient phi: -50.0 (resolution would be 0 px)");
    assertThatThrownBy(() -> new ScalingCoefficients(0, 1, 224))
        .hasMessage("Invalid width coefficient: 0.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new ScalingCoefficients(1, -1, 224))
        .hasMessage("Invalid depth coefficient: -1.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new ScalingCoefficients(1, 1, 0))
        .hasMessage("Invalid resolution in pixels: 0 (must be > 0)");
  }

  @Test
  void survivesSerialization() throws Exception {
    assertThat(SerialCopies.copy(CompoundScaling.EFFICIENTNET))
        .isEqualTo(CompoundScaling.EFFICIENTNET);
    ScalingCoefficients coefficients = CompoundScaling.EFFICIENTNET.at(1.5);
    assertThat(SerialCopies.copy(coefficients)).isEqualTo(coefficients);
  }
}
