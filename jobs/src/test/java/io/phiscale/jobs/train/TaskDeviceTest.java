package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.model.train.Accelerators;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which GPU a task computes on. There is none here: ND4J's side is a list of devices. */
class TaskDeviceTest {
  private static final Path SCRIPT =
      Path.of("..", "conf", "getGpusResources.sh").toAbsolutePath().normalize();

  @TempDir Path folder;

  /** Two A100s and an H100, and what was asked of them. */
  private static final class Gpus implements Accelerators {
    private final List<Device> devices =
        List.of(
            new Device(0, "NVIDIA A100-SXM4-40GB", 8, 0),
            new Device(1, "NVIDIA A100-SXM4-40GB", 8, 0),
            new Device(2, "NVIDIA H100 80GB HBM3", 9, 0));
    private final List<Integer> used = new ArrayList<>();

    @Override
    public int count() {
      return devices.size();
    }

    @Override
    public Device device(int index) {
      return devices.get(index);
    }

    @Override
    public int current() {
      return used.isEmpty() ? 0 : used.get(used.size() - 1);
    }

    @Override
    public void use(int index) {
      used.add(index);
    }
  }

  @Test
  void aTaskComputesOnTheGpuThatSparkGaveIt() {
    Gpus gpus = new Gpus();

    assertThat(TaskDevice.bind(List.of("1"), gpus)).isEqualTo(1);
    assertThat(gpus.used).containsExactly(1);
    assertThat(TaskDevice.bind(List.of("0"), gpus)).isZero();
    assertThat(gpus.used).containsExactly(1, 0);
    // Without resource scheduling ND4J's choice stays.
    assertThat(TaskDevice.bind(List.of(), gpus)).isZero();
    assertThat(gpus.used).containsExactly(1, 0);
  }

