package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;

/** {@code phiscale shard}. */
@Command(
    name = "shard",
    header = "Read labelled images and write them as Parquet shards with a manifest.",
    description = {
      "Reads data.source, checks and shuffles the images by a Spark job, and writes data.shards.",
      "Images that cannot be used are counted by reason and kept in a table; above",
      "data.max-reject-fraction the job fails."
    },
    footer = {
      "%nExample:",
      "  phiscale shard --config conf/cifar10.conf --set data.source.train=/data/cifar10.tar.gz"
    })
final class ShardCommand extends JobCommand {
  @Override
  void check(PhiscaleConfiguration configuration) {
    if (!configuration.data().source().isConfigured()) {
      throw new ConfigurationException(
          "Missing data.source.train: set it to the folder or tar of the training images");
    }
  }

  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    runner.shard(configuration, console);
  }
}
