package io.phiscale.model.kernels;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Functions of vectors of FLOATs, in the widest vectors of the machine. */
final class VectorMath {

  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  static final int LANES = SPECIES.length();
  static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private static final float LOG2_OF_E = 1.442695f;

  /** Added and subtracted, rounds to an integer, which is then in the low bits: 1.5 · 2^23. */
  private static final float ROUNDING = 12582912f;

  /** ln 2 as a short number plus a small one, so that n · ln 2 keeps its low bits. */
  private static final float LN2_HIGH = 0.6933594f;

  private static final float LN2_LOW = -2.1219444e-4f;

  private VectorMath() {}

  static FloatVector load(ByteBuffer bytes, int at) {
    return FloatVector.fromByteBuffer(SPECIES, bytes, at, ORDER);
  }

  /**
   * e^x for x in [-87, 88], clamped there; NaN gives some number. Relative error about 2 units in
   * the last place.
   *
   * <p>The Vector API's own EXP is a call that spills every register: 1.5 times slower in a pass.
   *
   * <p>Source of the polynomial: Cephes {@code expf.c} (S. Moshier).
   */
  static FloatVector exp(FloatVector exponent) {
    FloatVector x = exponent.max(-87f).min(88f);
    FloatVector rounded =
        x.fma(FloatVector.broadcast(SPECIES, LOG2_OF_E), FloatVector.broadcast(SPECIES, ROUNDING));
    FloatVector n = rounded.sub(ROUNDING);
    FloatVector r = n.fma(FloatVector.broadcast(SPECIES, -LN2_HIGH), x);
    r = n.fma(FloatVector.broadcast(SPECIES, -LN2_LOW), r);
    FloatVector p =
        r.fma(
            FloatVector.broadcast(SPECIES, 1.9875691e-4f),
            FloatVector.broadcast(SPECIES, 1.3981999e-3f));
    p = p.fma(r, FloatVector.broadcast(SPECIES, 8.333452e-3f));
    p = p.fma(r, FloatVector.broadcast(SPECIES, 4.1665796e-2f));
    p = p.fma(r, FloatVector.broadcast(SPECIES, 1.6666666e-1f));
    p = p.fma(r, FloatVector.broadcast(SPECIES, 5.0000000e-1f));
    p = p.fma(r.mul(r), r).add(1f);
    IntVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
    return p.reinterpretAsInts().add(power).reinterpretAsFloats();
  }

  static FloatVector sigmoid(FloatVector z) {
    return FloatVector.broadcast(SPECIES, 1f).div(exp(z.neg()).add(1f));
  }

  /** z · sigmoid(z). NaN stays NaN. */
  static FloatVector swish(FloatVector z) {
    return z.div(exp(z.neg()).add(1f));
  }

  /** d(z · sigmoid(z))/dz = s · (1 + z · (1 − s)). NaN stays NaN. */
  static FloatVector swishSlope(FloatVector z) {
    return swishSlope(z, sigmoid(z));
  }

  /** {@link #swishSlope(FloatVector)} where s = sigmoid(z) is known. */
  static FloatVector swishSlope(FloatVector z, FloatVector s) {
    FloatVector inner = z.neg().fma(s, z);
    return s.fma(inner, s);
  }
}
