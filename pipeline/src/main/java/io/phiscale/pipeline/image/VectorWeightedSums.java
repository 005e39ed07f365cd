package io.phiscale.pipeline.image;

import java.util.Objects;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * By Java's Vector API: four vectors stay in registers while all rows are added up, and bytes
 * become floats on the way.
 */
final class VectorWeightedSums implements WeightedSums {
  /** At least 256 bits: a quarter of them is the smallest vector of bytes. */
  private static final VectorSpecies<Float> FLOATS =
      FloatVector.SPECIES_PREFERRED.vectorBitSize() < 256
          ? FloatVector.SPECIES_256
          : FloatVector.SPECIES_PREFERRED;

  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / Float.BYTES));
  private static final int LANES = FLOATS.length();
  private static final int UNROLLED = 4 * LANES;
  private static final int UNSIGNED = 0xff;

  VectorWeightedSums() {
    if (GRANULE % UNROLLED != 0) {
      throw new IllegalStateException(
          "Cannot use vectors of %s floats (four must divide %s)".formatted(LANES, GRANULE));
    }
  }

  @Override
  public void ofBytes(
      float[] target, byte[][] rows, int first, ResampleWeights weights, int output, int length) {
    float[] w = weights.weights();
    int at = weights.offset(output);
    int taps = weights.taps(output);
    int end = WeightedSums.roundUp(length);
    Objects.checkFromIndexSize(0, end, target.length);
    for (int k = 0; k < taps; k++) {
      Objects.checkFromIndexSize(0, end, rows[first + k].length);
    }
    for (int i = 0; i < end; i += UNROLLED) {
      FloatVector sum0 = FloatVector.zero(FLOATS);
      FloatVector sum1 = sum0;
      FloatVector sum2 = sum0;
      FloatVector sum3 = sum0;
      for (int k = 0; k < taps; k++) {
        byte[] row = rows[first + k];
        FloatVector weight = FloatVector.broadcast(FLOATS, w[at + k]);
        sum0 = sum0.add(floats(row, i).mul(weight));
        sum1 = sum1.add(floats(row, i + LANES).mul(weight));
        sum2 = sum2.add(floats(row, i + 2 * LANES).mul(weight));
        sum3 = sum3.add(floats(row, i + 3 * LANES).mul(weight));
      }
      sum0.intoArray(target, i);
      sum1.intoArray(target, i + LANES);
      sum2.intoArray(target, i + 2 * LANES);
      sum3.intoArray(target, i + 3 * LANES);
    }
  }

  /** (JDK 17's own conversion of unsigned bytes fails.) */
  private static FloatVector floats(byte[] row, int i) {
    IntVector signed =
        (IntVector) ByteVector.fromArray(BYTES, row, i).convertShape(VectorOperators.B2I, INTS, 0);
    return (FloatVector) signed.and(UNSIGNED).convert(VectorOperators.I2F, 0);
  }

  @Override
  public void ofFloats(
      float[] target,
      float[][] rows,
      int first,
      int step,
      ResampleWeights weights,
      int output,
      int length) {
    float[] w = weights.weights();
    int at = weights.offset(output);
    int taps = weights.taps(output);
    int end = WeightedSums.roundUp(length);
    Objects.checkFromIndexSize(0, end, target.length);
    for (int k = 0; k < taps; k++) {
      Objects.checkFromIndexSize(0, end, rows[first + k * step].length);
    }
    for (int i = 0; i < end; i += UNROLLED) {
      FloatVector sum0 = FloatVector.zero(FLOATS);
      FloatVector sum1 = sum0;
      FloatVector sum2 = sum0;
      FloatVector sum3 = sum0;
      for (int k = 0; k < taps; k++) {
        float[] row = rows[first + k * step];
        FloatVector weight = FloatVector.broadcast(FLOATS, w[at + k]);
        sum0 = sum0.add(FloatVector.fromArray(FLOATS, row, i).mul(weight));
        sum1 = sum1.add(FloatVector.fromArray(FLOATS, row, i + LANES).mul(weight));
        sum2 = sum2.add(FloatVector.fromArray(FLOATS, row, i + 2 * LANES).mul(weight));
        sum3 = sum3.add(FloatVector.fromArray(FLOATS, row, i + 3 * LANES).mul(weight));
      }
      sum0.intoArray(target, i);
      sum1.intoArray(target, i + LANES);
      sum2.intoArray(target, i + 2 * LANES);
      sum3.intoArray(target, i + 3 * LANES);
    }
  }
}
