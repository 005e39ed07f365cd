package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code phiscale dataset}: what can be done with shards besides training on them. */
@Command(
    name = "dataset",
    header = "Export shards to other formats.",
    description = {
      "export writes the images of data.shards as WebDataset tars, one per shard, which PyTorch",
      "reads: KEY.cls (the label), KEY.jpg (the stored bytes) and KEY.json, and classes.txt."
    },
    footer = {
      "%nExample:",
      "  phiscale dataset export --config conf/cifar10.conf --format webdataset --output /data/wds"
    })
final class DatasetCommand extends JobCommand {
  @Parameters(index = "0", paramLabel = "ACTION", description = "export.")
  private String action;

  @Option(
      names = "--format",
      paramLabel = "NAME",
      defaultValue = "webdataset",
      description = "export: webdataset (default: ${DEFAULT-VALUE}).")
  private String format;

  @Option(
      names = "--output",
      paramLabel = "PLACE",
      required = true,
      description = "export: the folder to write, a local path or any Hadoop URI.")
  private String output;

  @Override
  void check(PhiscaleConfiguration configuration) {
    if (!action.equals("export")) {
      throw new ParameterException(
          spec.commandLine(), "Invalid action: " + action + " (must be export)");
    }
    if (!format.equals("webdataset")) {
      throw new ParameterException(
          spec.commandLine(),
          "Invalid value for option '--format': " + format + " (must be webdataset)");
    }
  }

  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    runner.export(configuration, output, console);
  }
}
