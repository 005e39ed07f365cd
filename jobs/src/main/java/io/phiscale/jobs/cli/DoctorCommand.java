package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import picocli.CommandLine.Command;

/** {@code phiscale doctor}. */
@Command(
    name = "doctor",
    header = "Look whether jobs of a configuration will run: storage, Spark, executors, natives.",
    description = {
      "Reads data.source.train, writes and removes a small file wherever jobs write, asks every",
      "executor for its Java, native libraries and storage, and says what to do about what is wrong.",
      "Exits with 1 if a job would fail."
    },
    footer = {"%nExample:", "  phiscale doctor --config conf/imagenet-b0.conf"})
final class DoctorCommand extends JobCommand {
  @Override
  void run(JobRunner runner, PhiscaleConfiguration configuration, Console console)
      throws Exception {
    runner.doctor(configuration, console);
  }
}
