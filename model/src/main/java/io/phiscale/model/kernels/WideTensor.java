package io.phiscale.model.kernels;

import io.phiscale.model.kernels.OneDnnTeam.Member;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A feature map of (rows, channels) that is kept in memory between two passes over it: as FLOAT, or
 * as bfloat16, which members bring to FLOAT and back piece by piece, in their caches.
 *
 * <p>Rows are numbered through the whole tensor; {@code base} is the row that a member puts at row
 * 0 of its own buffer, which has to hold all rows from there that it asks for.
 */
abstract class WideTensor {

  /**
   * Rows [first, first + count) as FLOATs; row r lies at {@link #at}(r, base) of the result.
   *
   * @param buffer name of the member's buffer, if one is needed
   */
  abstract Floats read(Member member, String buffer, int base, int first, int count);

  /** Makes room in a member's buffer, which loses its contents if it has to grow. */
  abstract void reserve(Member member, String buffer, int rows);

  /** Where FLOATs of these rows are to be written, at {@link #at}, before {@link #write}. */
  abstract Floats target(Member member, String buffer, int base, int first, int count);

  /** Keeps what was written to {@link #target}. */
  abstract void write(Member member, String buffer, int base, int first, int count);

  abstract int at(int row, int base);

  /** FLOATs, which are used where they lie. */
  static final class OfFloats extends WideTensor {
    private final Floats floats;

    OfFloats(Floats floats) {
      this.floats = floats;
    }

    @Override
    Floats read(Member member, String buffer, int base, int first, int count) {
      return floats;
    }

    @Override
    Floats target(Member member, String buffer, int base, int first, int count) {
      return floats;
    }

    @Override
    void write(Member member, String buffer, int base, int first, int count) {}

    @Override
    void reserve(Member member, String buffer, int rows) {}

    @Override
    int at(int row, int base) {
      return row;
    }
  }

  /** Numbers of 16 bits: the upper half of a FLOAT. */
  static final class OfHalves extends WideTensor {
    private final ByteBuffer bytes;
    private final int channels;

    /**
     * @param address of the first value
     */
    OfHalves(long address, long length, int channels) {
      if (length > Integer.MAX_VALUE / Short.BYTES) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid array length: %s (must be <= %s, 2 GiB of bfloat16; use a smaller batch)",
                length, Integer.MAX_VALUE / Short.BYTES));
      }
      this.bytes =
          new Floats.Address()
              .at(address, length * Short.BYTES)
              .asByteBuffer()
              .order(ByteOrder.nativeOrder());
      this.channels = channels;
    }

    @Override
    Floats read(Member member, String buffer, int base, int first, int count) {
      Floats floats = member.buffer(buffer, (long) (first + count - base) * channels);
      member
          .passes()
          .widen(bytes, first * channels, floats, (first - base) * channels, count * channels);
      return floats;
    }

    @Override
    Floats target(Member member, String buffer, int base, int first, int count) {
      return member.buffer(buffer, (long) (first + count - base) * channels);
    }

    @Override
    void write(Member member, String buffer, int base, int first, int count) {
      Floats floats = target(member, buffer, base, first, count);
      member
          .passes()
          .narrow(floats, (first - base) * channels, bytes, first * channels, count * channels);
    }

    @Override
    void reserve(Member member, String buffer, int rows) {
      member.buffer(buffer, (long) rows * channels);
    }

    @Override
    int at(int row, int base) {
      return row - base;
    }
  }
}
