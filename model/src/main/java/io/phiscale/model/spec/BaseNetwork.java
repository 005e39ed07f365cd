package io.phiscale.model.spec;

import java.io.Serializable;
import java.util.List;

/**
 * A network before scaling.
 *
 * @param name as in reports
 * @param stemFilters channels of the first 3x3 convolution, > 0
 * @param stemStride its stride: 2 for photographs, 1 where 28 to 32 px must not be halved at once
 * @param stages block stages; each one's input filters equal the output filters before it
 * @param headFilters channels of the last 1x1 convolution, > 0
 * @param baseResolutionPx side of the input at φ = 0 in pixels, > 0
 * @param dropout fraction of the pooled features dropped before the classifier, in [0, 1)
 */
public record BaseNetwork(
    String name,
    int stemFilters,
    int stemStride,
    List<MBConvSpec> stages,
    int headFilters,
    int baseResolutionPx,
    double dropout)
    implements Serializable {

  /**
   * EfficientNet-B0. Source: arXiv 1905.11946v5, table 1; strings from {@code
   * efficientnet_builder.py}.
   */
  public static final BaseNetwork EFFICIENTNET_B0 =
      of(
          "efficientnet-b0",
          32,
          2,
          List.of(
              "r1_k3_s11_e1_i32_o16_se0.25",
              "r2_k3_s22_e6_i16_o24_se0.25",
              "r2_k5_s22_e6_i24_o40_se0.25",
              "r3_k3_s22_e6_i40_o80_se0.25",
              "r3_k5_s11_e6_i80_o112_se0.25",
              "r4_k5_s22_e6_i112_o192_se0.25",
              "r1_k3_s11_e6_i192_o320_se0.25"),
          1280,
          224,
          0.2);

  /**
   * A small network of the same blocks for images of 28 to 32 px, so that a φ study runs on a
   * laptop: five blocks, 28 → 28 → 14 → 7 px. Not a published network.
   */
  public static final BaseNetwork TINY =
      of(
          "tiny",
          16,
          1,
          List.of(
              "r1_k3_s11_e1_i16_o16_se0.25",
              "r1_k3_s22_e4_i16_o24_se0.25",
              "r2_k3_s22_e4_i24_o40_se0.25",
              "r1_k3_s11_e4_i40_o64_se0.25"),
          256,
          28,
          0.1);

  public BaseNetwork {
    stages = List.copyOf(stages);
    NetworkSpec.checkShape(name, stemFilters, stemStride, stages, headFilters);
    NetworkSpec.checkFraction("dropout", dropout);
    if (baseResolutionPx <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid base resolution in pixels: %s (must be > 0)", baseResolutionPx));
    }
  }

  /**
   * A base network from block strings.
   *
   * @throws IllegalArgumentException if a string cannot be decoded or the filters of two stages
   *     disagree
   */
  public static BaseNetwork of(
      String name,
      int stemFilters,
      int stemStride,
      List<String> blockStrings,
      int headFilters,
      int baseResolutionPx,
      double dropout) {
    return new BaseNetwork(
        name,
        stemFilters,
        stemStride,
        blockStrings.stream().map(MBConvSpec::decode).toList(),
        headFilters,
        baseResolutionPx,
        dropout);
  }

  /** The same network with another stride in its stem. */
  public BaseNetwork withStemStride(int newStemStride) {
    return new BaseNetwork(
        name, stemFilters, newStemStride, stages, headFilters, baseResolutionPx, dropout);
  }

  /** The same network seeing another resolution at φ = 0. */
  public BaseNetwork withBaseResolutionPx(int newBaseResolutionPx) {
    return new BaseNetwork(
        name, stemFilters, stemStride, stages, headFilters, newBaseResolutionPx, dropout);
  }

  /** The same network with another dropout. */
  public BaseNetwork withDropout(double newDropout) {
    return new BaseNetwork(
        name, stemFilters, stemStride, stages, headFilters, baseResolutionPx, newDropout);
  }
}
