package io.phiscale.model.layers;

/**
 * Random numbers without state: a pure function of (seed, stream, index), the same on every machine
 * and back end.
 *
 * <p>Source of the mixing function: Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators" (OOPSLA 2014), SplitMix64's finaliser.
 */
final class CounterRandom {

  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private final long key;

  /**
   * @param seed of the run or of the step
   * @param stream what the numbers are for, e.g. a layer's name
   */
  CounterRandom(long seed, String stream) {
    long hash = 0xCBF29CE484222325L; // FNV-1a
    for (int i = 0; i < stream.length(); i++) {
      hash = (hash ^ stream.charAt(i)) * 0x100000001B3L;
    }
    this.key = mix(mix(seed + GOLDEN) ^ hash);
  }

  private static long mix(long value) {
    long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** Uniform in the open interval (0, 1). */
  double uniform(long index) {
    return ((mix(key + (index + 1) * GOLDEN) >>> 12) + 0.5) * 0x1.0p-52;
  }

  /**
   * Standard normal, by the inverse of the distribution function.
   *
   * <p>Source: P. J. Acklam's rational approximation, relative error below 1.2e-9.
   */
  double normal(long index) {
    double p = uniform(index);
    if (p < 0.02425) {
      return tail(p);
    }
    if (p > 1 - 0.02425) {
      return -tail(1 - p);
    }
    double q = p - 0.5;
    double r = q * q;
    double numerator =
        ((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r
                            + 1.383577518672690e+02)
                        * r
                    - 3.066479806614716e+01)
                * r
            + 2.506628277459239e+00;
    double denominator =
        ((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r
                            + 6.680131188771972e+01)
                        * r
                    - 1.328068155288572e+01)
                * r
            + 1;
    return q * numerator / denominator;
  }

  private static double tail(double p) {
    double q = Math.sqrt(-2 * StrictMath.log(p));
    double numerator =
        ((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e+00) * q
                            - 2.549732539343734e+00)
                        * q
                    + 4.374664141464968e+00)
                * q
            + 2.938163982698783e+00;
    double denominator =
        (((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) * q
                    + 3.754408661907416e+00)
                * q
            + 1;
    return numerator / denominator;
  }
}
