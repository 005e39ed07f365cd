package io.phiscale.jobs.run;

import io.phiscale.pipeline.storage.Storage;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The checkpoints of one run, below {@code RUN/checkpoints}.
 *
 * <pre>
 *   checkpoints/round-00000120/state.bin         parameters, optimizer state, averages
 *   checkpoints/round-00000120/checkpoint.json   what it is, and the digest of state.bin
 *   checkpoints/latest.json                      names the newest whole one, written last
 * </pre>
 *
 * <p>{@code state.bin} is little-endian: the eight bytes {@code PHISTATE}, then parameters,
 * optimizer state, moving average and, where it is not empty, the outer optimizer's state, each as
 * int32 length and float32 values. A checkpoint that no pointer names does not exist for readers.
 */
public final class CheckpointStore {
  private static final String STATE = "state.bin";
  private static final String INFO = "checkpoint.json";
  private static final String POINTER = "latest.json";
  private static final byte[] MAGIC = "PHISTATE".getBytes(StandardCharsets.US_ASCII);
  private static final int BLOCK_FLOATS = 16_384;

  private final Storage storage;
  private final URI run;

  /**
   * @param storage where the run lies
   * @param run the run directory
   */
  public CheckpointStore(Storage storage, URI run) {
    this.storage = storage;
    this.run = run;
  }

  /**
   * The pointer's content.
   *
   * @param checkpoint name of the newest checkpoint's directory
   */
  record Pointer(String checkpoint) {}

  private Path folder() {
    return new Path(new Path(run), "checkpoints");
  }

  private static String name(int round) {
    return String.format("round-%08d", round);
  }

  /** Where the checkpoint after a round lies. */
  public URI location(int round) {
    return new Path(folder(), name(round)).toUri();
  }

  /**
   * Writes a checkpoint, publishes it, then deletes the oldest so that {@code keep} are left.
   *
   * @param info with any digest: the true one is put in its place
   * @throws IOException naming the place; what was published before stays published
   */
  public URI publish(
      CheckpointInfo info,
      float[] parameters,
      float[] optimizerState,
      float[] movingAverage,
      float[] outerState,
      int keep)
      throws IOException {
    URI directory = location(info.progress().round());
    Path path = new Path(directory);
    FileSystem fileSystem = storage.fileSystem(directory);
    fileSystem.mkdirs(path);
    MessageDigest digest = sha256();
    try (OutputStream file = fileSystem.create(new Path(path, STATE), true);
        DataOutputStream out =
            new DataOutputStream(
                new BufferedOutputStream(new DigestOutputStream(file, digest), 1 << 16))) {
      out.write(MAGIC);
      write(out, parameters);
      write(out, optimizerState);
      write(out, movingAverage);
      if (outerState.length > 0) {
        write(out, outerState);
      }
    }
    CheckpointInfo sealed =
        new CheckpointInfo(
            CheckpointInfo.SCHEMA_VERSION,
            info.network(),
            info.identity(),
            info.classNames(),
            info.progress(),
            info.seed(),
            info.manifestDigest(),
            info.configurationDigest(),
            info.origin(),
            parameters.length,
            optimizerState.length,
            movingAverage.length,
            outerState.length,
            HexFormat.of().formatHex(digest.digest()));
    writeText(new Path(path, INFO), Json.pretty(sealed));
    writeText(new Path(folder(), POINTER), Json.pretty(new Pointer(path.getName())));
    prune(fileSystem, keep);
    return directory;
  }

  private void prune(FileSystem fileSystem, int keep) throws IOException {
    List<Path> all = new ArrayList<>();
    for (FileStatus status : fileSystem.listStatus(folder())) {
      if (status.isDirectory() && status.getPath().getName().startsWith("round-")) {
        all.add(status.getPath());
      }
    }
    all.sort(Comparator.comparing(Path::getName));
    for (int i = 0; i < all.size() - keep; i++) {
      fileSystem.delete(all.get(i), true);
    }
  }

  /** The newest published checkpoint, if there is one. */
  public Optional<Checkpoint> latest() throws IOException {
    Path pointer = new Path(folder(), POINTER);
    if (!storage.fileSystem(run).exists(pointer)) {
      return Optional.empty();
    }
    Pointer content = Json.read(storage.readUtf8(pointer.toUri()), Pointer.class, pointer.toUri());
    return Optional.of(read(storage, new Path(folder(), content.checkpoint()).toUri()));
  }

  /**
   * Opens what a user names: a run directory (its newest checkpoint) or one checkpoint's directory.
   *
   * @throws IOException if there is none, or it is damaged; the message names the place
   */
  public static Checkpoint open(Storage storage, URI location) throws IOException {
    Path path = new Path(location);
    FileSystem fileSystem = storage.fileSystem(location);
    if (fileSystem.exists(new Path(path, INFO))) {
      return read(storage, location);
    }
    return new CheckpointStore(storage, location)
        .latest()
        .orElseThrow(
            () ->
                new FileNotFoundException(
                    String.format(
                        "No checkpoint at %s: it has neither %s nor checkpoints/%s"
                            + " (give a run directory that train has written, or one checkpoint)",
                        location, INFO, POINTER)));
  }

  private static Checkpoint read(Storage storage, URI directory) throws IOException {
    Path path = new Path(directory);
    URI infoFile = new Path(path, INFO).toUri();
    CheckpointInfo info = Json.readCheckpointInfo(storage.readUtf8(infoFile), infoFile);
    URI stateFile = new Path(path, STATE).toUri();
    MessageDigest digest = sha256();
    try (InputStream file = storage.open(stateFile);
        DataInputStream in =
            new DataInputStream(
                new BufferedInputStream(new DigestInputStream(file, digest), 1 << 16))) {
      byte[] magic = in.readNBytes(MAGIC.length);
      if (!Arrays.equals(magic, MAGIC)) {
        throw new IOException(
            String.format("Cannot read checkpoint %s: it does not start with PHISTATE", stateFile));
      }
      float[] parameters = read(in, info.parameters(), "parameters", stateFile);
      float[] optimizerState = read(in, info.optimizerState(), "optimizer state", stateFile);
      float[] movingAverage = read(in, info.movingAverage(), "moving average", stateFile);
      float[] outerState =
          info.outerState() == 0
              ? new float[0]
              : read(in, info.outerState(), "outer optimizer state", stateFile);
      if (in.read() >= 0) {
        throw new IOException(
            String.format("Cannot read checkpoint %s: bytes after its end", stateFile));
      }
      String found = HexFormat.of().formatHex(digest.digest());
      if (!found.equals(info.stateSha256())) {
        throw new IOException(
            String.format(
                "Cannot read checkpoint %s: its SHA-256 is %s, not %s as %s says",
                stateFile, found, info.stateSha256(), INFO));
      }
      return new Checkpoint(info, parameters, optimizerState, movingAverage, outerState);
    } catch (ChecksumException e) {
      throw new IOException(
          String.format("Cannot read checkpoint %s: its bytes were damaged", stateFile), e);
    } catch (EOFException e) {
      throw new IOException(
          String.format("Cannot read checkpoint %s: it ends too early", stateFile), e);
    }
  }

  private void writeText(Path file, String text) throws IOException {
    storage.writeAtomically(file.toUri(), text.getBytes(StandardCharsets.UTF_8));
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
      throw new IOException(
          String.format(
              "Cannot read checkpoint %s: %s values of %s, expected %s",
              file, length, what, expected));
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

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}
