package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** What the commands below {@code checkpoints} share. */
@Command(
    exitCodeList = {
      "0:success",
      "1:failure while working, or something is damaged",
      "2:usage: unknown option or key, value out of range"
    })
abstract class CheckpointsSubcommand extends AnyCommand {
  @ParentCommand CheckpointsCommand parent;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Where storage.s3 says how to reach an object store (default: the defaults).")
  private String file;

  @Mixin private ConfigurationOptions options;

  Console console() {
    return parent.phiscale.console();
  }

  Storage storage() {
    PhiscaleConfiguration configuration =
        file == null ? options.loadDefaults() : options.load(file, Map.of());
    return DriverStorage.of(configuration);
  }

  /**
   * @throws FileNotFoundException if nothing is there
   */
  static RunDirectory run(Storage storage, String place) throws IOException {
    RunDirectory run = new RunDirectory(storage, Storage.uri(place));
    if (run.checkpoints().stored().isEmpty()) {
      throw new FileNotFoundException(
          String.format(
              "No checkpoints in %s (give a run directory that train has written)", place));
    }
    return run;
  }

  static String size(long bytes) {
    return String.format(Locale.ROOT, "%,.1f MiB", bytes / 1048576.0);
  }
}