  @Test
  void whatCannotBeUsedIsSaidAndNotUsed() {
    Gpus gpus = new Gpus();

    assertThatThrownBy(() -> TaskDevice.bind(List.of("2"), gpus))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "Cannot compute on GPU 2 (NVIDIA H100 80GB HBM3, compute capability 9.0): ND4J's CUDA"
                + " 11.6 build has code for 3.7 to 8.9 (Tesla K80, Maxwell, Pascal, Volta, Turing,"
                + " Ampere, Ada) only; use such a GPU, or a build without -Pcuda, which computes on"
                + " the CPU");
    for (String address : List.of("3", "GPU-5a", "-1", "99999999999")) {
      assertThatThrownBy(() -> TaskDevice.bind(List.of(address), gpus))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "Cannot compute on GPU %s: ND4J sees 3 here (the discovery script must give indexes"
                  + " below that, as conf/getGpusResources.sh does)",
              address);
    }
    assertThatThrownBy(() -> TaskDevice.bind(List.of("0", "1"), gpus))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "Cannot compute on GPUs 0, 1 in one task: a worker uses one (set"
                + " spark.task.resource.gpu.amount to 1, or to a fraction to share them)");
    assertThat(gpus.used).isEmpty();
  }

  /** The library is built for 3.7 to 8.6, and such code runs on every GPU of its major version. */
  @ParameterizedTest
  @CsvSource({
    "3,5,false",
    "3,7,true",
    "5,2,true",
    "6,1,true",
    "7,5,true",
    "8,6,true",
    "8,9,true",
    "9,0,false",
    "10,0,false",
    "12,0,false"
  })
  void computeCapabilities(int major, int minor, boolean supported) {
    assertThat(new Accelerators.Device(0, "a GPU", major, minor).problem().isEmpty())
        .isEqualTo(supported);
  }

  @Test
  void onTheCpuBackEndNothingIsBound() {
    assertThat(Accelerators.ofNd4j().count()).isZero();
    assertThat(TaskDevice.bind(List.of("7"), Accelerators.ofNd4j())).isEqualTo(TaskDevice.CPU);
    assertThat(TaskDevice.bind()).isEqualTo(TaskDevice.CPU);
  }

  private record Outcome(int exitCode, String text) {}

  /** Runs the discovery script with a {@code nvidia-smi} that runs this. */
  private Outcome discover(String nvidiaSmi) throws IOException, InterruptedException {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    executable(bin.resolve("nvidia-smi"), nvidiaSmi);
    ProcessBuilder builder = new ProcessBuilder(SCRIPT.toString()).redirectErrorStream(true);
    builder.environment().merge("PATH", bin.toString(), (path, first) -> first + ":" + path);
    Process process = builder.start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    return new Outcome(process.exitValue(), text);
  }

  private static Path executable(Path file, String text) throws IOException {
    Files.writeString(file, "#!/bin/bash\n" + text + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
    return file;
  }

  @Test
  void theDiscoveryScriptSpeaksSparksLanguage() throws Exception {
    Outcome two =
        discover("[[ $* == '--query-gpu=index --format=csv,noheader' ]] && printf '0\\n1\\n'");
    assertThat(two.exitCode()).isZero();
    assertThat(new ObjectMapper().readTree(two.text()))
        .isEqualTo(
            new ObjectMapper().readTree("{\"name\": \"gpu\", \"addresses\": [\"0\", \"1\"]}"));

    assertThat(discover("echo No devices were found").text().strip())
        .isEqualTo("{\"name\": \"gpu\", \"addresses\": []}");

    Outcome none = discover("echo 'NVIDIA-SMI has failed' >&2; exit 9");
    assertThat(none.exitCode()).isEqualTo(1);
    assertThat(none.text())
        .contains("NVIDIA-SMI has failed")
        .contains("getGpusResources.sh: cannot ask nvidia-smi for the GPUs of this machine");
  }

  /** A worker with two GPUs that exist on paper only, found by the script. */
  @Test
  void tasksThatRunAtOnceGetGpusOfTheirOwn() throws Exception {
    Files.createDirectories(folder.resolve("bin"));
    executable(folder.resolve("bin/nvidia-smi"), "printf '0\\n1\\n'");
    Path discovery =
        executable(
            folder.resolve("discover.sh"),
            "PATH=" + folder.resolve("bin") + ":$PATH exec " + SCRIPT);
    Map<String, String> values = new LinkedHashMap<>();
    values.put("spark.master", "local-cluster[1,2,1024]");
    property(values, "spark.worker.resource.gpu.amount", "2");
    property(values, "spark.worker.resource.gpu.discoveryScript", discovery.toString());
    property(values, "spark.executor.resource.gpu.amount", "2");
    property(values, "spark.task.resource.gpu.amount", "1");
    PhiscaleConfiguration configuration = LocalSpark.configuration(folder, values);
    try (SparkSession session = LocalSpark.open(configuration)) {
      JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
      List<String> given = spark.parallelize(List.of(0, 1), 2).mapPartitions(new Given()).collect();

      assertThat(given)
          .containsExactlyInAnyOrder("0 -> 0, without CUDA -1", "1 -> 1, without CUDA -1");
    }
  }

  @Test
  void theExampleAsksForOneGpuPerWorker() {
    PhiscaleConfiguration configuration =
        new ConfigurationLoader().file("../conf/spark/gpu.conf").load();

    assertThat(configuration.sparkProperties())
        .containsEntry("spark.executor.resource.gpu.amount", "1")
        .containsEntry("spark.task.resource.gpu.amount", "1")
        .hasEntrySatisfying(
            "spark.executor.resource.gpu.discoveryScript",
            script -> assertThat(Path.of(script)).hasFileName(SCRIPT.getFileName().toString()));
  }

  private static void property(Map<String, String> values, String key, String value) {
    values.put("spark.properties.\"" + key + "\"", value);
  }

  /** What a task was given, which GPU it takes where there are some, and on this build. */
  private static final class Given implements FlatMapFunction<Iterator<Integer>, String> {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<String> call(Iterator<Integer> ignored) {
      List<String> addresses = TaskDevice.addresses();
      return List.of(
              String.format(
                  "%s -> %s, without CUDA %s",
                  String.join(",", addresses),
                  TaskDevice.bind(addresses, new Gpus()),
                  TaskDevice.bind()))
          .iterator();
    }
  }
}
