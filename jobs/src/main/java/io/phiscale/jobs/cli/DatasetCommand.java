package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.SampleJob;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code phiscale dataset show|verify|sample|export}. */
@Command(
    name = "dataset",
    header = "Look at a sharded data set, check it, or export it to another format.",
    description = {
      "  show     splits, rejects by reason and classes, from the manifest",
      "  verify   reads every image and compares it with its checksum, in parallel",
      "  sample   writes an HTML page of random images of each class, and of the rejects;",
      "           with --augmented also of what training sees of them",
      "  export   writes the images as WebDataset tars, one per shard, which PyTorch reads: KEY.cls",
      "           (the label), KEY.jpg (the stored bytes), KEY.json; and classes.txt"
    },
    footer = {
      "%nExamples:",
      "  phiscale dataset show --config conf/cifar10.conf",
      "  phiscale dataset verify --config conf/imagenet-b0.conf",
      "  phiscale dataset sample --config conf/cifar10.conf --split val --output val.html",
      "  phiscale dataset sample --config conf/imagenet-b0.conf --augmented --classes 10",
      "  phiscale dataset export --config conf/cifar10.conf --format webdataset --output /data/wds"
    })
final class DatasetCommand extends JobCommand {
  /** What is to be done. */
  enum Action {
    show,
    verify,
    sample,
    export
  }

  @Parameters(index = "0", paramLabel = "ACTION", description = "One of ${COMPLETION-CANDIDATES}.")
  private Action action;

  @Option(
      names = "--classes",
      paramLabel = "NUMBER",
      defaultValue = "30",
      description = "show, sample: the most classes that are listed (default: ${DEFAULT-VALUE}).")
  private int classes;

  @Option(
      names = "--split",
      paramLabel = "NAME",
      defaultValue = "train",
      description = "sample: train or val (default: ${DEFAULT-VALUE}).")
  private String split;

  @Option(
      names = "--per-class",
      paramLabel = "NUMBER",
      description = "sample: pictures of each class (default: 8; with --augmented 2).")
  private Integer perClass;

  @Option(
      names = "--augmented",
      description = {
        "sample: beside each training image, what the network sees of it in each of the first "
            + SampleJob.EPOCHS
            + " epochs, by train.augment, train.seed and the network's resolution."
      })
  private boolean augmented;

  @Option(
      names = "--seed",
      paramLabel = "NUMBER",
      defaultValue = "0",
      description = "sample: decides which pictures (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--output",
      paramLabel = "PLACE",
      description =
          "sample: the page (default: sample-SPLIT.html beside the shards). export: the folder.")
  private String output;

  @Option(
      names = "--format",
      paramLabel = "NAME",
      defaultValue = "webdataset",
      description = "export: webdataset (default: ${DEFAULT-VALUE}).")
  private String format;

  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    int pictures = perClass != null ? perClass : augmented ? 2 : 8;
    if (classes <= 0 || pictures <= 0) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              "Invalid value for option '%s': %s (must be > 0)",
              classes <= 0 ? "--classes" : "--per-class", classes <= 0 ? classes : pictures));
    }
    if (augmented && !split.equals("train")) {
      throw new ParameterException(
          spec.commandLine(),
          "Invalid value for option '--split': "
              + split
              + " (must be train with --augmented: no other split is augmented)");
    }
    if (action == Action.export && output == null) {
      throw new ParameterException(
          spec.commandLine(), "Missing option --output: the folder to export to");
    }
    if (!format.equals("webdataset")) {
      throw new ParameterException(
          spec.commandLine(),
          "Invalid value for option '--format': " + format + " (must be webdataset)");
    }
    switch (action) {
      case show -> runner.showDataset(configuration, classes, console);
      case verify -> runner.verifyDataset(configuration, console);
      case sample ->
          runner.sampleDataset(
              configuration,
              new SampleJob.Request(
                  split,
                  pictures,
                  classes,
                  seed,
                  augmented ? SampleJob.Show.AUGMENTED : SampleJob.Show.STORED),
              output == null ? "" : output,
              console);
      case export -> runner.exportDataset(configuration, output, console);
    }
  }
}
