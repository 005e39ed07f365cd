package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;

/** {@code phiscale train}. */
@Command(
    name = "train",
    header = "Train one network by parameter averaging over the workers.",
    description = {
      "Reads data.shards, writes checkpoints, metrics and provenance to train.output.",
      "Started again on the same output, it continues at the newest checkpoint."
    },
    footer = {
      "%nExample:",
      "  phiscale train --config conf/cifar10.conf --set network.phi=1 --set train.workers=4"
    })
final class TrainCommand extends JobCommand {
  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    runner.train(configuration, console);
  }
}
