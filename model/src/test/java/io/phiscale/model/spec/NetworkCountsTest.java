package io.phiscale.model.spec;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.scaling.ScalingCoefficients;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NetworkCountsTest {

  /** Measured on torchvision 0.28 and timm 1.0.29 with shape-only tensors. */
  @ParameterizedTest
  @CsvSource({
    "B0, 5288548, 42016, 385814752, 6747036",
    "B1, 7794184, 62048, 686802832, 10883328",
    "B2, 9109994, 67568, 993561872, 13831834",
    "B3, 12233232, 87296, 1827141392, 23830296",
    "B4, 19341616, 125200, 4393771024, 49488032",
    "B5, 30389784, 172736, 10266384752, 98856400",
    "B6, 43040704, 224432, 19067593536, 167392400",
    "B7, 66347960, 310720, 37745884192, 289938464",
  })
  void publishedNetworks(
      EfficientNetVariant variant,
      long parameters,
      long runningStatistics,
      long multiplyAdds,
      long convolutionOutputElements) {
    NetworkSpec network = NetworkSpec.efficientNet(variant, 1000);
    for (Padding padding : Padding.values()) {
      assertThat(NetworkCounts.of(network.withPadding(padding)))
          .isEqualTo(
              new NetworkCounts(
                  parameters, runningStatistics, multiplyAdds, convolutionOutputElements));
    }
  }

  /** The rows of table 7 of the paper, measured likewise. */
  @ParameterizedTest
  @CsvSource({
    "1, 4, 224, 20091856, 1575132640",
    "2, 1, 224, 18122720, 1449958848",
    "1, 1, 448, 5288548, 1537537408",
    "1.2, 1.4, 291, 12233232, 1800091280",
  })
  void scaledB0(double width, double depth, int resolutionPx, long parameters, long multiplyAdds) {
    NetworkSpec network =
        NetworkSpec.of(
            BaseNetwork.EFFICIENTNET_B0, new ScalingCoefficients(width, depth, resolutionPx), 1000);
    for (Padding padding : Padding.values()) {
      NetworkCounts counts = NetworkCounts.of(network.withPadding(padding));
      assertThat(counts.parameters()).isEqualTo(parameters);
      assertThat(counts.multiplyAdds()).isEqualTo(multiplyAdds);
    }
  }

  @Test
  void threeClassHead() {
    assertThat(NetworkCounts.of(NetworkSpec.efficientNet(EfficientNetVariant.B0, 3)).parameters())
        .isEqualTo(4_011_391);
  }

  /** By hand: one block without expansion on a 4 px image, stem of stride 1. */
  @Test
  void smallNetworkByHand() {
    NetworkSpec network =
        NetworkSpec.of(
            BaseNetwork.of("hand", 8, 1, List.of("r1_k3_s22_e2_i8_o16_se0.5"), 8, 4, 0),
            new ScalingCoefficients(1, 1, 4),
            2);
    long stem = 27 * 8;
    long expand = 8 * 16;
    long depthwise = 9 * 16;
    long squeeze = 16 * 4;
    long project = 16 * 16;
    long head = 16 * 8;
    long dense = 8 * 2;
    long channels = 8 + 16 + 16 + 16 + 8;
    assertThat(NetworkCounts.of(network))
        .isEqualTo(
            new NetworkCounts(
                stem
                    + expand
                    + depthwise
                    + (squeeze + 4)
                    + (squeeze + 16)
                    + project
                    + head
                    + (dense + 2)
                    + 2 * channels,
                2 * channels,
                16 * (stem + expand) + 4 * (depthwise + project + head) + 2 * squeeze + dense,
                16 * (8 + 16) + 4 * (16 + 16 + 8) + 4 + 16));
  }

  @Property(tries = 200, seed = "1")
  void countsGrowWithPhi(
      @ForAll @DoubleRange(min = 0, max = 6) double phi,
      @ForAll @DoubleRange(min = 0, max = 2) double step) {
    for (BaseNetwork base : new BaseNetwork[] {BaseNetwork.EFFICIENTNET_B0, BaseNetwork.TINY}) {
      NetworkCounts smaller =
          NetworkCounts.of(NetworkSpec.of(base, CompoundScaling.EFFICIENTNET, phi, 10));
      NetworkCounts larger =
          NetworkCounts.of(NetworkSpec.of(base, CompoundScaling.EFFICIENTNET, phi + step, 10));
      assertThat(larger.parameters()).isGreaterThanOrEqualTo(smaller.parameters());
      assertThat(larger.runningStatistics()).isGreaterThanOrEqualTo(smaller.runningStatistics());
      assertThat(larger.multiplyAdds()).isGreaterThanOrEqualTo(smaller.multiplyAdds());
    }
  }
}
