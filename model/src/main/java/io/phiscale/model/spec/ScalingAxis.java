package io.phiscale.model.spec;

import io.phiscale.model.scaling.ScalingCoefficients;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.function.DoubleFunction;

/**
 * One dimension along which a network is scaled alone, the others as in the base: what compound
 * scaling is compared with (arXiv 1905.11946v5, section 3.2 and table 7).
 */
public enum ScalingAxis {
  /** More blocks in every stage. */
  DEPTH(1024, 6),
  /** More channels in every layer. */
  WIDTH(1024, 6),
  /** A larger image. */
  RESOLUTION(16_384, 0);

  private static final double SMALLEST_COEFFICIENT = 1.0 / 64;
  private static final int HALVINGS = 60;

  private final double largest;
  private final int decimals;

  ScalingAxis(double largest, int decimals) {
    this.largest = largest;
    this.decimals = decimals;
  }

  /**
   * The coefficients that scale the base along this axis alone so that its counted multiply-adds
   * ({@link NetworkCounts#multiplyAdds()}) are as near as possible to a number; of two that are
   * equally near, those of the smaller network.
   *
   * <p>Blocks, channels (in eights) and pixels are whole, so multiply-adds are a staircase over the
   * coefficient and the number is seldom met. Of all coefficients of the nearest step the first one
   * with the fewest decimals is taken, from the edge found by bisection; of resolutions the
   * largest.
   *
   * @param base what is scaled; its resolution is kept on the other axes
   * @param classes number of scores, which count too
   * @param multiplyAdds wanted for one image, > 0
   * @throws IllegalArgumentException if the number is not positive, or larger than any network that
   *     this axis reaches (1024 times as deep or wide, 16,384 px)
   */
  public ScalingCoefficients matching(BaseNetwork base, int classes, long multiplyAdds) {
    if (multiplyAdds <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid multiply-adds: %s (must be > 0)", multiplyAdds));
    }
    DoubleFunction<ScalingCoefficients> scaled = coefficient -> coefficients(base, coefficient);
    double above = this == RESOLUTION ? base.baseResolutionPx() : 1;
    while (count(base, classes, scaled.apply(above)) < multiplyAdds) {
      if (above >= largest) {
        throw new IllegalArgumentException(
            String.format(
                "Cannot reach %s multiply-adds by %s alone: %s has %s at the largest that is tried"
                    + " (%s)",
                multiplyAdds,
                label(),
                base.name(),
                count(base, classes, scaled.apply(above)),
                above));
      }
      above = Math.min(largest, 2 * above);
    }
    double below = this == RESOLUTION ? 1 : SMALLEST_COEFFICIENT;
    if (count(base, classes, scaled.apply(below)) >= multiplyAdds) {
      return scaled.apply(below);
    }
    // Below is always too small, above never: at the end they are either side of an edge.
    for (int i = 0; i < HALVINGS; i++) {
      double middle = (below + above) / 2;
      if (this == RESOLUTION) {
        middle = Math.floor(middle);
      }
      if (middle <= below || middle >= above) {
        break;
      }
      if (count(base, classes, scaled.apply(middle)) < multiplyAdds) {
        below = middle;
      } else {
        above = middle;
      }
    }
    long less = count(base, classes, scaled.apply(below));
    long more = count(base, classes, scaled.apply(above));
    if (this == RESOLUTION) {
      // An odd pixel often costs nothing: 223 px are convolved as 224 are.
      while (count(base, classes, scaled.apply(above + 1)) == more) {
        above++;
      }
    }
    return multiplyAdds - less <= more - multiplyAdds
        ? shortest(base, classes, below, less, RoundingMode.FLOOR)
        : shortest(base, classes, above, more, RoundingMode.CEILING);
  }

  /** The axis in words: depth, width, resolution. */
  public String label() {
    return switch (this) {
      case DEPTH -> "depth";
      case WIDTH -> "width";
      case RESOLUTION -> "resolution";
    };
  }

  private ScalingCoefficients coefficients(BaseNetwork base, double coefficient) {
    return switch (this) {
      case DEPTH -> new ScalingCoefficients(1, coefficient, base.baseResolutionPx());
      case WIDTH -> new ScalingCoefficients(coefficient, 1, base.baseResolutionPx());
      case RESOLUTION -> new ScalingCoefficients(1, 1, (int) coefficient);
    };
  }

  private static long count(BaseNetwork base, int classes, ScalingCoefficients coefficients) {
    return NetworkCounts.of(NetworkSpec.of(base, coefficients, classes)).multiplyAdds();
  }

  private ScalingCoefficients shortest(
      BaseNetwork base, int classes, double edge, long multiplyAdds, RoundingMode away) {
    for (int digits = 0; digits <= decimals; digits++) {
      double rounded = BigDecimal.valueOf(edge).setScale(digits, away).doubleValue();
      if (rounded > 0 && count(base, classes, coefficients(base, rounded)) == multiplyAdds) {
        return coefficients(base, rounded);
      }
    }
    return coefficients(base, edge);
  }
}
