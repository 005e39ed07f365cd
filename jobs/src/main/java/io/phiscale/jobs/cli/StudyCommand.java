package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code phiscale study}. */
@Command(
    name = "study",
    header = "Train and evaluate networks that differ along axes, and tabulate.",
    description = {
      "Trains and evaluates every cell: each phi of study.phi along each of study.axes (compound, or",
      "depth, width or resolution alone at equal FLOPs), for each seed, data fraction and budget, the",
      "cheapest first; or a grid of alpha, beta and gamma (study.search). Runs, tables and report go",
      "to study.output. Started again, it trains what is missing only. A cell that fails does not",
      "stop the others, and is named at the end."
    },
    footer = {
      "%nExample:",
      "  phiscale study --config conf/imagenet-phi-study.conf --dry-run",
      "  phiscale study --config conf/imagenet-phi-study.conf --set study.phi=0,1,2",
      "  phiscale study --config conf/cifar10.conf --set study.axes=compound,width --set"
          + " study.seeds=0,1,2"
    })
final class StudyCommand extends JobCommand {
  @Option(
      names = "--dry-run",
      description = {
        "Print the cells with FLOPs, images and expected hours.",
        "Times a few steps of the base network, and trains nothing."
      })
  private boolean dryRun;

  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    if (dryRun) {
      runner.forecastStudy(configuration, console);
    } else {
      runner.study(configuration, console);
    }
  }
}
