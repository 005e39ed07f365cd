package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code phiscale shard}. */
@Command(
    name = "shard",
    header = "Read labelled images and write them as Parquet shards with a manifest.",
    description = {
      "Reads data.source, checks and shuffles the images by a Spark job, and writes data.shards.",
      "Images that cannot be used are counted by reason and kept in a table; above",
      "data.max-reject-fraction the job fails.",
      "Shards that are there are left alone; --increment adds what the collection has more."
    },
    footer = {
      "%nExample:",
      "  phiscale shard --config conf/cifar10.conf --set data.source.train=/data/cifar10.tar.gz",
      "  phiscale shard --config conf/imagenet-b0.conf --increment"
    })
final class ShardCommand extends JobCommand {
  @Option(
      names = "--increment",
      description = {
        "Shards the files that data.source has more than when data.shards was made, as a new version"
            + " behind the old ones; data.version reads an older one."
      })
  private boolean increment;

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
    if (increment) {
      runner.addShards(configuration, console);
    } else {
      runner.shard(configuration, console);
    }
  }
}
