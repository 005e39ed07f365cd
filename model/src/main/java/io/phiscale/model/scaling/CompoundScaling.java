package io.phiscale.model.scaling;

import java.io.Serializable;

/**
 * Compound scaling: depth, width and resolution grow together with one coefficient φ.
 *
 * <pre>
 *   depth = α^φ,  width = β^φ,  resolution = round(base · γ^φ)
 *   multiply-adds grow by about (α · β² · γ²)^φ
 * </pre>
 *
 * <p>The paper fixes α · β² · γ² ≈ 2, so that φ counts doublings. The published networks B1 to B7
 * are <em>not</em> α^φ at one φ: see {@link EfficientNetVariant}.
 *
 * <p>Source: arXiv 1905.11946v5, section 3.3, equation 3.
 *
 * @param alpha growth of depth per unit of φ, ≥ 1
 * @param beta growth of width per unit of φ, ≥ 1
 * @param gamma growth of resolution per unit of φ, ≥ 1
 * @param baseResolutionPx resolution at φ = 0 in pixels, > 0
 */
public record CompoundScaling(double alpha, double beta, double gamma, int baseResolutionPx)
    implements Serializable {

  /** The paper's constants, found by grid search on B0 at 224 px: α 1.2, β 1.1, γ 1.15. */
  public static final CompoundScaling EFFICIENTNET = new CompoundScaling(1.2, 1.1, 1.15, 224);

  public CompoundScaling {
    checkGrowth("alpha", alpha);
    checkGrowth("beta", beta);
    checkGrowth("gamma", gamma);
    if (baseResolutionPx <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid base resolution in pixels: %s (must be > 0)", baseResolutionPx));
    }
  }

  private static void checkGrowth(String name, double value) {
    if (!(value >= 1) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be >= 1 and finite)", name, value));
    }
  }

  /**
   * The coefficients at φ.
   *
   * <p>φ = 0 is the base network; a negative φ shrinks it. {@link StrictMath} is used because the
   * number of blocks is a ceiling of a multiple of α^φ: a last bit that differed between machines
   * would give different networks.
   *
   * @throws IllegalArgumentException if φ is not finite, or so large or small that a coefficient is
   *     not representable
   */
  public ScalingCoefficients at(double phi) {
    if (!Double.isFinite(phi)) {
      throw new IllegalArgumentException(
          String.format("Invalid compound coefficient phi: %s (must be finite)", phi));
    }
    long resolutionPx = Math.round(baseResolutionPx * StrictMath.pow(gamma, phi));
    if (resolutionPx < 1 || resolutionPx > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid compound coefficient phi: %s (resolution would be %s px)",
              phi, resolutionPx));
    }
    return new ScalingCoefficients(
        StrictMath.pow(beta, phi), StrictMath.pow(alpha, phi), (int) resolutionPx);
  }

  /**
   * α · β² · γ²: by how much multiply-adds grow per unit of φ, before rounding to whole channels.
   */
  public double flopsGrowth() {
    return alpha * beta * beta * gamma * gamma;
  }

  /** The same growth from another base resolution. */
  public CompoundScaling withBaseResolutionPx(int newBaseResolutionPx) {
    return new CompoundScaling(alpha, beta, gamma, newBaseResolutionPx);
  }
}
