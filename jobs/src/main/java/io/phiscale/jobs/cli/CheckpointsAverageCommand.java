package io.phiscale.jobs.cli;

import io.phiscale.jobs.run.AveragedCheckpoint;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code phiscale checkpoints average}. */
@Command(
    name = "average",
    header = "Write the mean of several checkpoints' weights as a new one.",
    description = {
      "All must be of one network and have the same classes. Running means and variances of batch",
      "norm are averaged with all else, not measured anew. The result has no optimizer state:",
      "evaluate and train.initial-weights read it, it cannot be resumed."
    },
    footer = {
      "%nExamples:",
      "  phiscale checkpoints average --output runs/swa \\",
      "    runs/a/checkpoints/round-00000300 runs/a/checkpoints/round-00000350",
      "  phiscale checkpoints average --output runs/mix --mix 2,1 runs/a/best runs/b/best"
    })
final class CheckpointsAverageCommand extends CheckpointsSubcommand {
  @Parameters(
      paramLabel = "CHECKPOINT",
      arity = "1..*",
      description = "Run directories, RUN/best, or checkpoints; at least two.")
  private List<String> places = new ArrayList<>();

  @Option(
      names = "--output",
      paramLabel = "PLACE",
      required = true,
      description = "The run directory to write; must not exist.")
  private String output;

  @Option(
      names = "--mix",
      paramLabel = "NUMBER",
      split = ",",
      description = "Weight of each, > 0, in their order (default: all alike).")
  private List<Double> mix = new ArrayList<>();

  @Option(
      names = "--weights",
      paramLabel = "KIND",
      defaultValue = "ema",
      description = "Of each: ema, the moving average, where there is one, or raw (default: ema).")
  private String weights;

  @Override
  public Integer call() throws IOException {
    if (places.size() < 2) {
      throw usage("Nothing to average: give at least two checkpoints");
    }
    if (!weights.equals("ema") && !weights.equals("raw")) {
      throw usage("Invalid value for option '--weights': " + weights + " (must be raw or ema)");
    }
    List<Double> each = mix.isEmpty() ? Collections.nCopies(places.size(), 1.0) : mix;
    if (each.size() != places.size()
        || each.stream().anyMatch(w -> !(w > 0) || Double.isInfinite(w))) {
      throw usage(
          String.format(
              "Invalid value for option '--mix': %s (must be %s numbers > 0)",
              each, places.size()));
    }
    Storage storage = storage();
    URI to = Storage.uri(output);
    if (storage.exists(to)) {
      throw new IOException(String.format("Will not overwrite %s: remove it first", output));
    }
    List<URI> from = places.stream().map(Storage::uri).toList();
    Checkpoint averaged =
        AveragedCheckpoint.of(
            storage,
            from,
            each,
            weights.equals("ema") ? AveragedCheckpoint.Kind.EMA : AveragedCheckpoint.Kind.RAW);
    new CheckpointStore(storage, to).publish(averaged);
    console()
        .print(
            String.format(
                Locale.ROOT,
                "Averaged %s checkpoints of %s, %,d values, batch-norm statistics included"
                    + " (averaged, not measured anew)%nRun: %s",
                places.size(),
                averaged.info().network().name(),
                averaged.parameters().length,
                output));
    return Phiscale.SUCCESS;
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
