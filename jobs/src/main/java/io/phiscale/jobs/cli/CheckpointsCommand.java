package io.phiscale.jobs.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** {@code phiscale checkpoints}: what a run has kept; no Spark. */
@Command(
    name = "checkpoints",
    header = "List, verify or average the checkpoints of a run.",
    description = {
      "A checkpoint is named by a run directory (its newest), RUN/best (the best on minival),",
      "RUN/newest, or its own directory, RUN/checkpoints/round-N."
    },
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    footer = {
      "%nExamples:",
      "  phiscale checkpoints list runs/cifar10/train",
      "  phiscale checkpoints verify runs/cifar10/train",
      "  phiscale checkpoints average --output runs/swa runs/a/best runs/b/best"
    },
    subcommands = {
      CheckpointsListCommand.class,
      CheckpointsVerifyCommand.class,
      CheckpointsAverageCommand.class
    })
final class CheckpointsCommand extends PhiscaleCommand {
  @Override
  public Integer call() {
    throw new ParameterException(
        spec.commandLine(),
        "Missing command: one of " + String.join(", ", spec.subcommands().keySet()));
  }
}
