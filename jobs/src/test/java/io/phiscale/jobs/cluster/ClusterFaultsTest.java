package io.phiscale.jobs.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.JvmProcess;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.jobs.support.StandaloneCluster;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What may happen to a cluster while it trains, made to happen by {@code kill}: every run ends with
 * the bytes of the one that nothing happened to.
 */
class ClusterFaultsTest {
  private static final Duration PATIENCE = Duration.ofMinutes(5);
  private static final int EPOCHS = 2;
  private static final int ROUNDS = 6;

  /** Spark's scheduler, as the driver logs it. */
  private static final Pattern TRAINING_STARTED =
      Pattern.compile("Starting task 0\\.0 in stage \\d+\\.\\d+ ");

  private static final Pattern TASK_RUN_AGAIN =
      Pattern.compile("Starting task \\d+\\.[1-9]\\d* in stage|Resubmitted|Resubmitting");

  @TempDir static Path folder;
  private static StandaloneCluster cluster;
  private static String unbroken;

  @BeforeAll
  static void trainUnbroken() throws Exception {
    SmallImages.write(folder.resolve("images"), 80);
    Map<String, String> values = values("unbroken");
    PhiscaleConfiguration sharding = LocalSpark.configuration(folder, values);
    try (SparkSession session = LocalSpark.open(sharding)) {
      new ShardJob(session, sharding).run();
    }
    cluster = new StandaloneCluster(folder.resolve("cluster"), 2);
    try (JvmProcess driver = train("unbroken", Map.of())) {
      ended(driver);
    }
    unbroken = digest("unbroken");
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void anExecutorKilledInARound() throws Exception {
    try (JvmProcess driver = train("executor", Map.of())) {
      inRound(driver, 3);
      JvmProcess.kill(cluster.executor(1));
      driver.await(TASK_RUN_AGAIN, PATIENCE);
      ended(driver);
    }
    assertThat(digest("executor")).isEqualTo(unbroken);
  }

  @Test
  void aWorkerKilledInARound() throws Exception {
    try (JvmProcess driver = train("worker", Map.of())) {
      inRound(driver, 3);
      cluster.killWorker(1);
      driver.await(TASK_RUN_AGAIN, PATIENCE);
      ended(driver);
    } finally {
      cluster.replaceWorker(1);
    }
    assertThat(digest("worker")).isEqualTo(unbroken);
  }

  @Test
  void aDriverKilledInARoundAndStartedAgain() throws Exception {
    try (JvmProcess driver = train("driver", Map.of())) {
      // After the checkpoint of the first epoch, in the second round of the next one.
      inRound(driver, 5);
      driver.kill();
    }
    assertThat(store("driver").latest().orElseThrow().info().progress().round()).isEqualTo(3);
    try (JvmProcess driver = train("driver", Map.of())) {
      driver.await(Pattern.compile("resumed after round 3 of " + ROUNDS), PATIENCE);
      ended(driver);
    }
    assertThat(digest("driver")).isEqualTo(unbroken);
  }

  @Test
  void aStragglerAndSpeculation() throws Exception {
    Map<String, String> speculation = new LinkedHashMap<>();
    speculation.put("spark.speculation", "true");
    speculation.put("spark.speculation.quantile", "0.5");
    speculation.put("spark.speculation.minTaskRuntime", "100ms");
    try (JvmProcess driver = train("straggler", speculation)) {
      inRound(driver, 3);
      ProcessHandle straggler = cluster.executor(1);
      JvmProcess.signal(straggler, "STOP");
      try {
        // The other one's copy makes the round.
        driver.await(progress(4), PATIENCE);
      } finally {
        JvmProcess.signal(straggler, "CONT");
      }
      ended(driver);
      assertThat(driver.output()).contains("as speculatable");
    }
    assertThat(digest("straggler")).isEqualTo(unbroken);
  }

  @Test
  void executorsComeAndGoByDynamicAllocation() throws Exception {
    Map<String, String> dynamic = new LinkedHashMap<>();
    dynamic.put("spark.dynamicAllocation.enabled", "true");
    dynamic.put("spark.dynamicAllocation.shuffleTracking.enabled", "true");
    dynamic.put("spark.dynamicAllocation.minExecutors", "1");
    dynamic.put("spark.dynamicAllocation.initialExecutors", "1");
    dynamic.put("spark.dynamicAllocation.maxExecutors", "2");
    // Whole seconds: Spark refuses what it rounds to none.
    dynamic.put("spark.dynamicAllocation.schedulerBacklogTimeout", "1s");
    dynamic.put("spark.dynamicAllocation.executorIdleTimeout", "1s");
    dynamic.put("spark.dynamicAllocation.shuffleTracking.timeout", "1s");
    try (JvmProcess driver = train("dynamic", dynamic)) {
      // The first round has one executor for two workers; a second one follows.
      driver.await(Pattern.compile("Requesting 1 new executor"), PATIENCE);
      ended(driver);
    }
    assertThat(digest("dynamic")).isEqualTo(unbroken);
  }

  @Test
  void aClusterWithoutRoomForAnExecutorIsNamed() throws Exception {
    Map<String, String> large = Map.of("spark.executor.memory", "64g");
    try (JvmProcess driver = train("roomless", large, Map.of("train.deadline", "5 s"))) {
      assertThat(driver.exitCode(PATIENCE)).isEqualTo(1);
      assertThat(driver.output())
          .contains(
              "phiscale train: Round 1 did not end within PT5S (train.deadline); waited for"
                  + " executors: none is there (does the cluster have free cores and memory for"
                  + " one?)");
    }
  }

  /** Waits until a round's training runs: the one before is averaged, its own tasks have begun. */
  private static void inRound(JvmProcess driver, int round) throws InterruptedException {
    driver.await(progress(round - 1), PATIENCE);
    MatchResult started = driver.await(TRAINING_STARTED, PATIENCE);
    assertThat(started.group()).isNotEmpty();
  }

  private static Pattern progress(int round) {
    return Pattern.compile("  round " + round + "/" + ROUNDS + "  ");
  }

  private static void ended(JvmProcess driver) throws InterruptedException {
    assertThat(driver.exitCode(PATIENCE)).as(driver.output()).isZero();
  }

  private static JvmProcess train(String run, Map<String, String> spark) throws IOException {
    return train(run, spark, Map.of());
  }

  private static JvmProcess train(String run, Map<String, String> spark, Map<String, String> more)
      throws IOException {
    Map<String, String> values = new LinkedHashMap<>(values(run));
    values.putAll(more);
    values.putAll(cluster.configuration());
    spark.forEach((key, value) -> values.put("spark.properties.\"" + key + "\"", value));
    Path file = folder.resolve(run + ".conf");
    Files.writeString(file, "name = test\n");
    List<String> arguments = new ArrayList<>(List.of("train", "--config", file.toString()));
    values.forEach((key, value) -> arguments.addAll(List.of("--set", key + "=" + value)));
    return cluster.phiscale(arguments);
  }

  private static Map<String, String> values(String run) {
    Map<String, String> values = new LinkedHashMap<>(LocalSpark.tinyTraining());
    values.put("data.source.layout", "class-folders");
    values.put("data.source.train", folder.resolve("images").toString());
    values.put("data.source.validation.uri", "null");
    values.put("data.shards", folder.resolve("shards").toUri().toString());
    values.put("data.row-group-bytes", "4KiB");
    // 240 images: three rounds an epoch, each some tenths of a second.
    values.put("network.custom.resolution", "64");
    values.put("train.averaging.local-steps", "5");
    values.put("train.epochs", Integer.toString(EPOCHS));
    values.put("train.checkpoint.keep", "2");
    values.put("train.output", folder.resolve(run).toUri().toString());
    values.put("train.deadline", "5 minutes");
    return values;
  }

  private static CheckpointStore store(String run) {
    return new CheckpointStore(Storage.of(Map.of()), folder.resolve(run).toUri());
  }

  /** SHA-256 of the last checkpoint's state.bin, which must be the one it says. */
  private static String digest(String run) throws Exception {
    Path state = Path.of(store(run).location(ROUNDS)).resolve("state.bin");
    String found =
        HexFormat.of()
            .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(state)));
    assertThat(store(run).latest().orElseThrow().info().stateSha256()).isEqualTo(found);
    return found;
  }
}
