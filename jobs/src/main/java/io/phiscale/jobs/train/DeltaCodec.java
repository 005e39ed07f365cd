package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Number formats of deltas on the wire, little-endian, for runs of values that begin at a multiple
 * of {@value #BLOCK} of the vector that is sent, so that what a value becomes does not depend on
 * how the vector is sliced. Every conversion rounds to nearest, ties to even; values are finite,
 * and saturate at 2^127.
 *
 * <ul>
 *   <li>{@code bf16}: 2 bytes a value, 8 significant bits; |error| &lt;= 2^-8 |v|.
 *   <li>{@code fp16}: 2 bytes a value and 2 a block, 11 significant bits. A block is scaled by the
 *       power of two that brings its largest value into [2^14, 2^15): nothing overflows, and
 *       |error| &lt;= max(2^-11 |v|, 2^-39 max|block|).
 *   <li>{@code int8}: 1 byte a value and 4 a block, {@code v = q max|block| / 127}; |error| &lt;=
 *       max|block| / 254. Too coarse to be used without compensation: see {@link #residual}.
 * </ul>
 */
final class DeltaCodec {
  /** Values that share a scale. */
  static final int BLOCK = 256;

  /** Beyond it a rounded value could be infinite; a delta that large means divergence anyway. */
  private static final float LARGEST = 0x1p127f;

  private static final float INT8_STEPS = 127;

  private DeltaCodec() {}

  /** Bytes of some values, of which all blocks but the last are full. */
  static int bytes(Wire wire, int count) {
    int blocks = (count + BLOCK - 1) / BLOCK;
    return switch (wire) {
      case FP32 -> count * Float.BYTES;
      case BF16 -> count * Short.BYTES;
      case FP16 -> (count + blocks) * Short.BYTES;
      case INT8 -> count + blocks * Float.BYTES;
    };
  }

  /** Encodes {@code values[from, to)}. */
  static byte[] encode(Wire wire, float[] values, int from, int to) {
    byte[] bytes = new byte[bytes(wire, to - from)];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int start = from; start < to; start += BLOCK) {
      int end = Math.min(to, start + BLOCK);
      switch (wire) {
        case FP32 -> {
          for (int i = start; i < end; i++) {
            out.putFloat(values[i]);
          }
        }
        case BF16 -> {
          for (int i = start; i < end; i++) {
            out.putShort(toBfloat16(bounded(values[i])));
          }
        }
        case FP16 -> {
          float largest = largest(values, start, end);
          int exponent = largest == 0 ? 0 : 14 - Math.getExponent(largest);
          out.putShort((short) exponent);
          for (int i = start; i < end; i++) {
            out.putShort(toFloat16(Math.scalb(bounded(values[i]), exponent)));
          }
        }
        case INT8 -> {
          float scale = largest(values, start, end) / INT8_STEPS;
          out.putFloat(scale);
          for (int i = start; i < end; i++) {
            double steps = scale == 0 ? 0 : Math.rint((double) bounded(values[i]) / scale);
            out.put((byte) Math.max(-INT8_STEPS, Math.min(INT8_STEPS, steps)));
          }
        }
      }
    }
    return bytes;
  }

  /** Decodes all of {@code bytes} to {@code values[from, to)}. */
  static void decode(Wire wire, byte[] bytes, float[] values, int from, int to) {
    if (bytes.length != bytes(wire, to - from)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid encoded deltas: %s bytes (must be %s for %s values)",
              bytes.length, bytes(wire, to - from), to - from));
    }
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int start = from; start < to; start += BLOCK) {
      int end = Math.min(to, start + BLOCK);
      switch (wire) {
        case FP32 -> {
          for (int i = start; i < end; i++) {
            values[i] = in.getFloat();
          }
        }
        case BF16 -> {
          for (int i = start; i < end; i++) {
            values[i] = Float.intBitsToFloat(in.getShort() << 16);
          }
        }
        case FP16 -> {
          int exponent = in.getShort();
          for (int i = start; i < end; i++) {
            values[i] = Math.scalb(fromFloat16(in.getShort()), -exponent);
          }
        }
        case INT8 -> {
          float scale = in.getFloat();
          for (int i = start; i < end; i++) {
            values[i] = in.get() * scale;
          }
        }
      }
    }
  }

  /**
   * Error compensation (Seide et al. 2014; Karimireddy et al. 2019, arXiv 1901.09847): what was to
   * be sent less what was. Added to the next delta of the same worker, it is sent in the end.
   *
   * @param values what was to be sent; overwritten by the residual
   * @param bytes what was sent of {@code values[from, to)}
   */
  static void residual(Wire wire, float[] values, byte[] bytes, int from, int to) {
    float[] sent = new float[to - from];
    decode(wire, bytes, sent, 0, sent.length);
    for (int i = 0; i < sent.length; i++) {
      values[from + i] -= sent[i];
    }
  }

  private static float bounded(float value) {
    return Math.max(-LARGEST, Math.min(LARGEST, value));
  }

  private static float largest(float[] values, int from, int to) {
    float largest = 0;
    for (int i = from; i < to; i++) {
      largest = Math.max(largest, Math.abs(bounded(values[i])));
    }
    return largest;
  }

  /** Of a value within 2^127. */
  static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  /** Of a finite value; beyond the largest binary16, 65504, that is the result. */
  static short toFloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7FFF_FFFF;
    if (magnitude < 0x3880_0000) {
      // Below 2^-14: a multiple of 2^-24. The product is exact.
      return (short) (sign | (int) Math.rint(Float.intBitsToFloat(magnitude) * 0x1p24f));
    }
    int rounded = magnitude + 0xFFF + ((magnitude >>> 13) & 1);
    return (short) (sign | Math.min(0x7BFF, (rounded >>> 13) - (112 << 10)));
  }

  /** Of a finite binary16. */
  static float fromFloat16(short half) {
    int magnitude = half & 0x7FFF;
    float value =
        magnitude < 0x400
            ? magnitude * 0x1p-24f
            : Float.intBitsToFloat((magnitude << 13) + (112 << 23));
    return (half & 0x8000) == 0 ? value : -value;
  }
}
