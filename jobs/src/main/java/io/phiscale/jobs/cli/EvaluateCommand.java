package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code phiscale evaluate}. */
@Command(
    name = "evaluate",
    header = "Measure top-1 and top-5 accuracy of checkpoints on the validation shards.",
    description = {
      "Reads evaluate.checkpoint and data.shards, counts every image exactly once, and writes",
      "tables, predictions and an HTML report to evaluate.output. Further checkpoints:",
      "evaluate.compare-with; further sets of images: evaluate.sets."
    },
    footer = {
      "%nExample:",
      "  phiscale evaluate --config conf/cifar10.conf --set evaluate.weights=both",
      "  phiscale evaluate --config conf/cifar10.conf --latency"
    })
final class EvaluateCommand extends JobCommand {
  @Option(
      names = "--latency",
      description = "Also time single images and batches (evaluate.latency.measure = on).")
  private boolean latency;

  @Override
  Map<String, String> values() {
    return latency ? Map.of("evaluate.latency.measure", "on") : Map.of();
  }

  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    runner.evaluate(configuration, console);
  }
}
