package io.phiscale.jobs.walls;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The assembled jar, started by {@code jobs/bin/phiscale} as a user starts it. Runs after {@code
 * package}: what is missing in the jar, or on the class path beside it, no other test can see.
 */
class AssembledJarIT {
  private static final Path LAUNCHER = Path.of("bin", "phiscale").toAbsolutePath();

  @TempDir Path folder;

  private record Outcome(int exitCode, String out, List<String> err) {}

  private Outcome run(String... args) throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(LAUNCHER.toString());
    builder.command().addAll(List.of(args));
    Map<String, String> environment = builder.environment();
    environment.keySet().removeAll(List.of("SPARK_HOME", "PHISCALE_HEAP"));
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    // The jar is the one that this build has just made, whatever is newer.
    environment.put("PHISCALE_SKIP_BUILD", "1");
    File out = folder.resolve("out").toFile();
    File err = folder.resolve("err").toFile();
    Process process =
        builder.directory(folder.toFile()).redirectOutput(out).redirectError(err).start();
    process.getOutputStream().close();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ends within a minute").isTrue();
    // Java itself tells of the Vector API.
    List<String> said =
        Files.readAllLines(err.toPath()).stream()
            .filter(line -> !line.startsWith("WARNING: Using incubator modules"))
            .toList();
    return new Outcome(process.exitValue(), Files.readString(out.toPath()), said);
  }

  @Test
  void helpListsTheCommands() throws Exception {
    Outcome outcome = run("--help");

    assertThat(outcome.exitCode()).as(outcome.err().toString()).isZero();
    assertThat(outcome.out())
        .contains("Usage: phiscale", "  shard ", "  train ", "  evaluate ", "  study ")
        .contains("  quickstart ", "  summary ", "  bench ", "  convert ");
    assertThat(outcome.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "convert", "bench"})
  void everyKindOfCommandHelps(String command) throws Exception {
    Outcome outcome = run(command, "--help");

    assertThat(outcome.exitCode()).as(outcome.err().toString()).isZero();
    assertThat(outcome.out()).contains("Usage: phiscale " + command);
    assertThat(outcome.err()).isEmpty();
  }

  @Test
  void versionNamesBuildAndJava() throws Exception {
    Outcome outcome = run("--version");

    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.out().strip()).matches("phiscale \\d+\\.\\d+\\S* \\(.*Java 17.*\\)");
    assertThat(outcome.err()).isEmpty();
  }

  @Test
  void summaryCountsB0() throws Exception {
    Outcome outcome = run("summary", "--model", "b0", "--classes", "1000", "--resolution", "224");

    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.out()).contains("efficientnet-b0, 1000 classes", "5,288,548");
    assertThat(outcome.err()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2 | trian | phiscale: Unmatched argument at index 0: 'trian' (did you mean train?) (see phiscale --help)",
        "2 | train --config no.conf | phiscale train: Cannot read configuration no.conf: no such file",
        "1 | convert --input torn.pth --output o --model b0 | phiscale convert: Cannot read @/torn.pth: not a whole file of torch.save: it does not begin as torch.save begins",
      })
  void refusalsAreOneLine(int exitCode, String line, String expected) throws Exception {
    Files.writeString(folder.resolve("torn.pth"), "not what it is called");

    Outcome outcome = run(line.split(" ", -1));

    assertThat(outcome.err()).containsExactly(expected.replace("@", folder.toString()));
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.exitCode()).isEqualTo(exitCode);
  }
}
