package io.phiscale.jobs.walls;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code jobs/bin/phiscale}, run in a folder that looks like a checkout, with a Java of its own.
 */
class LauncherTest {
  private static final Path LAUNCHER = Path.of("bin", "phiscale");

  @TempDir Path folder;
  private Path home;

  private record Outcome(int exitCode, String text) {}

  @BeforeEach
  void checkout() throws IOException {
    home = folder.resolve("a checkout");
    for (String module : List.of("pipeline", "model", "jobs")) {
      Files.createDirectories(home.resolve(module).resolve("src/main"));
      Files.writeString(home.resolve(module).resolve("pom.xml"), "");
    }
    Files.writeString(home.resolve("pom.xml"), "");
    Files.createDirectories(home.resolve("jobs/bin"));
    Files.copy(LAUNCHER, home.resolve("jobs/bin/phiscale"));
    executable(home.resolve("jobs/bin/phiscale"), null);
    Files.createDirectories(home.resolve("conf"));
    Files.writeString(home.resolve("conf/spark-defaults.conf"), "# x\nspark.a   b c\n");
    // A Java that tells its version and otherwise prints what it was given.
    java("17.0.1");
  }

  private void java(String version) throws IOException {
    executable(
        folder.resolve("jdk/bin/java"),
        """
        #!/bin/bash
        if [[ $1 == -version ]]; then echo 'openjdk version "%s" 2021' >&2; exit; fi
        echo "OMP=$OMP_NUM_THREADS"
        printf '<%%s>\\n' "$@"
        """
            .formatted(version));
  }

  private void built() throws IOException {
    Files.createDirectories(home.resolve("jobs/target"));
    Files.writeString(home.resolve("jobs/target/phiscale-1.0.jar"), "");
    Files.writeString(home.resolve("jobs/target/spark.classpath"), "/m2/spark.jar");
  }

  private static void executable(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    if (text != null) {
      Files.writeString(file, text);
    }
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  private Outcome run(Map<String, String> environment, String... args) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(home.resolve("jobs/bin/phiscale").toString());
    builder.command().addAll(List.of(args));
    for (String variable :
        List.of("SPARK_HOME", "OMP_NUM_THREADS", "PHISCALE_HEAP", "PHISCALE_SKIP_BUILD")) {
      builder.environment().remove(variable);
    }
    builder.environment().put("JAVA_HOME", folder.resolve("jdk").toString());
    builder.environment().putAll(environment);
    Process process = builder.redirectErrorStream(true).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return new Outcome(process.exitValue(), text);
  }

