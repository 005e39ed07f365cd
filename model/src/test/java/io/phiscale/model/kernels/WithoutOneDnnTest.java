package io.phiscale.model.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** A machine for which there is no library of oneDNN: a JVM whose class path lacks it. */
class WithoutOneDnnTest {

  @Test
  void theReasonIsSaidOnceAndNd4jComputes() throws Exception {
    List<String> entries =
        Arrays.asList(System.getProperty("java.class.path").split(File.pathSeparator, -1));
    String without =
        entries.stream()
            .filter(
                entry -> !Path.of(entry).getFileName().toString().matches("dnnl-.*-linux-.*\\.jar"))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(without.split(File.pathSeparator, -1)).hasSize(entries.size() - 1);
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dorg.apache.logging.log4j.level=WARN",
                "-cp",
                without,
                WithoutOneDnn.class.getName())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();

    String reason = "oneDNN's library cannot be loaded: ";
    assertThat(text.lines().filter(line -> line.startsWith("Cannot use oneDNN: ")))
        .as(text)
        .singleElement()
        .asString()
        .startsWith("Cannot use oneDNN: " + reason);
    assertThat(text.lines().filter(line -> line.equals("auto is nd4j"))).hasSize(2);
    assertThat(
            text.lines()
                .filter(
                    line ->
                        line.contains(
                            "Computing with ND4J's operations, which is slower: " + reason)))
        .as(text)
        .hasSize(1);
    assertThat(process.exitValue()).isZero();
  }
}
