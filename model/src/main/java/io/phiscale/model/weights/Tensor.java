package io.phiscale.model.weights;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * An array as a file holds it: little-endian, c-order, dense. Read-only.
 *
 * <p>A class, not a record, as buffers have no value semantics.
 */
public final class Tensor {
  private final ElementType type;
  private final List<Integer> shape;
  private final ByteBuffer bytes;

  /**
   * @param shape sizes, each >= 0; empty for a scalar
   * @param bytes the elements, from its position to its limit; shared, not copied
   * @throws IllegalArgumentException if the two do not agree
   */
  public Tensor(ElementType type, List<Integer> shape, ByteBuffer bytes) {
    this.type = type;
    this.shape = List.copyOf(shape);
    this.bytes = bytes.slice().asReadOnlyBuffer();
    long wanted = elements(this.shape) * type.bytes();
    if (wanted != bytes.remaining()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid tensor: %s bytes (must be %s for %s %s)",
              bytes.remaining(), wanted, type, shape));
    }
  }

  /** A float32 tensor of a copy of the values. */
  public static Tensor of(List<Integer> shape, float... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return new Tensor(ElementType.F32, shape, bytes);
  }

  /**
   * Product of the sizes.
   *
   * @throws IllegalArgumentException if a size is negative or the product exceeds 2^31 − 1
   */
  static long elements(List<Integer> shape) {
    long product = 1;
    for (int size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException(
            String.format("Invalid shape: %s (sizes must be >= 0)", shape));
      }
      product *= size;
      if (product > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            String.format("Invalid shape: %s (must have less than 2^31 elements)", shape));
      }
    }
    return product;
  }

  /** Type of the elements. */
  public ElementType type() {
    return type;
  }

  /** Sizes; empty for a scalar. */
  public List<Integer> shape() {
    return shape;
  }

  /** The elements, from position 0, little-endian, read-only. */
  public ByteBuffer bytes() {
    return bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * The elements as float32, in c-order.
   *
   * @throws IllegalArgumentException if they are not floating-point numbers
   */
  public float[] floats() {
    ByteBuffer source = bytes();
    float[] values = new float[source.remaining() / type.bytes()];
    for (int i = 0; i < values.length; i++) {
      values[i] = type.floatAt(source, i);
    }
    return values;
  }
}
