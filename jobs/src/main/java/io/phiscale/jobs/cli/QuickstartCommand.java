package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code phiscale quickstart}. */
@Command(
    name = "quickstart",
    header = "Shard, train, evaluate and tabulate three small networks on bundled images.",
    description = {
      "Takes the bundled Fashion-MNIST images through the whole chain on this machine, in minutes:",
      "no S3, no Spark installation, nothing to configure. Started again on the same output, it",
      "continues where it stopped."
    },
    footer = {"%nExample:", "  phiscale quickstart --output /tmp/quickstart"})
final class QuickstartCommand extends PhiscaleCommand {
  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "runs/quickstart",
      description = "Where shards, runs and report are written (default: ${DEFAULT-VALUE}).")
  private String output;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Another configuration than conf/quickstart.conf.")
  private String file;

  @Mixin private ConfigurationOptions options;

  @Override
  public Integer call() throws Exception {
    String folder = output.endsWith("/") ? output.substring(0, output.length() - 1) : output;
    Map<String, String> outputs = new TreeMap<>();
    outputs.put("data.shards", folder + "/shards");
    outputs.put("train.output", folder + "/train");
    outputs.put("evaluate.output", folder + "/evaluation");
    outputs.put("study.output", folder + "/study");
    String read = file == null ? ConfigurationLoader.home() + "/conf/quickstart.conf" : file;
    PhiscaleConfiguration configuration = options.load(read, outputs);
    phiscale.runner().quickstart(configuration, phiscale.console());
    return Phiscale.SUCCESS;
  }
}
