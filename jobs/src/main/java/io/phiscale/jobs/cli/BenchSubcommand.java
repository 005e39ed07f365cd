package io.phiscale.jobs.cli;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/** What the commands below {@code bench} share. */
abstract class BenchSubcommand extends AnyCommand {
  @ParentCommand private BenchCommand bench;
  @Mixin ConfigurationOptions options;

  Console console() {
    return bench.phiscale.console();
  }
}
