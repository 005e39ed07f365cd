package io.phiscale.jobs.cli;

import picocli.CommandLine.ParentCommand;

/** A command directly below {@code phiscale}. */
abstract class PhiscaleCommand extends AnyCommand {
  @ParentCommand Phiscale phiscale;
}
