package io.phiscale.jobs.run;

import io.phiscale.pipeline.storage.Storage;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import org.apache.hadoop.fs.ChecksumException;

/**
 * The vectors of a checkpoint as a file: little-endian, the eight bytes {@code PHISTATE}, then
 * parameters, optimizer state, moving average and, where it is not empty, the outer optimizer's
 * state, each as int32 length and float32 values.
 */
final class StateFile {
  static final String NAME = "state.bin";

  private static final byte[] MAGIC = "PHISTATE".getBytes(StandardCharsets.US_ASCII);
  private static final int BLOCK_FLOATS = 16_384;
  private static final int BLOCK_BYTES = 1 << 16;

  private StateFile() {}

  /** Bytes of the file of a checkpoint. */
  static long length(CheckpointInfo info) {
    long floats =
        (long) info.parameters() + info.optimizerState() + info.movingAverage() + info.outerState();
    long vectors = info.outerState() == 0 ? 3 : 4;
    return MAGIC.length + vectors * Integer.BYTES + floats * Float.BYTES;
  }

  /**
   * Writes one so that it is there whole or not at all.
   *
   * @return its SHA-256, hex
   */
  static String write(Storage storage, URI file, Checkpoint checkpoint) throws IOException {
    MessageDigest digest = sha256();
    storage.writeAtomically(
        file,
        stream -> {
          DataOutputStream out = new DataOutputStream(new DigestOutputStream(stream, digest));
          out.write(MAGIC);
          write(out, checkpoint.parameters());
          write(out, checkpoint.optimizerState());
          write(out, checkpoint.movingAverage());
          if (checkpoint.outerState().length > 0) {
            write(out, checkpoint.outerState());
          }
          out.flush();
        });
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * Reads one, and checks all of it against what its checkpoint says.
   *
   * @throws DamagedCheckpointException naming the file and what is wrong with it
   */
  static Checkpoint read(Storage storage, URI file, CheckpointInfo info) throws IOException {
    return storage.within("Cannot read", file, () -> readAll(storage, file, info));
  }

  private static Checkpoint readAll(Storage storage, URI file, CheckpointInfo info)
      throws IOException {
    MessageDigest digest = sha256();
    try (InputStream stream = storage.open(file);
        DataInputStream in =
            new DataInputStream(
                new BufferedInputStream(new DigestInputStream(stream, digest), BLOCK_BYTES))) {
      byte[] magic = in.readNBytes(MAGIC.length);
      if (!Arrays.equals(magic, MAGIC)) {
        throw damaged(file, "it does not start with PHISTATE", null);
      }
      float[] parameters = read(in, info.parameters(), "parameters", file);
      float[] optimizerState = read(in, info.optimizerState(), "optimizer state", file);
      float[] movingAverage = read(in, info.movingAverage(), "moving average", file);
      float[] outerState =
          info.outerState() == 0
              ? new float[0]
              : read(in, info.outerState(), "outer optimizer state", file);
      if (in.read() >= 0) {
        throw damaged(file, "bytes after its end", null);
      }
      requireDigest(file, digest, info);
      return new Checkpoint(info, parameters, optimizerState, movingAverage, outerState);
    } catch (FileNotFoundException e) {
      throw damaged(file, "there is no such file", e);
    } catch (ChecksumException e) {
      throw damaged(file, "its bytes were damaged", e);
    } catch (EOFException e) {
      throw damaged(file, "it ends too early", e);
    }
  }

  /**
   * Checks the digest without keeping a value.
   *
   * @throws DamagedCheckpointException naming the file and what is wrong with it
   */
  static void verify(Storage storage, URI file, CheckpointInfo info) throws IOException {
    requireDigest(file, storage.within("Cannot read", file, () -> digest(storage, file)), info);
  }

  private static MessageDigest digest(Storage storage, URI file) throws IOException {
    MessageDigest digest = sha256();
    try (InputStream stream = storage.open(file)) {
      new DigestInputStream(stream, digest).transferTo(OutputStream.nullOutputStream());
    } catch (FileNotFoundException e) {
      throw damaged(file, "there is no such file", e);
    } catch (ChecksumException e) {
      throw damaged(file, "its bytes were damaged", e);
    }
    return digest;
  }

  private static void requireDigest(URI file, MessageDigest digest, CheckpointInfo info)
      throws IOException {
    String found = HexFormat.of().formatHex(digest.digest());
    if (!found.equals(info.stateSha256())) {
      throw damaged(
          file,
          String.format(
              "its SHA-256 is %s, not %s as %s says",
              found, info.stateSha256(), CheckpointStore.INFO),
          null);
    }
  }

  private static DamagedCheckpointException damaged(URI file, String how, Throwable cause) {
    return new DamagedCheckpointException(
        String.format("Cannot read checkpoint %s: %s", file, how), cause);
  }

  private static void write(DataOutputStream out, float[] values) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(BLOCK_FLOATS * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    out.writeInt(Integer.reverseBytes(values.length));
    for (int start = 0; start < values.length; start += BLOCK_FLOATS) {
      int count = Math.min(BLOCK_FLOATS, values.length - start);
      bytes.asFloatBuffer().put(values, start, count);
      out.write(bytes.array(), 0, count * Float.BYTES);
    }
  }

  private static float[] read(DataInputStream in, int expected, String what, URI file)
      throws IOException {
    int length = Integer.reverseBytes(in.readInt());
    if (length != expected) {
      throw damaged(
          file, String.format("%s values of %s, expected %s", length, what, expected), null);
    }
    float[] values = new float[length];
    ByteBuffer bytes =
        ByteBuffer.allocate(BLOCK_FLOATS * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int start = 0; start < length; start += BLOCK_FLOATS) {
      int count = Math.min(BLOCK_FLOATS, length - start);
      in.readFully(bytes.array(), 0, count * Float.BYTES);
      bytes.asFloatBuffer().get(values, start, count);
    }
    return values;
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}
