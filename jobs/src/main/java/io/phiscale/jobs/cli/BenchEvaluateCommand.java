package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluationBenchmark;
import io.phiscale.jobs.run.SparkContexts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code phiscale bench evaluate}: an evaluation over its parts, in one process. */
@Command(
    name = "evaluate",
    header = "Time an evaluation against what it cannot do without: inference, and loading.",
    description = {
      "In turns, on the same images, with the same number of tasks: the loader with nobody to use it,",
      "the network on batches that lie ready, and the whole evaluation (checkpoint, Spark job,",
      "statistics, predictions and pictures as configured; no report). Prints the median time of the",
      "whole over the sum of the two. What it writes goes to a temporary folder."
    },
    footer = {
      "%nExample:",
      "  phiscale bench evaluate --config conf/cifar10.conf --set spark.master=local[2]"
    })
final class BenchEvaluateCommand extends BenchSubcommand {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      required = true,
      description = "Configuration of the evaluation; its checkpoint and shards must be there.")
  private String file;

  @Option(
      names = "--turns",
      paramLabel = "NUMBER",
      defaultValue = "5",
      description = "Turns that count, after one that warms up (default: ${DEFAULT-VALUE}).")
  private int turns;

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (turns <= 0) {
      throw new ParameterException(
          spec.commandLine(), "Invalid number of turns: " + turns + " (must be > 0)");
    }
    Path folder = Files.createTempDirectory("phiscale-bench");
    try {
      PhiscaleConfiguration configuration =
          options.load(file, Map.of("evaluate.output", folder.toUri().toString()));
      try (SparkSession session =
          SparkContexts.open(configuration, configuration.train().workers())) {
        EvaluationBenchmark.Result result = EvaluationBenchmark.run(session, configuration, turns);
        console().print(result.table());
        console().print(result.line());
      }
    } finally {
      delete(folder);
    }
    return Phiscale.SUCCESS;
  }

  private static void delete(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : files) {
      Files.delete(path);
    }
  }
}
