package io.phiscale.jobs.run;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A training run's directory.
 *
 * <pre>
 *   run.json                    provenance and effective configuration
 *   metrics/round-00000001.jsonl  one line a round, one file per checkpoint, named by its first round
 *   checkpoints/                see {@link CheckpointStore}
 * </pre>
 *
 * <p>Metrics are written in whole files because object stores cannot append; a file is written
 * before the checkpoint that covers it, and rounds after the last checkpoint are written again,
 * under the same name, by the run that resumes.
 */
public final class RunDirectory {
  private static final String RUN = "run.json";

  private final Storage storage;
  private final URI root;

  /**
   * @param storage where it lies
   * @param root its URI
   */
  public RunDirectory(Storage storage, URI root) {
    this.storage = storage;
    this.root = root;
  }

  /** Its URI. */
  public URI root() {
    return root;
  }

  /** Its checkpoints. */
  public CheckpointStore checkpoints() {
    return new CheckpointStore(storage, root);
  }

  /** What an earlier start of this run recorded. */
  public Optional<Provenance> provenance() throws IOException {
    Path file = new Path(new Path(root), RUN);
    if (!storage.fileSystem(root).exists(file)) {
      return Optional.empty();
    }
    return Optional.of(Json.read(storage.readUtf8(file.toUri()), Provenance.class, file.toUri()));
  }

  /** Records how this run was started. */
  public void record(Provenance provenance) throws IOException {
    write(new Path(new Path(root), RUN), Json.pretty(provenance));
  }

  /**
   * Writes the rounds since the last checkpoint; nothing if there are none. Files of later rounds,
   * which an attempt left that was not continued, are deleted.
   */
  public void append(List<RoundMetrics> rounds) throws IOException {
    if (rounds.isEmpty()) {
      return;
    }
    String name = String.format("round-%08d.jsonl", rounds.get(0).round());
    for (Path file : metricsFiles()) {
      if (file.getName().compareTo(name) > 0) {
        storage.fileSystem(root).delete(file, false);
      }
    }
    StringBuilder lines = new StringBuilder();
    for (RoundMetrics round : rounds) {
      lines.append(Json.line(round)).append('\n');
    }
    write(new Path(metrics(), name), lines.toString());
  }

  /**
   * The metrics of all rounds up to one, in order.
   *
   * @param lastRound rounds after it belong to no checkpoint and are left out
   */
  public List<RoundMetrics> metrics(int lastRound) throws IOException {
    List<RoundMetrics> rounds = new ArrayList<>();
    for (Path file : metricsFiles()) {
      for (String line : storage.readUtf8(file.toUri()).split("\n", -1)) {
        if (line.isEmpty()) {
          continue;
        }
        RoundMetrics round = Json.read(line, RoundMetrics.class, file.toUri());
        if (round.round() <= lastRound) {
          rounds.add(round);
        }
      }
    }
    return rounds;
  }

  private List<Path> metricsFiles() throws IOException {
    FileSystem fileSystem = storage.fileSystem(root);
    List<Path> files = new ArrayList<>();
    if (fileSystem.exists(metrics())) {
      for (FileStatus status : fileSystem.listStatus(metrics())) {
        if (status.getPath().getName().endsWith(".jsonl")) {
          files.add(status.getPath());
        }
      }
    }
    files.sort(null);
    return files;
  }

  private Path metrics() {
    return new Path(new Path(root), "metrics");
  }

  private void write(Path file, String text) throws IOException {
    storage.writeAtomically(file.toUri(), text.getBytes(StandardCharsets.UTF_8));
  }
}
