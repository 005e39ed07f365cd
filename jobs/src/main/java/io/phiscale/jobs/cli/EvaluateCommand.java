package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;

/** {@code phiscale evaluate}. */
@Command(
    name = "evaluate",
    header = "Measure top-1 and top-5 accuracy of a checkpoint on the validation shards.",
    description = {
      "Reads evaluate.checkpoint and data.shards, counts every image exactly once, and writes",
      "the table and an HTML report to evaluate.output."
    },
    footer = {
      "%nExample:",
      "  phiscale evaluate --config conf/cifar10.conf --set evaluate.weights=both"
    })
final class EvaluateCommand extends JobCommand {
  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    runner.evaluate(configuration, console);
  }
}
