package io.phiscale.pipeline.image;

/**
 * Sums of rows or of columns, each with a weight of its own, added up in the order of the rows or
 * columns, so that every implementation gives the same bits.
 */
interface WeightedSums {
  /** Targets and rows are as long as the next multiple of this: sums run over whole vectors. */
  int GRANULE = 64;

  /**
   * Rows of a strip, and so the length of its columns: whole vectors, but few enough for a strip to
   * stay in the cache.
   */
  int COLUMN = 32;

  /** The best that this Java has: with vectors where {@code jdk.incubator.vector} is there. */
  static WeightedSums best() {
    return VectorModule.PRESENT ? VectorModule.weightedSums() : new PlainWeightedSums();
  }

  /**
   * One row of the pass along columns: {@code target[i] = sum over k of weight(output, k) *
   * rows[first + k][i]}, of bytes taken as 0 to 255.
   */
  void ofBytes(
      float[] target, byte[][] rows, int first, ResampleWeights weights, int output, int length);

  /**
   * The pass along rows of a strip, on columns of {@link #COLUMN} values, three of a pixel one
   * after the other.
   *
   * @param target receives (outputs, 3, COLUMN) floats
   * @param columns the inputs, (inputs, 3, COLUMN) floats
   * @param weights of which inputs with which weights each output is the sum
   * @param mirroring whether the outputs are written in reverse
   */
  void ofColumns(float[] target, float[] columns, ResampleWeights weights, Mirroring mirroring);

  /** The next multiple of {@link #GRANULE}. */
  static int roundUp(int length) {
    return (length + GRANULE - 1) / GRANULE * GRANULE;
  }
}
