package io.phiscale.model.scaling;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The published networks B0 to B7 with their coefficients and dropout.
 *
 * <p>These coefficients define the networks. They were rounded by hand and are <em>not</em> (α^φ,
 * β^φ, γ^φ) at any one φ: B4's depth implies φ 3.22, its width 3.53, its resolution 3.78. The
 * {@linkplain #nominalPhi() nominal φ} is therefore a label for tables only: a network built from
 * it is a different one (1.1³ = 1.33 is not B4's width of 1.4), and a regression belongs on
 * multiply-adds.
 *
 * <p>Source: tensorflow/tpu {@code models/official/efficientnet/efficientnet_builder.py}, {@code
 * efficientnet_params}.
 */
public enum EfficientNetVariant {
  B0(1.0, 1.0, 224, 0.2, 0),
  B1(1.0, 1.1, 240, 0.2, 0.5),
  B2(1.1, 1.2, 260, 0.3, 1),
  B3(1.2, 1.4, 300, 0.3, 2),
  B4(1.4, 1.8, 380, 0.4, 3),
  B5(1.6, 2.2, 456, 0.4, 4),
  B6(1.8, 2.6, 528, 0.5, 5),
  B7(2.0, 3.1, 600, 0.5, 6);

  private final double width;
  private final double depth;
  private final int resolutionPx;
  private final double dropout;
  private final double nominalPhi;

  EfficientNetVariant(
      double width, double depth, int resolutionPx, double dropout, double nominalPhi) {
    this.width = width;
    this.depth = depth;
    this.resolutionPx = resolutionPx;
    this.dropout = dropout;
    this.nominalPhi = nominalPhi;
  }

  /** The published width, depth and resolution. */
  public ScalingCoefficients coefficients() {
    return new ScalingCoefficients(width, depth, resolutionPx);
  }

  /** Fraction of the pooled features dropped before the classifier. */
  public double dropout() {
    return dropout;
  }

  /**
   * The φ that public tables print beside this network (B1 0.5, B2 1, then B-number minus one). A
   * label: {@link CompoundScaling#at} of it is not this network, except for B0.
   */
  public double nominalPhi() {
    return nominalPhi;
  }

  /**
   * The variant of a name such as {@code b0}, {@code B0} or {@code efficientnet-b0}.
   *
   * @throws IllegalArgumentException if there is none of that name; the message lists the valid
   *     ones
   */
  public static EfficientNetVariant named(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    String wanted =
        lower.startsWith("efficientnet-") ? lower.substring("efficientnet-".length()) : lower;
    for (EfficientNetVariant variant : values()) {
      if (variant.name().toLowerCase(Locale.ROOT).equals(wanted)) {
        return variant;
      }
    }
    throw new IllegalArgumentException(
        String.format(
            "Invalid EfficientNet variant: %s (must be one of %s)",
            name,
            Arrays.stream(values())
                .map(variant -> variant.name().toLowerCase(Locale.ROOT))
                .collect(Collectors.joining(", "))));
  }
}
