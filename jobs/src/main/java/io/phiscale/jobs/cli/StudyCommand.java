package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;

/** {@code phiscale study}. */
@Command(
    name = "study",
    header = "Train and evaluate one network per compound coefficient, and tabulate.",
    description = {
      "Trains and evaluates a network for each value of study.phi, and writes runs, table and",
      "report to study.output. Started again, it keeps what is finished."
    },
    footer = {
      "%nExample:",
      "  phiscale study --config conf/imagenet-phi-study.conf --set study.phi=0,1,2"
    })
final class StudyCommand extends JobCommand {
  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    runner.study(configuration, console);
  }
}
