package io.phiscale.jobs.cli;

import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.NetworkSummary;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code phiscale summary}: no Spark, no network is built. */
@Command(
    name = "summary",
    header = "Print a network as a table: shapes, parameters, mult-adds, memory.",
    description = {
      "Per layer: output shape, parameters, mult-adds, trainable or not; totals and a memory estimate",
      "for training, in the manner of torchinfo."
    },
    footer = {
      "%nExamples:",
      "  phiscale summary --model b0 --classes 1000 --resolution 224",
      "  phiscale summary --phi 1.5",
      "  phiscale summary --model b0 --classes 3 --batch 32 --freeze features"
    })
final class SummaryCommand extends PhiscaleCommand {
  /** Exactly one of the two. */
  private static final class Scaling {
    @Option(
        names = "--model",
        paramLabel = "VARIANT",
        required = true,
        description = "A published network, b0 to b7.")
    private String model;

    @Option(
        names = "--phi",
        paramLabel = "NUMBER",
        required = true,
        description = "The base scaled by this compound coefficient; not the B-number.")
    private Double phi;
  }

  @ArgGroup(exclusive = true, multiplicity = "1")
  private Scaling scaling;

  @Option(
      names = "--base",
      paramLabel = "NAME",
      defaultValue = "efficientnet-b0",
      description = "What --phi scales: efficientnet-b0 or tiny (default: ${DEFAULT-VALUE}).")
  private String base;

  @Option(
      names = "--classes",
      paramLabel = "NUMBER",
      defaultValue = "1000",
      description = "Number of classes (default: ${DEFAULT-VALUE}).")
  private int classes;

  @Option(
      names = "--resolution",
      paramLabel = "PIXELS",
      description = "Side of the input image (default: that of the scaling).")
  private Integer resolution;

  @Option(
      names = "--batch",
      paramLabel = "NUMBER",
      defaultValue = "1",
      description = "Images per batch (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--freeze",
      paramLabel = "PART",
      defaultValue = "none",
      description = "What is not trained: none or features (default: ${DEFAULT-VALUE}).")
  private String freeze;

  @Override
  public Integer call() {
    String table;
    try {
      table = new NetworkSummary(network(), frozen()).render(batch);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    phiscale.console().print(table.stripTrailing());
    return Phiscale.SUCCESS;
  }

  private NetworkSpec network() {
    NetworkSpec network =
        scaling.model != null
            ? NetworkSpec.efficientNet(EfficientNetVariant.named(scaling.model), classes)
            : NetworkSpec.of(scaledBase(), CompoundScaling.EFFICIENTNET, scaling.phi, classes);
    return resolution == null ? network : network.withResolutionPx(resolution);
  }

  private BaseNetwork scaledBase() {
    return switch (base) {
      case "efficientnet-b0" -> BaseNetwork.EFFICIENTNET_B0;
      case "tiny" -> BaseNetwork.TINY;
      default ->
          throw new IllegalArgumentException(
              "Invalid value for option '--base': " + base + " (must be efficientnet-b0 or tiny)");
    };
  }

  private Freeze frozen() {
    try {
      return Freeze.named(freeze);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "Invalid value for option '--freeze': " + freeze + " (must be none or features)", e);
    }
  }
}
