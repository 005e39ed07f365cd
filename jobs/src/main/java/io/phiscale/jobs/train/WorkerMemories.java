package io.phiscale.jobs.train;

import io.phiscale.pipeline.storage.Storage;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.lang.ref.SoftReference;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/**
 * The workers' memories, on the run's storage: {@code RUN/workers/round-00000120/worker-1-of-4.bin}
 * is what worker 1 of 4 takes out of round 120.
 *
 * <p>A worker reads the memory of the round before and writes that of its round, so it stays a pure
 * function: a retry, a speculative twin or the resumed run reads the same and writes the same
 * bytes, each file whole or not at all. What a JVM has written it need not read again.
 */
final class WorkerMemories implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final Pattern ROUND = Pattern.compile("round-(\\d{8,})");
  private static final Pattern WORKER = Pattern.compile("worker-(\\d+)-of-(\\d+)\\.bin");
  private static final Map<Integer, Recent> RECENT = new ConcurrentHashMap<>();

  private final Storage storage;
  private final URI run;
  private final String attempt;

  /** The last memory of a worker that was in this JVM, unless memory became short. */
  private record Recent(URI file, String attempt, SoftReference<WorkerMemory> memory) {}

  /**
   * @param storage where the run lies
   * @param run the run directory
   * @param attempt unique to this start of the run: memories of another are read from files
   */
  WorkerMemories(Storage storage, URI run, String attempt) {
    this.storage = storage;
    this.run = run;
    this.attempt = attempt;
  }

  private Path folder() {
    return new Path(new Path(run), "workers");
  }

  private Path folder(int round) {
    return new Path(folder(), String.format("round-%08d", round));
  }

  /** Where a memory lies. */
  URI file(int round, int worker, int workers) {
    return new Path(folder(round), String.format("worker-%s-of-%s.bin", worker, workers)).toUri();
  }

  /**
   * What a worker took out of a round.
   *
   * @param workers how many there were in that round
   * @throws IOException if it cannot be read; the message names the file
   */
  WorkerMemory recall(int round, int worker, int workers) throws IOException {
    URI file = file(round, worker, workers);
    Recent recent = RECENT.get(worker);
    if (recent != null && recent.attempt().equals(attempt) && recent.file().equals(file)) {
      WorkerMemory memory = recent.memory().get();
      if (memory != null) {
        return memory;
      }
    }
    try (InputStream in = new BufferedInputStream(storage.open(file), 1 << 16)) {
      return WorkerMemory.read(in, file);
    }
  }

  /** Keeps what a worker takes out of a round; in place of an equal one where it is a retry. */
  void remember(int round, int worker, int workers, WorkerMemory memory) throws IOException {
    URI file = file(round, worker, workers);
    storage.writeAtomically(file, memory::write);
    RECENT.put(worker, new Recent(file, attempt, new SoftReference<>(memory)));
  }

  /**
   * How many workers took something out of a round.
   *
   * @throws IOException if not all of them are there: the run could not go on as it would have
   */
  int workers(int round) throws IOException {
    List<Integer> totals = new ArrayList<>();
    for (FileStatus status : storage.list(folder(round).toUri())) {
      Matcher name = WORKER.matcher(status.getPath().getName());
      if (name.matches()) {
        totals.add(Integer.valueOf(name.group(2)));
      }
    }
    if (totals.isEmpty() || totals.stream().anyMatch(total -> total != totals.size())) {
      throw new IOException(
          String.format(
              "Cannot resume from round %s: %s has %s files of workers' memories, which"
                  + " train.averaging.optimizer-state = keep and wire = int8 need (must be one of"
                  + " every worker of that round); to start anew from its weights set"
                  + " train.initial-weights to the checkpoint, and train.output to another folder",
              round, folder(round), totals.size()));
    }
    return totals.size();
  }

  /** The rounds of which there are memories. */
  List<Integer> rounds() throws IOException {
    List<Integer> rounds = new ArrayList<>();
    for (FileStatus status : storage.list(folder().toUri())) {
      Matcher name = ROUND.matcher(status.getPath().getName());
      if (name.matches()) {
        rounds.add(Integer.valueOf(name.group(1)));
      }
    }
    return rounds;
  }

  /** Deletes the memories of a round. */
  void forget(int round) throws IOException {
    storage.delete(folder(round).toUri());
  }
}
