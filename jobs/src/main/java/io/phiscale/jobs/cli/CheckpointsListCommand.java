package io.phiscale.jobs.cli;

import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.Provenance;
import io.phiscale.jobs.run.Retention;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.run.StoredCheckpoint;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code phiscale checkpoints list}. */
@Command(
    name = "list",
    header = "Print a run's checkpoints as a table, and what keeps each.",
    description = {
      "Round, epoch, images, loss, top-1 on minival, size, and why it stays: among the last, the",
      "best on minival, or at every so many epochs. States are not read: see verify."
    },
    footer = {"%nExample:", "  phiscale checkpoints list runs/cifar10/train"})
final class CheckpointsListCommand extends CheckpointsSubcommand {
  private static final List<String> HEAD =
      List.of("checkpoint", "epoch", "images", "loss", "minival top-1", "size", "kept as", "");

  @Parameters(paramLabel = "RUN", description = "A run directory.")
  private String place;

  @Override
  public Integer call() throws IOException {
    Storage storage = storage();
    RunDirectory run = run(storage, place);
    List<StoredCheckpoint> all = run.checkpoints().stored();
    Map<Integer, RoundMetrics> rounds = new TreeMap<>();
    run.metrics(Integer.MAX_VALUE).forEach(metrics -> rounds.put(metrics.round(), metrics));
    Optional<Retention> retention = retention(run);
    List<List<String>> rows = new ArrayList<>(List.of(HEAD));
    boolean newest = true;
    for (StoredCheckpoint checkpoint : all) {
      if (checkpoint instanceof StoredCheckpoint.Whole whole) {
        Set<Retention.Reason> reasons =
            CheckpointStore.reasons(retention.orElse(new Retention(1, 0)), whole, all);
        rows.add(
            row(whole, Optional.ofNullable(rounds.get(round(whole))), retention, reasons, newest));
        newest = false;
      }
    }
    console().print(aligned(rows));
    for (StoredCheckpoint checkpoint : all) {
      if (checkpoint instanceof StoredCheckpoint.Damaged damaged) {
        console().print(damaged.name() + " is damaged: " + damaged.reason());
      } else if (checkpoint instanceof StoredCheckpoint.Unpublished unpublished) {
        console().print(unpublished.name() + " was never published: a write died");
      }
    }
    return Phiscale.SUCCESS;
  }

  private static int round(StoredCheckpoint.Whole whole) {
    return whole.info().progress().round();
  }

  private static Optional<Retention> retention(RunDirectory run) throws IOException {
    Optional<Provenance> provenance = run.provenance();
    if (provenance.isEmpty()) {
      return Optional.empty();
    }
    Map<String, String> keys = provenance.get().configuration();
    return Optional.of(
        new Retention(
            Integer.parseInt(keys.getOrDefault("train.checkpoint.keep", "1")),
            Integer.parseInt(keys.getOrDefault("train.checkpoint.keep-every-epochs", "0"))));
  }

  private static List<String> row(
      StoredCheckpoint.Whole whole,
      Optional<RoundMetrics> metrics,
      Optional<Retention> retention,
      Set<Retention.Reason> reasons,
      boolean newest) {
    List<String> marks = new ArrayList<>();
    if (newest) {
      marks.add("newest");
    }
    if (reasons.contains(Retention.Reason.BEST)) {
      marks.add("best");
    }
    return List.of(
        whole.name(),
        String.format(
            Locale.ROOT,
            "%.2f",
            metrics.map(RoundMetrics::epoch).orElse((double) whole.info().progress().epoch())),
        String.format(Locale.ROOT, "%,d", whole.info().progress().images()),
        metrics.map(m -> String.format(Locale.ROOT, "%.4f", m.loss())).orElse("-"),
        whole.score().map(CheckpointsListCommand::top1).orElse("-"),
        size(whole.bytes()),
        retention.isEmpty()
            ? "-"
            : String.join(", ", reasons.stream().map(r -> reason(r, retention.get())).toList()),
        String.join(", ", marks));
  }

  private static String top1(MinivalScore score) {
    return String.format(Locale.ROOT, "%.2f%% %s", 100 * score.top1(), score.weights().label());
  }

  private static String reason(Retention.Reason reason, Retention retention) {
    return switch (reason) {
      case LAST -> "last " + retention.last();
      case EVERY -> "every " + retention.everyEpochs() + " epochs";
      case BEST -> "best";
    };
  }

  private static String aligned(List<List<String>> rows) {
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int index = column;
        int width = rows.stream().mapToInt(other -> other.get(index).length()).max().orElse(0);
        boolean number = column > 0 && column < 6;
        line.append(
            String.format(
                number ? "%" + width + "s  " : "%-" + Math.max(1, width) + "s  ", row.get(column)));
      }
      text.append(line.toString().stripTrailing()).append(System.lineSeparator());
    }
    return text.toString().stripTrailing();
  }
}
