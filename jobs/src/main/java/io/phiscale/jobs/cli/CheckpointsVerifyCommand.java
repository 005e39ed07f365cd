package io.phiscale.jobs.cli;

import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.DamagedCheckpointException;
import io.phiscale.jobs.run.StoredCheckpoint;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code phiscale checkpoints verify}. */
@Command(
    name = "verify",
    header = "Read every checkpoint of a run and compare all digests.",
    description = {
      "Checkpoints are read in parallel. What is damaged is named, with the reason, and makes the",
      "exit code 1; so does a pointer (latest.json, best.json) that cannot be followed."
    },
    footer = {"%nExample:", "  phiscale checkpoints verify runs/cifar10/train"})
final class CheckpointsVerifyCommand extends CheckpointsSubcommand {
  @Parameters(paramLabel = "RUN", description = "A run directory.")
  private String place;

  /** What became of one. */
  private record Verified(StoredCheckpoint checkpoint, String problem) {}

  @Override
  public Integer call() throws Exception {
    Storage storage = storage();
    CheckpointStore store = run(storage, place).checkpoints();
    List<StoredCheckpoint> all = store.stored();
    List<Future<Verified>> pending = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    int whole = 0;
    ExecutorService threads =
        Executors.newFixedThreadPool(
            Math.min(all.size(), Runtime.getRuntime().availableProcessors()));
    try {
      for (StoredCheckpoint checkpoint : all) {
        pending.add(threads.submit(() -> verified(store, checkpoint)));
      }
      for (Future<Verified> each : pending) {
        Verified verified = each.get();
        String name = verified.checkpoint().name();
        if (!verified.problem().isEmpty()) {
          problems.add(name + " is damaged: " + verified.problem());
        } else if (verified.checkpoint() instanceof StoredCheckpoint.Whole sound) {
          whole++;
          console().print(name + " is whole, " + size(sound.bytes()));
        } else {
          console().print(name + " was never published: a write died");
        }
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException cause ? cause : e;
    } finally {
      threads.shutdownNow();
    }
    problems.addAll(store.pointerProblems());
    problems.forEach(problem -> console().note(spec.qualifiedName(" ") + ": " + problem));
    console().print(String.format("%s whole, %s problems", whole, problems.size()));
    return problems.isEmpty() ? Phiscale.SUCCESS : Phiscale.FAILURE;
  }

  private static Verified verified(CheckpointStore store, StoredCheckpoint checkpoint)
      throws IOException {
    try {
      store.verify(checkpoint);
      return new Verified(checkpoint, "");
    } catch (DamagedCheckpointException e) {
      return new Verified(checkpoint, e.getMessage());
    }
  }
}
