package io.phiscale.pipeline.image;

/**
 * Sums of rows, each with a weight of its own: {@code target[i] = sum over k of weight(output, k) *
 * rows[first + k * step][i]}, added up in the order of k, so that every implementation gives the
 * same bits.
 */
interface WeightedSums {
  /** Targets and rows are as long as the next multiple of this: sums run over whole vectors. */
  int GRANULE = 64;

  /** The best that this Java has: with vectors where {@code jdk.incubator.vector} is there. */
  static WeightedSums best() {
    return VectorModule.PRESENT ? VectorModule.weightedSums() : new PlainWeightedSums();
  }

  /** Sums of bytes, taken as 0 to 255. */
  void ofBytes(
      float[] target, byte[][] rows, int first, ResampleWeights weights, int output, int length);

  /** Sums of floats. */
  void ofFloats(
      float[] target,
      float[][] rows,
      int first,
      int step,
      ResampleWeights weights,
      int output,
      int length);

  /** The next multiple of {@link #GRANULE}. */
  static int roundUp(int length) {
    return (length + GRANULE - 1) / GRANULE * GRANULE;
  }
}
