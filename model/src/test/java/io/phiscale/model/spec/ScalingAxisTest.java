package io.phiscale.model.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.ScalingCoefficients;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ScalingAxisTest {
  private static long count(BaseNetwork base, ScalingCoefficients coefficients) {
    return NetworkCounts.of(NetworkSpec.of(base, coefficients, 1000)).multiplyAdds();
  }

  private static long compound(BaseNetwork base, double phi) {
    return NetworkCounts.of(NetworkSpec.of(base, CompoundScaling.EFFICIENTNET, phi, 1000))
        .multiplyAdds();
  }

  private static ScalingCoefficients moved(
      ScalingAxis axis, ScalingCoefficients from, double width, double depth, int px) {
    return new ScalingCoefficients(
        axis == ScalingAxis.WIDTH ? from.width() + width : from.width(),
        axis == ScalingAxis.DEPTH ? from.depth() + depth : from.depth(),
        axis == ScalingAxis.RESOLUTION ? from.resolutionPx() + px : from.resolutionPx());
  }

  @ParameterizedTest
  @CsvSource({"DEPTH,1", "DEPTH,3", "WIDTH,1", "WIDTH,3", "RESOLUTION,1", "RESOLUTION,3"})
  void noOtherCoefficientOfTheAxisComesNearer(ScalingAxis axis, double phi) {
    BaseNetwork base = BaseNetwork.EFFICIENTNET_B0;
    long target = compound(base, phi);

    ScalingCoefficients found = axis.matching(base, 1000, target);

    long distance = Math.abs(count(base, found) - target);
    // B0's staircases are fine: what is found is at most a tenth off, by a third at depth.
    assertThat(distance).isLessThan(target / 5);
    for (int step = -100; step <= 100; step++) {
      ScalingCoefficients other = moved(axis, found, step * 1e-3, step * 1e-3, step / 5);
      if (other.depth() > 0 && other.width() > 0 && other.resolutionPx() > 0) {
        assertThat(Math.abs(count(base, other) - target)).isGreaterThanOrEqualTo(distance);
      }
    }
    // The other axes are the base's.
    assertThat(axis == ScalingAxis.WIDTH ? 1 : found.width()).isEqualTo(1);
    assertThat(axis == ScalingAxis.DEPTH ? 1 : found.depth()).isEqualTo(1);
    assertThat(axis == ScalingAxis.RESOLUTION ? 224 : found.resolutionPx()).isEqualTo(224);
  }

  @ParameterizedTest
  @EnumSource(ScalingAxis.class)
  void theBaseItselfIsFoundExactly(ScalingAxis axis) {
    for (BaseNetwork base : new BaseNetwork[] {BaseNetwork.EFFICIENTNET_B0, BaseNetwork.TINY}) {
      ScalingCoefficients found = axis.matching(base, 1000, compound(base, 0));

      assertThat(NetworkSpec.of(base, found, 1000).withName("base"))
          .isEqualTo(
              NetworkSpec.of(base, new ScalingCoefficients(1, 1, base.baseResolutionPx()), 1000)
                  .withName("base"));
    }
  }

  @ParameterizedTest
  @EnumSource(ScalingAxis.class)
  void smallerNetworksAreFoundAndTheSmallestIsTheEnd(ScalingAxis axis) {
    BaseNetwork base = BaseNetwork.EFFICIENTNET_B0;
    long target = compound(base, -1);
    long reached = count(base, axis.matching(base, 1000, target));

    assertThat(reached).isLessThan(compound(base, 0));
    assertThat(count(base, axis.matching(base, 1000, 1))).isLessThanOrEqualTo(reached);
  }

  @Test
  void coefficientsAreShort() {
    ScalingCoefficients depth =
        ScalingAxis.DEPTH.matching(
            BaseNetwork.EFFICIENTNET_B0, 1000, compound(BaseNetwork.EFFICIENTNET_B0, 2));

    assertThat(Double.toString(depth.depth())).hasSizeLessThanOrEqualTo(5);
  }

  @Test
  void whatNoNetworkReachesIsSaid() {
    assertThatThrownBy(() -> ScalingAxis.RESOLUTION.matching(BaseNetwork.TINY, 10, Long.MAX_VALUE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "Cannot reach 9223372036854775807 multiply-adds by resolution alone: tiny has ");
    assertThatThrownBy(() -> ScalingAxis.WIDTH.matching(BaseNetwork.TINY, 10, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid multiply-adds: 0 (must be > 0)");
  }
}
