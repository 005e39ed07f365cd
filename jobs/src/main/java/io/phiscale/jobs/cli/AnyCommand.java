package io.phiscale.jobs.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What all commands share, wherever they stand: help, version, {@code --verbose}, the layout. */
@Command(
    mixinStandardHelpOptions = true,
    versionProvider = VersionText.class,
    synopsisHeading = "%nUsage: ",
    descriptionHeading = "%n",
    parameterListHeading = "%nParameters:%n",
    optionListHeading = "%nOptions:%n",
    sortOptions = false,
    usageHelpAutoWidth = false,
    usageHelpWidth = 100,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:success",
      "1:failure while working; output that is not whole is not published",
      "2:usage: unknown option or key, missing file, value out of range"
    })
abstract class AnyCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Option(names = "--verbose", description = "Show the stack trace of an error.")
  boolean verbose;
}
