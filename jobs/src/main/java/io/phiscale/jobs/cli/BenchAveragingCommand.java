package io.phiscale.jobs.cli;

import io.phiscale.jobs.benchmark.AveragingBenchmark;
import io.phiscale.jobs.benchmark.AveragingSetting;
import io.phiscale.jobs.benchmark.AveragingSetting.Trainer;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.jobs.run.SparkContexts;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.NetworkSpec;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code phiscale bench averaging}: Spark's part of a round. */
@Command(
    name = "averaging",
    header = "Time rounds of averaging without training, and count the bytes they move.",
    description = {
      "Executors are processes of this machine (Spark's local-cluster mode). model MB: parameters and",
      "optimizer state of one replica; out and in: 10^6 bytes sent and received in a round, by the",
      "driver and by a mean executor. Medians of the rounds."
    },
    footer = {
      "%nExamples:",
      "  phiscale bench averaging --model b0 --workers 2,4,8",
      "  phiscale bench averaging --model b4 --workers 8 --trainers phiscale-dl4j,dl4j"
    })
final class BenchAveragingCommand extends BenchSubcommand {
  @Option(
      names = "--model",
      paramLabel = "VARIANT",
      defaultValue = "b0",
      description = "Whose number of parameters, b0 to b7 (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--optimizer-slots",
      paramLabel = "NUMBER",
      defaultValue = "1",
      description =
          "Vectors of optimizer state averaged with the parameters: 0 (none, or state not averaged),"
              + " 1 (momentum), 2 (rmsprop, adamw) (default: ${DEFAULT-VALUE}).")
  private int optimizerSlots;

  @Option(
      names = "--workers",
      paramLabel = "NUMBERS",
      split = ",",
      defaultValue = "2",
      description = "Replicas, one or several numbers (default: ${DEFAULT-VALUE}).")
  private List<Integer> workers;

  @Option(
      names = "--trainers",
      paramLabel = "NAMES",
      split = ",",
      defaultValue = "phiscale",
      description =
          "phiscale: rounds of phiscale train with simulated replicas; phiscale-dl4j:"
              + " PhiscaleTrainingMaster, and dl4j: ParameterAveragingTrainingMaster, with a dense"
              + " network of as many parameters, and one example a worker (default:"
              + " ${DEFAULT-VALUE}).")
  private List<String> trainers;

  @Option(
      names = "--wires",
      paramLabel = "NAMES",
      split = ",",
      defaultValue = "fp32",
      description = "train.averaging.wire: fp32, fp16, bf16, int8 (default: ${DEFAULT-VALUE}).")
  private List<String> wires;

  @Option(
      names = "--rounds",
      paramLabel = "NUMBER",
      defaultValue = "12",
      description = "Rounds that count, after as many that warm up (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @Option(
      names = "--executors",
      paramLabel = "NUMBER",
      defaultValue = "8",
      description = "Executors at most; more workers share them (default: ${DEFAULT-VALUE}).")
  private int executors;

  @Option(
      names = "--executor-mebibytes",
      paramLabel = "NUMBER",
      defaultValue = "1024",
      description = "Heap of an executor, MiB (default: ${DEFAULT-VALUE}).")
  private int executorMebibytes;

  @Override
  public Integer call() throws IOException, InterruptedException, TimeoutException {
    List<AveragingSetting> settings;
    try {
      settings = settings();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    Console console = console();
    console.print(AveragingBenchmark.Result.heading());
    for (int number : workers) {
      for (AveragingSetting setting : settings) {
        PhiscaleConfiguration configuration = options.loadDefaults(spark(setting, number));
        try (SparkSession session = SparkContexts.open(configuration, number)) {
          JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
          console.print(AveragingBenchmark.run(spark, setting, number).line());
        }
      }
    }
    return Phiscale.SUCCESS;
  }

  private static Map<String, String> spark(AveragingSetting setting, int workers) {
    return Map.of(
        "spark.master",
        String.format(
            "local-cluster[%s,%s,%s]",
            setting.executors(workers), setting.slots(workers), setting.executorMebibytes()),
        "spark.properties.\"spark.executor.memory\"",
        setting.executorMebibytes() + "m",
        // The first round is not to begin before all executors are there.
        "spark.properties.\"spark.scheduler.minRegisteredResourcesRatio\"",
        "1",
        "spark.properties.\"spark.scheduler.maxRegisteredResourcesWaitingTime\"",
        "300s",
        // Workers on all executors: no second task where another executor has none.
        "spark.properties.\"spark.locality.wait\"",
        "0");
  }

  private List<AveragingSetting> settings() {
    NetworkSpec network = NetworkSpec.efficientNet(EfficientNetVariant.named(model), 1000);
    for (int number : workers) {
      if (number <= 0) {
        throw new IllegalArgumentException(
            String.format("Invalid workers: %s (must be > 0)", number));
      }
    }
    return trainers.stream()
        .flatMap(
            trainer ->
                wires.stream()
                    .map(
                        wire ->
                            new AveragingSetting(
                                named("trainer", Trainer.values(), Trainer::key, trainer),
                                network,
                                optimizerSlots,
                                named("wire", Wire.values(), BenchAveragingCommand::key, wire),
                                rounds,
                                executors,
                                executorMebibytes)))
        .toList();
  }

  private static String key(Wire wire) {
    return wire.name().toLowerCase(Locale.ROOT);
  }

  private static <T> T named(String what, T[] values, Function<T, String> key, String name) {
    return Arrays.stream(values)
        .filter(value -> key.apply(value).equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    String.format(
                        "Invalid %s: %s (must be one of %s)",
                        what,
                        name,
                        Arrays.stream(values).map(key).collect(Collectors.joining(", ")))));
  }
}