  @Test
  void withoutSparkHomeTheResolvedSparkRunsInside() throws Exception {
    built();

    Outcome outcome =
        run(
            Map.of("PHISCALE_HEAP", "3g", "OMP_NUM_THREADS", "7"),
            "train",
            "--config",
            "a file.conf");

    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.text())
        .contains("OMP=7\n", "<-Xmx3g>\n", "<-Dphiscale.home=" + home + ">\n", "<-Dspark.a=b c>\n")
        .contains("<" + home + "/jobs/target/phiscale-1.0.jar:/m2/spark.jar>\n")
        .endsWith("<io.phiscale.jobs.cli.Phiscale>\n<train>\n<--config>\n<a file.conf>\n");
  }

  @Test
  void coresAreSharedByTheWorkers() throws Exception {
    built();

    assertThat(run(Map.of(), "train", "--set", "train.workers=100000").text())
        .startsWith("OMP=1\n");
    assertThat(run(Map.of(), "train", "--set", "train.workers=1").text())
        .startsWith("OMP=" + Runtime.getRuntime().availableProcessors() + "\n");
  }

  @Test
  void shardingHasTheParallelCollector() throws Exception {
    built();

    assertThat(run(Map.of(), "shard").text()).contains("<-XX:+UseParallelGC>\n");
    assertThat(run(Map.of(), "train").text()).doesNotContain("ParallelGC");
  }

  @Test
  void opensWhatTheBuildOpens() throws Exception {
    built();
    List<String> opened =
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(argument -> argument.startsWith("--add-opens="))
            .toList();
    assertThat(opened).hasSizeGreaterThan(10);

    assertThat(
            Pattern.compile("<(--add-opens=[^>]*)>")
                .matcher(run(Map.of(), "study").text())
                .results()
                .map((MatchResult match) -> match.group(1)))
        .containsExactlyInAnyOrderElementsOf(opened);
  }

  @Test
  void convertHasTheClassesOfHadoopButIsNotSubmitted() throws Exception {
    built();

    Outcome outcome =
        run(Map.of("SPARK_HOME", "/no/spark", "PHISCALE_HEAP", "5g"), "convert", "--input", "a b");

    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.text())
        .contains("<-Xmx5g>\n", "<" + home + "/jobs/target/phiscale-1.0.jar:/m2/spark.jar>\n")
        .doesNotContain("--add-opens")
        .endsWith("<io.phiscale.jobs.cli.Phiscale>\n<convert>\n<--input>\n<a b>\n");
  }

  @Test
  void summaryHelpAndVersionStartNoSpark() throws Exception {
    built();
    Map<String, String> spark = Map.of("SPARK_HOME", "/no/spark");

    for (String[] args :
        List.of(
            new String[] {},
            new String[] {"summary", "--model", "b0"},
            new String[] {"train", "--help"},
            new String[] {"--version"})) {
      Outcome outcome = run(spark, args);
      assertThat(outcome.exitCode()).isZero();
      assertThat(outcome.text())
          // The jars all the same: the commands' classes mention Hadoop's.
          .contains("<" + home + "/jobs/target/phiscale-1.0.jar:/m2/spark.jar>\n")
          .contains("TieredStopAtLevel")
          .doesNotContain("spark-submit", "--add-opens");
    }
  }

  @Test
  void benchComputesInThisProcessWithoutSpark() throws Exception {
    built();

    Outcome outcome = run(Map.of("SPARK_HOME", "/no/spark"), "bench", "step", "--model", "b0");

    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.text())
        .startsWith("OMP=\n<-Xmx4g>\n")
        .contains("<--add-modules=jdk.incubator.vector>\n", "/phiscale-1.0.jar:/m2/spark.jar>\n")
        .doesNotContain("TieredStopAtLevel", "--add-opens", "-Dspark.")
        .endsWith("<io.phiscale.jobs.cli.Phiscale>\n<bench>\n<step>\n<--model>\n<b0>\n");
    assertThat(run(Map.of(), "bench", "--help").text()).doesNotContain("jdk.incubator.vector");
    assertThat(run(Map.of(), "bench", "averaging").text()).contains("--add-opens", "-Dspark.");
    assertThat(run(Map.of(), "bench", "evaluate").text()).contains("--add-opens", "-Dspark.");
    // For executors of local-cluster.
    assertThat(home.resolve("jobs/target/spark-home/jars")).isDirectory();
    assertThat(run(Map.of(), "trian").text()).doesNotContain("jdk.incubator.vector");
  }

  @Test
  void withSparkHomeItsSparkSubmitRuns() throws Exception {
    built();
    executable(folder.resolve("spark/bin/spark-submit"), "#!/bin/bash\nprintf '<%s>\\n' \"$@\"\n");

    Outcome outcome =
        run(
            Map.of(
                "SPARK_HOME",
                folder.resolve("spark").toString(),
                "PHISCALE_SUBMIT_ARGS",
                "--master yarn"),
            "train",
            "--config",
            "x");

    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.text())
        .startsWith("<--class>\n<io.phiscale.jobs.cli.Phiscale>\n")
        .contains("<" + home + "/conf/spark-defaults.conf>\n<--driver-java-options>\n")
        .contains("\"-Dphiscale.home=" + home + "\"")
        .endsWith(
            "<--master>\n<yarn>\n<"
                + home
                + "/jobs/target/phiscale-1.0.jar>\n<train>\n<--config>\n<x>\n");
    assertThat(run(Map.of("SPARK_HOME", "/no/spark"), "train"))
        .isEqualTo(
            new Outcome(1, "phiscale: SPARK_HOME is /no/spark, which holds no bin/spark-submit\n"));
  }

  @Test
  void buildsWhatIsMissingOrOld() throws Exception {
    executable(
        home.resolve("mvnw"),
        """
        #!/bin/bash
        echo "built $*"
        mkdir -p jobs/target
        touch jobs/target/phiscale-1.0.jar jobs/target/spark.classpath
        """);

    assertThat(run(Map.of("PHISCALE_SKIP_BUILD", "1"), "train"))
        .isEqualTo(
            new Outcome(
                1,
                "phiscale: no assembled jar in "
                    + home
                    + "/jobs/target: run ./mvnw -DskipTests package\n"));
    assertThat(run(Map.of(), "train").text())
        .startsWith("phiscale: building (")
        .contains(
            "built -q -Dmaven.test.skip=true -Dspotless.check.skip=true package\n", "<train>\n");
    assertThat(run(Map.of(), "train").text()).doesNotContain("building");

    Files.setLastModifiedTime(
        home.resolve("jobs/target/phiscale-1.0.jar"),
        java.nio.file.attribute.FileTime.fromMillis(0));
    assertThat(run(Map.of("PHISCALE_SKIP_BUILD", "1"), "train").text()).doesNotContain("building");
    assertThat(run(Map.of(), "train").text()).startsWith("phiscale: building (");
  }

  @Test
  void aFailedBuildIsOneLineBelowMavensOwn() throws Exception {
    executable(home.resolve("mvnw"), "#!/bin/bash\necho '[ERROR] no'\nexit 1\n");

    assertThat(run(Map.of(), "train").exitCode()).isEqualTo(1);
    assertThat(run(Map.of(), "train").text())
        .endsWith(
            "[ERROR] no\nphiscale: the build failed; see above, or run ./mvnw package in "
                + home
                + "\n");
  }

  @Test
  void javaMustBeThereAndBe17() throws Exception {
    built();
    assertThat(run(Map.of("JAVA_HOME", "/no/jdk"), "train"))
        .isEqualTo(
            new Outcome(
                1,
                "phiscale: JAVA_HOME is /no/jdk, which holds no bin/java: set it to a JDK 17\n"));

    java("21.0.1");
    assertThat(run(Map.of(), "train"))
        .isEqualTo(
            new Outcome(
                1,
                "phiscale: Java 21 at "
                    + folder
                    + "/jdk/bin/java, but Spark 3.5 and ND4J need 17: set JAVA_HOME to a JDK 17\n"));
  }
}
