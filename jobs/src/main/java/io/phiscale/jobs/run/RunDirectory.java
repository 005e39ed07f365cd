package io.phiscale.jobs.run;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/**
 * A training run's directory.
 *
 * <pre>
 *   run.json                    provenance and effective configuration
 *   metrics/round-00000001.jsonl  one line a round, one file per checkpoint, named by its first round
 *   skipped/round-00000001.jsonl  images that are damaged in the shards and were left out, see
 *                               {@link SkippedImages}; no file where there were none
 *   tensorboard/events.out.tfevents.round-00000001  the same rounds, see {@link EventFile}
 *   checkpoints/                see {@link CheckpointStore}
 * </pre>
 *
 * <p>Metrics are written in whole files because object stores cannot append; a file is written
 * before the checkpoint that covers it, and rounds after the last checkpoint are written again,
 * under the same name, by the run that resumes. Event files are written from the metrics once a
 * checkpoint covers them, and never again.
 */
public final class RunDirectory {
  private static final String RUN = "run.json";
  private static final Pattern NAMED_BY_ROUND =
      Pattern.compile("(?:events\\.out\\.tfevents\\.)?round-(\\d{1,9})(?:\\.jsonl|\\.minival)?");

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
    if (!storage.exists(file.toUri())) {
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
    for (Path file : files(metrics())) {
      if (file.getName().compareTo(name) > 0) {
        storage.delete(file.toUri());
      }
    }
    StringBuilder lines = new StringBuilder();
    for (RoundMetrics round : rounds) {
      lines.append(Json.line(round)).append('\n');
    }
    write(new Path(metrics(), name), lines.toString());
  }

  /**
   * Writes what the rounds since the last checkpoint left out; nothing if that is nothing.
   *
   * @param firstRound the first of these rounds
   */
  public void appendSkipped(int firstRound, List<SkippedImages> skipped) throws IOException {
    if (skipped.isEmpty()) {
      return;
    }
    StringBuilder lines = new StringBuilder();
    for (SkippedImages entry : skipped) {
      lines.append(Json.line(entry)).append('\n');
    }
    write(
        new Path(skippedFolder().toString(), String.format("round-%08d.jsonl", firstRound)),
        lines.toString());
  }

  /**
   * What all rounds up to one left out, in order.
   *
   * @param lastRound rounds after it belong to no checkpoint and are left out
   */
  public List<SkippedImages> skipped(int lastRound) throws IOException {
    List<SkippedImages> skipped = new ArrayList<>();
    for (Path file : files(new Path(skippedFolder()))) {
      for (String line : storage.readUtf8(file.toUri()).split("\n", -1)) {
        if (!line.isEmpty()) {
          SkippedImages entry = Json.read(line, SkippedImages.class, file.toUri());
          if (entry.round() <= lastRound) {
            skipped.add(entry);
          }
        }
      }
    }
    return skipped;
  }

  /** Where {@link #appendSkipped} writes. */
  public URI skippedFolder() {
    return new Path(new Path(root), "skipped").toUri();
  }

  /**
   * The metrics of all rounds up to one, in order.
   *
   * @param lastRound rounds after it belong to no checkpoint and are left out
   */
  public List<RoundMetrics> metrics(int lastRound) throws IOException {
    List<RoundMetrics> rounds = new ArrayList<>();
    for (Path file : files(metrics())) {
      for (RoundMetrics round : read(file)) {
        if (round.round() <= lastRound) {
          rounds.add(round);
        }
      }
    }
    return rounds;
  }

  /**
   * Writes the event files that are missing, of rounds up to one: of those since the last call, and
   * of all before where none were written.
   *
   * @param lastRound the last that a checkpoint covers
   */
  public void writeEvents(int lastRound) throws IOException {
    Set<Integer> written = new HashSet<>();
    for (Path file : files(events())) {
      if (!file.getName().endsWith(EventFile.MINIVAL)) {
        written.add(firstRound(file));
      }
    }
    for (Path file : files(metrics())) {
      int first = firstRound(file);
      if (first <= lastRound && !written.contains(first)) {
        List<RoundMetrics> rounds =
            read(file).stream().filter(round -> round.round() <= lastRound).toList();
        storage.writeAtomically(
            new Path(events(), EventFile.name(first)).toUri(), EventFile.of(rounds));
      }
    }
  }

  /**
   * Writes an event file with the score of a checkpoint.
   *
   * @param round the checkpoint's; its metrics have been written
   */
  public void writeEvent(MinivalScore score, int round) throws IOException {
    List<Path> before =
        files(metrics()).stream().filter(file -> firstRound(file) <= round).toList();
    for (RoundMetrics last :
        before.isEmpty() ? List.<RoundMetrics>of() : read(before.get(before.size() - 1))) {
      if (last.round() == round) {
        storage.writeAtomically(
            new Path(events(), EventFile.name(round) + EventFile.MINIVAL).toUri(),
            EventFile.of(score, last));
      }
    }
  }

  /**
   * Deletes metrics, events and lists of skipped images of rounds that will be trained again.
   *
   * @param lastRound the last that stays, where a checkpoint was written
   */
  public void forgetAfter(int lastRound) throws IOException {
    List<Path> all = new ArrayList<>(files(metrics()));
    all.addAll(files(events()));
    all.addAll(files(new Path(skippedFolder())));
    for (Path file : all) {
      if (firstRound(file) > lastRound) {
        storage.delete(file.toUri());
      }
    }
  }

  private List<RoundMetrics> read(Path file) throws IOException {
    List<RoundMetrics> rounds = new ArrayList<>();
    for (String line : storage.readUtf8(file.toUri()).split("\n", -1)) {
      if (!line.isEmpty()) {
        rounds.add(Json.readRoundMetrics(line, file.toUri()));
      }
    }
    return rounds;
  }

  /** The files of a folder that are named by a round, in its order. */
  private List<Path> files(Path folder) throws IOException {
    List<Path> files = new ArrayList<>();
    for (FileStatus status : storage.list(folder.toUri())) {
      if (NAMED_BY_ROUND.matcher(status.getPath().getName()).matches()) {
        files.add(status.getPath());
      }
    }
    files.sort(Comparator.comparingInt(RunDirectory::firstRound));
    return files;
  }

  private static int firstRound(Path file) {
    Matcher name = NAMED_BY_ROUND.matcher(file.getName());
    if (!name.matches()) {
      throw new IllegalArgumentException("Invalid name of a file of rounds: " + file);
    }
    return Integer.parseInt(name.group(1));
  }

  private Path metrics() {
    return new Path(new Path(root), "metrics");
  }

  private Path events() {
    return new Path(new Path(root), "tensorboard");
  }

  private void write(Path file, String text) throws IOException {
    storage.writeAtomically(file.toUri(), text.getBytes(StandardCharsets.UTF_8));
  }
}
