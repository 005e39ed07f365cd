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
  private static final int PIXEL = ImageResampler.CHANNELS * COLUMN;
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
  public void ofColumns(
      float[] target, float[] columns, ResampleWeights weights, Mirroring mirroring) {
    int outputs = weights.outputs();
    for (int x = 0; x < outputs; x++) {
      int to = (mirroring == Mirroring.HORIZONTAL ? outputs - 1 - x : x) * PIXEL;
      int from = weights.first(x) * PIXEL;
      for (int y = 0; y < COLUMN; y += 2 * LANES) {
        pixels(
            target,
            to + y,
            columns,
            from + y,
            weights.weights(),
            weights.offset(x),
            weights.taps(x));
      }
    }
  }

  private static void pixels(
      float[] target, int to, float[] columns, int from, float[] weights, int at, int taps) {
    Objects.checkFromIndexSize(to, 2 * COLUMN + 2 * LANES, target.length);
    Objects.checkFromIndexSize(from, (taps - 1) * PIXEL + 2 * COLUMN + 2 * LANES, columns.length);
    FloatVector red0 = FloatVector.zero(FLOATS);
    FloatVector red1 = red0;
    FloatVector green0 = red0;
    FloatVector green1 = red0;
    FloatVector blue0 = red0;
    FloatVector blue1 = red0;
    int i = from;
    for (int k = at; k < at + taps; k++) {
      FloatVector weight = FloatVector.broadcast(FLOATS, weights[k]);
      red0 = red0.add(FloatVector.fromArray(FLOATS, columns, i).mul(weight));
      red1 = red1.add(FloatVector.fromArray(FLOATS, columns, i + LANES).mul(weight));
      green0 = green0.add(FloatVector.fromArray(FLOATS, columns, i + COLUMN).mul(weight));
      green1 = green1.add(FloatVector.fromArray(FLOATS, columns, i + COLUMN + LANES).mul(weight));
      blue0 = blue0.add(FloatVector.fromArray(FLOATS, columns, i + 2 * COLUMN).mul(weight));
      blue1 = blue1.add(FloatVector.fromArray(FLOATS, columns, i + 2 * COLUMN + LANES).mul(weight));
      i += PIXEL;
    }
    red0.intoArray(target, to);
    red1.intoArray(target, to + LANES);
    green0.intoArray(target, to + COLUMN);
    green1.intoArray(target, to + COLUMN + LANES);
    blue0.intoArray(target, to + 2 * COLUMN);
    blue1.intoArray(target, to + 2 * COLUMN + LANES);
  }
}
