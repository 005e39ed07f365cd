package io.phiscale.jobs.train;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.Externalizable;
import java.io.IOException;
import java.io.ObjectInput;
import java.io.ObjectOutput;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A flat vector of float32 values on its way through Spark (broadcast, shuffle, collect).
 *
 * <p>Wraps the array it is given without copying: whoever ships a vector must not write to it any
 * more, and whoever receives one must treat it as read-only (in local mode all tasks share it).
 * Serialised as little-endian bytes in blocks, several times faster than Java's element-wise array
 * serialisation.
 */
public final class FloatVector implements Externalizable {
  private static final long serialVersionUID = 1L;
  private static final int BLOCK_FLOATS = 16_384;

  private float[] values;

  /** For deserialisation only. */
  public FloatVector() {
    this(new float[0]);
  }

  /**
   * @param values the values; not copied
   */
  public FloatVector(float[] values) {
    this.values = values;
  }

  /** Number of values. */
  public int length() {
    return values.length;
  }

  /** The values themselves, not a copy: read-only by convention. */
  public float[] values() {
    return values;
  }

  @Override
  public void writeExternal(ObjectOutput out) throws IOException {
    write(out, values);
  }

  @Override
  public void readExternal(ObjectInput in) throws IOException {
    values = read(in);
  }

  /** Writes the length, int32, and the values. */
  static void write(DataOutput out, float[] values) throws IOException {
    out.writeInt(values.length);
    byte[] block = new byte[Math.min(BLOCK_FLOATS, values.length) * Float.BYTES];
    ByteBuffer bytes = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
    for (int start = 0; start < values.length; start += BLOCK_FLOATS) {
      int count = Math.min(BLOCK_FLOATS, values.length - start);
      bytes.asFloatBuffer().put(values, start, count);
      out.write(block, 0, count * Float.BYTES);
    }
  }

  /** Reads what {@link #write} wrote. */
  static float[] read(DataInput in) throws IOException {
    float[] values = new float[in.readInt()];
    byte[] block = new byte[Math.min(BLOCK_FLOATS, values.length) * Float.BYTES];
    ByteBuffer bytes = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
    for (int start = 0; start < values.length; start += BLOCK_FLOATS) {
      int count = Math.min(BLOCK_FLOATS, values.length - start);
      in.readFully(block, 0, count * Float.BYTES);
      bytes.asFloatBuffer().get(values, start, count);
    }
    return values;
  }
}
