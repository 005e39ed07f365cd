package io.phiscale.model.weights;

import java.nio.ByteBuffer;

/** Type of a stored tensor's elements, little-endian. The names are those of safetensors. */
public enum ElementType {
  F64(8),
  F32(4),
  F16(2),
  BF16(2),
  I64(8),
  I32(4),
  I16(2),
  I8(1),
  U8(1),
  BOOL(1);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether elements are floating-point numbers. */
  public boolean floating() {
    return this == F64 || this == F32 || this == F16 || this == BF16;
  }

  /** One element as float32, rounded where the type is {@link #F64}. */
  float floatAt(ByteBuffer buffer, int index) {
    return switch (this) {
      case F64 -> (float) buffer.getDouble(index * Double.BYTES);
      case F32 -> buffer.getFloat(index * Float.BYTES);
      case F16 -> halfToFloat(buffer.getShort(index * Short.BYTES));
      case BF16 -> Float.intBitsToFloat(buffer.getShort(index * Short.BYTES) << 16);
      case I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalArgumentException(
              String.format(
                  "Invalid element type of a weight: %s (must be F64, F32, F16 or BF16)", this));
    };
  }

  /** IEEE 754 binary16 to binary32, exactly. */
  private static float halfToFloat(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = half >> 10 & 0x1f;
    int fraction = half & 0x3ff;
    if (exponent == 0) {
      float magnitude = fraction * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    int wide = exponent == 0x1f ? 0xff : exponent + 112;
    return Float.intBitsToFloat(sign | wide << 23 | fraction << 13);
  }
}
