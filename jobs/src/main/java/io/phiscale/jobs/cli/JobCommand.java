package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import java.util.Map;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A command that runs one job on one configuration. */
abstract class JobCommand extends PhiscaleCommand {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      required = true,
      description = "Configuration in HOCON: a local path or any Hadoop URI. See conf/.")
  private String file;

  @Mixin private ConfigurationOptions options;

  /** Checks what this job needs of the configuration besides its being valid. */
  void check(PhiscaleConfiguration configuration) {}

  /** Configuration values that options of this command stand for; {@code --set} wins over them. */
  Map<String, String> values() {
    return Map.of();
  }

  abstract void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception;

  @Override
  public final Integer call() throws Exception {
    PhiscaleConfiguration configuration = options.load(file, values());
    check(configuration);
    run(phiscale.runner(), configuration, phiscale.console());
    return Phiscale.SUCCESS;
  }
}
