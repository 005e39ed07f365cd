package io.phiscale.jobs.cli;

import io.phiscale.model.benchmark.StepBenchmark;
import io.phiscale.model.benchmark.StepBenchmark.Detail;
import io.phiscale.model.benchmark.StepBenchmark.Mode;
import io.phiscale.model.benchmark.StepBenchmark.Result;
import io.phiscale.model.benchmark.StepBenchmark.Setting;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.train.Predictor;
import java.util.Arrays;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code phiscale bench}: no Spark, one network in this process. */
@Command(
    name = "bench",
    header = "Time the steps of a network on this machine: images/s, median step, peak memory.",
    description = {
      "Synthetic images. step is a whole training step (SGD with momentum), eval the scores",
      "of a batch with batch norm folded in. Prints one line: the median over the steps that count."
    },
    footer = {
      "%nExamples:",
      "  phiscale bench step --model b0 --resolution 224 --batch 16",
      "  phiscale bench step --model b0 --freeze features",
      "  phiscale bench eval --model b0 --batch 1 --threads 1 --profile",
      "  phiscale bench eval --model b0 --precision bf16",
      "  phiscale bench averaging --workers 2,4,8      Spark's part of a round, see averaging --help",
      "  phiscale bench loader --shards DIR            shards to batches, see loader --help",
      "  phiscale bench evaluate --config FILE         an evaluation's overhead, see evaluate --help"
    },
    synopsisSubcommandLabel = "[averaging | loader | evaluate]",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      BenchAveragingCommand.class,
      BenchLoaderCommand.class,
      BenchEvaluateCommand.class
    })
final class BenchCommand extends PhiscaleCommand {
  @Parameters(
      index = "0",
      paramLabel = "MODE",
      arity = "0..1",
      description = "step: forward, backward, update; eval: scores only.")
  private String mode;

  @Option(
      names = "--model",
      paramLabel = "VARIANT",
      defaultValue = "b0",
      description = "A published network, b0 to b7 (default: ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--classes",
      paramLabel = "NUMBER",
      defaultValue = "1000",
      description = "Number of classes (default: ${DEFAULT-VALUE}).")
  private int classes;

  @Option(
      names = "--resolution",
      paramLabel = "PIXELS",
      description = "Side of the input image (default: that of the variant).")
  private Integer resolution;

  @Option(
      names = "--batch",
      paramLabel = "NUMBER",
      defaultValue = "16",
      description = "Images per step (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--threads",
      paramLabel = "NUMBER",
      description = "Threads of a step (default: the cores of this machine).")
  private Integer threads;

  @Option(
      names = "--kernels",
      paramLabel = "NAME",
      defaultValue = "auto",
      description = "What computes: auto, onednn or nd4j (default: ${DEFAULT-VALUE}).")
  private String kernels;

  @Option(
      names = "--steps",
      paramLabel = "NUMBER",
      defaultValue = "12",
      description = "Steps that count, after as many that warm up (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--freeze",
      paramLabel = "PART",
      defaultValue = "none",
      description =
          "What a training step leaves alone: none, or features, batch norm in inference mode"
              + " (default: ${DEFAULT-VALUE}).")
  private String freeze;

  @Option(
      names = "--precision",
      paramLabel = "NAME",
      defaultValue = "fp32",
      description =
          "fp32, or bf16 for what is largest in memory; eval only on CPUs with AVX512-BF16 or AMX"
              + " (default: ${DEFAULT-VALUE}).")
  private String precision;

  @Option(names = "--profile", description = "Also print where the time of a step goes.")
  private boolean profile;

  @Override
  public Integer call() {
    Setting setting;
    try {
      setting =
          new Setting(
              mode(),
              network(),
              batch,
              kernels,
              threads == null ? Runtime.getRuntime().availableProcessors() : threads,
              steps,
              profile ? Detail.PROFILE : Detail.TOTAL,
              Freeze.named(freeze),
              precision());
      String problem =
          setting.mode() == Mode.EVAL ? Predictor.problem(kernels, setting.precision()) : "";
      if (!problem.isEmpty()) {
        throw new IllegalArgumentException(
            String.format("Cannot measure with --precision %s: %s", precision, problem));
      }
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    Result result = StepBenchmark.run(setting);
    phiscale.console().print(result.line());
    if (profile) {
      phiscale.console().print(result.table().stripTrailing());
    }
    return Phiscale.SUCCESS;
  }

  private Mode mode() {
    if (mode == null) {
      throw new IllegalArgumentException(
          "Missing mode: step or eval, or the command averaging, loader or evaluate");
    }
    try {
      return Mode.valueOf(mode.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("Invalid mode: " + mode + " (must be step or eval)", e);
    }
  }

  private Precision precision() {
    return Arrays.stream(Precision.values())
        .filter(value -> value.key().equals(precision))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "Invalid precision: " + precision + " (must be fp32 or bf16)"));
  }

  private NetworkSpec network() {
    NetworkSpec network = NetworkSpec.efficientNet(EfficientNetVariant.named(model), classes);
    return resolution == null ? network : network.withResolutionPx(resolution);
  }
}
