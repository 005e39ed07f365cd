package io.phiscale.jobs.train;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;

/**
 * What one worker takes from one round to the next on its own account. The arrays are not copied:
 * read-only by convention.
 *
 * <p>File: the eight bytes {@code PHIWORK1}, int64 steps, two vectors as {@link FloatVector} writes
 * them, int64 CRC-32 of all before it.
 */
final class WorkerMemory {
  private static final byte[] MAGIC = "PHIWORK1".getBytes(StandardCharsets.US_ASCII);

  private final long steps;
  private final float[] optimizerState;
  private final float[] residual;

  /**
   * @param steps local steps since the optimizer's state was new
   * @param optimizerState slot after slot; empty where it is not kept
   * @param residual what is still to be sent, in the wire's order; empty where nothing is held back
   */
  WorkerMemory(long steps, float[] optimizerState, float[] residual) {
    this.steps = steps;
    this.optimizerState = optimizerState;
    this.residual = residual;
  }

  long steps() {
    return steps;
  }

  float[] optimizerState() {
    return optimizerState;
  }

  float[] residual() {
    return residual;
  }

  /** Writes it; the same bytes for the same values. */
  void write(OutputStream stream) throws IOException {
    CRC32 checksum = new CRC32();
    DataOutputStream out = new DataOutputStream(new CheckedOutputStream(stream, checksum));
    out.write(MAGIC);
    out.writeLong(steps);
    FloatVector.write(out, optimizerState);
    FloatVector.write(out, residual);
    out.writeLong(checksum.getValue());
  }

  /**
   * Reads it back.
   *
   * @param file named in messages
   * @throws IOException if it was damaged
   */
  static WorkerMemory read(InputStream stream, URI file) throws IOException {
    CRC32 checksum = new CRC32();
    DataInputStream in = new DataInputStream(new CheckedInputStream(stream, checksum));
    try {
      if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) {
        throw new IOException(
            String.format("Cannot read worker memory %s: it does not start with PHIWORK1", file));
      }
      WorkerMemory memory =
          new WorkerMemory(in.readLong(), FloatVector.read(in), FloatVector.read(in));
      long computed = checksum.getValue();
      if (in.readLong() != computed) {
        throw new IOException(
            String.format("Cannot read worker memory %s: its bytes were damaged", file));
      }
      return memory;
    } catch (EOFException e) {
      throw new IOException(
          String.format("Cannot read worker memory %s: it ends too early", file), e);
    }
  }
}
