package io.phiscale.model.train;

/** Sums of squares in double precision, always added in the same order. */
final class SumOfSquares {
  private SumOfSquares() {}

  /**
   * Of the first values of an array. Every product is exact; four partial sums let the processor
   * add without waiting for the sum before.
   */
  static double of(float[] values, int count) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    int i = 0;
    for (; i + 3 < count; i += 4) {
      sum0 += (double) values[i] * values[i];
      sum1 += (double) values[i + 1] * values[i + 1];
      sum2 += (double) values[i + 2] * values[i + 2];
      sum3 += (double) values[i + 3] * values[i + 3];
    }
    for (; i < count; i++) {
      sum0 += (double) values[i] * values[i];
    }
    return (sum0 + sum1) + (sum2 + sum3);
  }
}
