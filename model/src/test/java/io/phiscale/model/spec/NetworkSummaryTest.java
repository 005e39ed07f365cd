package io.phiscale.model.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NetworkSummaryTest {

  private static final NetworkSpec THREE_CLASSES =
      NetworkSpec.efficientNet(EfficientNetVariant.B0, 3);

  /** torchinfo on torchvision's efficientnet_b0 with a 3-class head, input (32, 3, 224, 224). */
  @Test
  void torchinfoTotals() {
    String text = new NetworkSummary(THREE_CLASSES, Freeze.FEATURES).render(32);
    assertThat(text.lines())
        .contains(
            "Total parameters:               4,011,391",
            "Trainable parameters:           3,843",
            "Non-trainable parameters:       4,007,548",
            "Batch-norm running statistics:  42,016",
            "Mult-adds, one image:           384,538,592",
            "Mult-adds, batch:               12.31 G",
            "Mult-adds, batch, as torchinfo: 12.31 G  (biases and batch norm counted too)",
            "Input size (MB):                19.27",
            "Forward/backward pass (MB):     3452.09",
            "Parameters (MB):                16.05",
            "Estimated total (MB):           3487.41");
  }

  @Test
  void nothingFrozen() {
    NetworkSummary summary =
        new NetworkSummary(NetworkSpec.efficientNet(EfficientNetVariant.B0, 1000), Freeze.NONE);
    assertThat(summary.totalParameters()).isEqualTo(5_288_548);
    assertThat(summary.trainableParameters()).isEqualTo(5_288_548);
    assertThat(summary.nonTrainableParameters()).isZero();
    assertThat(summary.multiplyAdds(1)).isEqualTo(385_814_752);
    // The other terms of torchinfo: biases of squeeze and excitation and of the classifier, and the
    // scale and shift of batch norm.
    assertThat(summary.torchinfoMultiplyAdds(1)).isEqualTo(385_814_752 + 9_340 + 1_000 + 42_016);
  }

  @Test
  void tableOfASmallNetwork() {
    NetworkSpec network =
        NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 10)
            .withPadding(Padding.SYMMETRIC);
    String text = new NetworkSummary(network, Freeze.NONE).render(8);
    assertThat(text)
        .startsWith(
            """
            tiny-phi0, 10 classes
            input (8, 28, 28, 3), symmetric padding, batch norm epsilon 0.001 momentum 0.99
            -------""")
        .contains(
            """
            Layer                          Kind                   Output (N, H, W, C)  Parameters  Mult-adds  Trainable
            -----------------------------------------------------------------------------------------------------------
            stem/conv                      conv 3x3               (8, 28, 28, 16)             432  2,709,504  yes
            stem/conv/batch_norm           batch norm             (8, 28, 28, 16)              32         --  yes
            """);
    assertThat(text.lines())
        .anyMatch(line -> line.matches("block_01/depthwise +depthwise conv 3x3 /2 .*"))
        .anyMatch(line -> line.matches("block_01/squeeze +squeeze-excite conv +\\(8, 1, 1, 4\\).*"))
        .anyMatch(line -> line.matches("classifier/dense +dense +\\(8, 10\\) +2,570 +20,480 +yes"));
  }

  @ParameterizedTest
  @EnumSource(EfficientNetVariant.class)
  void tableFitsAScreen(EfficientNetVariant variant) {
    NetworkSummary summary =
        new NetworkSummary(NetworkSpec.efficientNet(variant, 1000), Freeze.FEATURES);
    String text = summary.render(32);
    assertThat(text.lines()).allMatch(line -> line.length() <= 120);
    assertThat(text.lines().filter(line -> line.endsWith("  yes"))).hasSize(1);
    assertThat(text.lines().filter(line -> line.endsWith("  no")))
        .hasSize(summary.network().layers().size() - 1);
  }

  @Test
  void largeNumbersAreReadable() {
    assertThat(NetworkSummary.readable(1_250_000)).isEqualTo("1.25 M");
    assertThat(NetworkSummary.readable(12_305_234_944L)).isEqualTo("12.31 G");
    assertThat(NetworkSummary.readable(1_207_868_294_144L)).isEqualTo("1.21 T");
  }

  @Test
  void wrongValuesAreNamed() {
    NetworkSummary summary = new NetworkSummary(THREE_CLASSES, Freeze.NONE);
    assertThatThrownBy(() -> summary.render(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid batch size: 0 (must be > 0)");
    assertThatThrownBy(() -> new NetworkSummary(null, Freeze.NONE))
        .hasMessage("Invalid network: null");
    assertThatThrownBy(() -> new NetworkSummary(THREE_CLASSES, null))
        .hasMessage("Invalid freeze: null (must be NONE or FEATURES)");
  }
}
