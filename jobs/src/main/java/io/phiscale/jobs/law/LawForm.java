package io.phiscale.jobs.law;

import java.util.ArrayList;
import java.util.List;

/**
 * The four forms of Alabdulmohsin, Neyshabur, Zhai, "Revisiting Neural Scaling Laws in Language and
 * Vision" (arXiv 2209.06640, section 3), with a = −c &gt; 0, so that every exponent is positive. x
 * is the scale divided by the geometric mean of the observed scales.
 *
 * <p>All coefficients are positive; fits search their logarithms.
 */
public enum LawForm {
  /** M1: ε = β·x^−a. */
  POWER("M1", "ε = β·x^−a", List.of("beta", "a")) {
    @Override
    double error(double[] c, double x, double chance) {
      return c[0] * Math.pow(x, -c[1]);
    }

    @Override
    List<double[]> starts(double smallest, double middle, double chance) {
      return grid(middle, new double[] {0}, new double[] {});
    }
  },
  /** M2: ε = β·x^−a + ε∞. */
  OFFSET("M2", "ε = β·x^−a + ε∞", List.of("beta", "a", "floor")) {
    @Override
    double error(double[] c, double x, double chance) {
      return c[0] * Math.pow(x, -c[1]) + c[2];
    }

    @Override
    List<double[]> starts(double smallest, double middle, double chance) {
      return grid(middle, floors(smallest), new double[] {});
    }
  },
  /** M3: ε = β·(1/x + γ)^a + ε∞: also flat where x is large. */
  SATURATING("M3", "ε = β·(1/x + γ)^a + ε∞", List.of("beta", "a", "floor", "gamma")) {
    @Override
    double error(double[] c, double x, double chance) {
      return c[0] * Math.pow(1 / x + c[3], c[1]) + c[2];
    }

    @Override
    List<double[]> starts(double smallest, double middle, double chance) {
      return grid(middle, floors(smallest), new double[] {1e-3, 1e-1});
    }
  },
  /**
   * M4: (ε − ε∞) / (ε₀ − ε)^α = β·x^−a: a power law for large x, chance ε₀ for small ones. ε is the
   * one root in (ε∞, ε₀), found by bisection.
   */
  SIGMOID("M4", "(ε − ε∞)/(ε₀ − ε)^α = β·x^−a", List.of("beta", "a", "floor", "alpha")) {
    @Override
    double error(double[] c, double x, double chance) {
      double floor = Math.min(c[2], chance * (1 - 1e-9));
      double right = Math.log(c[0]) - c[1] * Math.log(x);
      double low = floor;
      double high = chance;
      for (int i = 0; i < BISECTIONS; i++) {
        double middle = 0.5 * (low + high);
        double left = Math.log(middle - floor) - c[3] * Math.log(chance - middle);
        if (left < right) {
          low = middle;
        } else {
          high = middle;
        }
      }
      return 0.5 * (low + high);
    }

    @Override
    List<double[]> starts(double smallest, double middle, double chance) {
      return grid(middle, floors(smallest), new double[] {0.5, 1.0});
    }
  };

  private static final int BISECTIONS = 60;

  private final String label;
  private final String formula;

  /** Of {@link List#of}, which nothing changes. */
  @SuppressWarnings("ImmutableEnumChecker")
  private final List<String> coefficients;

  LawForm(String label, String formula, List<String> coefficients) {
    this.label = label;
    this.formula = formula;
    this.coefficients = coefficients;
  }

  /** The paper's name: M1 to M4. */
  public String label() {
    return label;
  }

  /** The formula, for people. */
  public String formula() {
    return formula;
  }

  /** Names of the coefficients, in order. */
  public List<String> coefficients() {
    return coefficients;
  }

  /** How many points a fit needs: two more than it has coefficients. */
  public int pointsNeeded() {
    return coefficients.size() + 2;
  }

  /**
   * The error at a scale.
   *
   * @param c the coefficients, in order, each &gt; 0
   * @param x the scale over the geometric mean of the observed ones
   * @param chance ε₀: error of guessing; only M4 has it
   */
  abstract double error(double[] c, double x, double chance);

  /** Where fits start: several places, since the sum of squares has several minima. */
  abstract List<double[]> starts(double smallest, double middle, double chance);

  private static double[] floors(double smallest) {
    return new double[] {smallest * 0.01, smallest * 0.3, smallest * 0.7, smallest * 0.95};
  }

  /**
   * Exponents times floors times last coefficients; β such that the middle point is met roughly.
   */
  private static List<double[]> grid(double middle, double[] floors, double[] lasts) {
    List<double[]> starts = new ArrayList<>();
    for (double exponent : new double[] {0.05, 0.2, 0.5, 1.0}) {
      for (double floor : floors) {
        double beta = Math.max(middle - floor, 1e-4);
        if (floor == 0) {
          starts.add(new double[] {beta, exponent});
        } else if (lasts.length == 0) {
          starts.add(new double[] {beta, exponent, floor});
        }
        for (double last : lasts) {
          starts.add(new double[] {beta, exponent, floor, last});
        }
      }
    }
    return starts;
  }
}
