package io.phiscale.jobs.config;

import java.io.Serializable;
import java.util.List;

/**
 * Which network is trained.
 *
 * @param base the network that is scaled
 * @param scaling how far, and by which of the two tables
 * @param coefficients α, β, γ of compound scaling
 * @param name what tables call it; empty: by scaling
 * @param resolutionPx side of the input image in pixels; 0: what the scaling says
 * @param classes number of classes; 0: those of the data set
 * @param dropout drop rate before the classifier, [0, 1); -1: what the scaling says
 * @param stochasticDepth drop rate of the last residual block, falling linearly to the first, [0,
 *     1)
 * @param padding convention of convolutions
 * @param batchNorm convention of batch normalisation
 * @param custom the network of base {@code custom}
 */
public record NetworkSection(
    Base base,
    Scaling scaling,
    Coefficients coefficients,
    String name,
    int resolutionPx,
    int classes,
    double dropout,
    double stochasticDepth,
    Padding padding,
    BatchNorm batchNorm,
    Custom custom)
    implements Serializable {

  public NetworkSection {
    new SectionRules("network")
        .require(
            name.isEmpty() || name.matches("[A-Za-z0-9][A-Za-z0-9._-]*"),
            "name",
            "\"" + name + "\"",
            "letters, digits, '.', '_' and '-'")
        .notNegative("resolution", resolutionPx)
        .require(classes == 0 || classes >= 2, "classes", classes, ">= 2")
        .require(dropout == -1 || (dropout >= 0 && dropout < 1), "dropout", dropout, "in [0, 1)")
        .fractionBelowOne("stochastic-depth", stochasticDepth)
        .require(
            base == Base.EFFICIENTNET_B0 || !(scaling instanceof Scaling.Published),
            "variant",
            scaling instanceof Scaling.Published published ? published.variant() : "",
            "unset unless network.base is efficientnet-b0")
        .require(
            base != Base.CUSTOM || !custom.blocks().isEmpty(),
            "custom.blocks",
            custom.blocks(),
            "not empty when network.base is custom")
        .verify();
  }

  /** The configured name, or {@code byScaling} where there is none. */
  public String nameOr(String byScaling) {
    return name.isEmpty() ? byScaling : name;
  }

  /** The configured resolution, or {@code scaledPx} where none is. */
  public int resolutionPxOr(int scaledPx) {
    return resolutionPx == 0 ? scaledPx : resolutionPx;
  }

  /** The configured number of classes, or {@code classesOfData} where none is. */
  public int classesOr(int classesOfData) {
    return classes == 0 ? classesOfData : classes;
  }

  /** The configured drop rate, or {@code published} where none is. */
  public double dropoutOr(double published) {
    return dropout < 0 ? published : dropout;
  }

  /** The network that is scaled. */
  public enum Base {
    /** EfficientNet-B0, 224 px (Tan &amp; Le 2019, table 1). */
    EFFICIENTNET_B0,
    /** A network of the same kind, small enough for 28 to 64 px and a laptop. */
    TINY,
    /** The one of {@code network.custom}. */
    CUSTOM
  }

  /** Padding of strided convolutions: where the odd pixel goes. */
  public enum Padding {
    /** As torchvision and timm {@code efficientnet_*}: the same on both sides. */
    SYMMETRIC,
    /** As TensorFlow {@code SAME}: the odd pixel at the end. */
    SAME
  }

  /** How far the base is scaled. φ is never inferred from a B-number: the two tables differ. */
  public sealed interface Scaling extends Serializable {

    /**
     * A published, hand-rounded row.
     *
     * @param variant {@code b0} to {@code b7}
     */
    record Published(String variant) implements Scaling {
      public Published {
        new SectionRules("network")
            .require(
                variant.matches("b[0-7]"),
                "variant",
                variant,
                "one of b0, b1, b2, b3, b4, b5, b6, b7")
            .verify();
      }
    }

    /**
     * Depth α^φ, width β^φ, resolution γ^φ (Tan &amp; Le 2019, equation 3).
     *
     * @param phi compound coefficient, finite; 0 is the base
     */
    record Compound(double phi) implements Scaling {
      public Compound {
        new SectionRules("network")
            .require(Double.isFinite(phi) && Math.abs(phi) <= 20, "phi", phi, "in [-20, 20]")
            .verify();
      }
    }

    /**
     * Chosen multipliers, which no φ describes: a network scaled along one axis, say.
     *
     * @param width of every channel count, &gt; 0
     * @param depth of every stage's number of blocks, &gt; 0
     */
    record Chosen(double width, double depth) implements Scaling {
      public Chosen {
        new SectionRules("network").positive("width", width).positive("depth", depth).verify();
      }
    }
  }

  /**
   * Compound scaling (Tan &amp; Le 2019, section 3.3), each &gt;= 1.
   *
   * @param alpha depth per φ
   * @param beta width per φ
   * @param gamma resolution per φ
   */
  public record Coefficients(double alpha, double beta, double gamma) implements Serializable {
    public Coefficients {
      new SectionRules("network.scaling")
          .require(alpha >= 1 && Double.isFinite(alpha), "alpha", alpha, ">= 1")
          .require(beta >= 1 && Double.isFinite(beta), "beta", beta, ">= 1")
          .require(gamma >= 1 && Double.isFinite(gamma), "gamma", gamma, ">= 1")
          .verify();
    }
  }

  /**
   * Batch normalisation.
   *
   * @param epsilon added to the variance, &gt; 0
   * @param momentum share of the old running statistic that is kept per step, [0, 1)
   */
  public record BatchNorm(double epsilon, double momentum) implements Serializable {
    public BatchNorm {
      new SectionRules("network.batch-norm")
          .positive("epsilon", epsilon)
          .fractionBelowOne("momentum", momentum)
          .verify();
    }
  }

  /**
   * A network given block by block.
   *
   * @param stemFilters channels of the stem, &gt; 0
   * @param stemStride 1 or 2
   * @param blocks block strings, {@code r1_k3_s11_e1_i16_o16_se0.25}
   * @param headFilters channels of the last 1x1 convolution, &gt; 0
   * @param resolutionPx side of the input image at φ = 0, pixels, &gt; 0
   */
  public record Custom(
      int stemFilters, int stemStride, List<String> blocks, int headFilters, int resolutionPx)
      implements Serializable {
    public Custom {
      blocks = List.copyOf(blocks);
      new SectionRules("network.custom")
          .positive("stem-filters", stemFilters)
          .require(stemStride == 1 || stemStride == 2, "stem-stride", stemStride, "1 or 2")
          .positive("head-filters", headFilters)
          .positive("resolution", resolutionPx)
          .verify();
    }
  }
}
