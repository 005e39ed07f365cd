package io.phiscale.model.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EfficientNetVariantTest {

  @ParameterizedTest
  @CsvSource({
    "B0, 1.0, 1.0, 224, 0.2, 0",
    "B1, 1.0, 1.1, 240, 0.2, 0.5",
    "B2, 1.1, 1.2, 260, 0.3, 1",
    "B3, 1.2, 1.4, 300, 0.3, 2",
    "B4, 1.4, 1.8, 380, 0.4, 3",
    "B5, 1.6, 2.2, 456, 0.4, 4",
    "B6, 1.8, 2.6, 528, 0.5, 5",
    "B7, 2.0, 3.1, 600, 0.5, 6",
  })
  void publishedTable(
      EfficientNetVariant variant,
      double width,
      double depth,
      int resolutionPx,
      double dropout,
      double nominalPhi) {
    assertThat(variant.coefficients())
        .isEqualTo(new ScalingCoefficients(width, depth, resolutionPx));
    assertThat(variant.dropout()).isEqualTo(dropout);
    assertThat(variant.nominalPhi()).isEqualTo(nominalPhi);
  }

  @Test
  void nominalPhiDoesNotGiveThePublishedNetwork() {
    EfficientNetVariant b4 = EfficientNetVariant.B4;
    assertThat(CompoundScaling.EFFICIENTNET.at(b4.nominalPhi()).width())
        .isLessThan(b4.coefficients().width() - 0.05);
  }

  @Test
  void namesInAnyForm() {
    assertThat(EfficientNetVariant.named("b4")).isEqualTo(EfficientNetVariant.B4);
    assertThat(EfficientNetVariant.named("B4")).isEqualTo(EfficientNetVariant.B4);
    assertThat(EfficientNetVariant.named("efficientnet-b4")).isEqualTo(EfficientNetVariant.B4);
    assertThatThrownBy(() -> EfficientNetVariant.named("b9"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Invalid EfficientNet variant: b9 (must be one of b0, b1, b2, b3, b4, b5, b6, b7)");
  }
}
