package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.train.LoaderBenchmark;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code phiscale bench loader}: no Spark, no network. */
@Command(
    name = "loader",
    header = "Time the loading of a data set: from shards to normalised batches, images/s.",
    description = {
      "Passes over the images of a split as an epoch of training does, or as an evaluation does;",
      "the first passes warm up. Prints the median of the passes that count, and where the time",
      "of an image goes. Augmentations are those of train.augment."
    },
    footer = {
      "%nExamples:",
      "  phiscale bench loader --shards runs/imagenet/shards --threads 1",
      "  phiscale bench loader --shards s3a://bucket/shards --set storage.s3.endpoint=... --eval",
      "  phiscale bench loader --shards shards --set train.augment.policy=randaugment"
    })
final class BenchLoaderCommand extends BenchSubcommand {
  @Option(
      names = "--shards",
      paramLabel = "URI",
      required = true,
      description = "Folder of the shards and their manifest.")
  private String shards;

  @Option(
      names = "--split",
      paramLabel = "NAME",
      defaultValue = "train",
      description = "Which images (default: ${DEFAULT-VALUE}).")
  private String split;

  @Option(names = "--eval", description = "As an evaluation: centre crop. Else as training.")
  private boolean evaluation;

  @Option(
      names = "--resolution",
      paramLabel = "PIXELS",
      defaultValue = "224",
      description = "Side of the images made (default: ${DEFAULT-VALUE}).")
  private int resolution;

  @Option(
      names = "--threads",
      paramLabel = "NUMBER",
      defaultValue = "1",
      description = "Threads that decode (default: ${DEFAULT-VALUE}).")
  private int threads;

  @Option(
      names = "--passes",
      paramLabel = "NUMBER",
      defaultValue = "5",
      description = "Passes that count, after three that warm up (default: ${DEFAULT-VALUE}).")
  private int passes;

  @Override
  public Integer call() throws IOException {
    Map<String, String> values = new TreeMap<>();
    values.put("data.shards", shards);
    values.put("train.loader.threads", Integer.toString(threads));
    PhiscaleConfiguration configuration = options.loadDefaults(values);
    LoaderBenchmark.Setting setting;
    try {
      setting =
          new LoaderBenchmark.Setting(
              split,
              evaluation ? LoaderBenchmark.Mode.EVAL : LoaderBenchmark.Mode.TRAIN,
              resolution,
              passes);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    LoaderBenchmark.Result result = LoaderBenchmark.run(configuration, setting);
    console().print(result.table());
    console().print(result.line());
    return Phiscale.SUCCESS;
  }
}
