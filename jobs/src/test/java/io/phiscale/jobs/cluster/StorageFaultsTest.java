package io.phiscale.jobs.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.EmbeddedS3;
import io.phiscale.jobs.support.FaultyProxy;
import io.phiscale.jobs.support.FaultyProxy.Fault;
import io.phiscale.jobs.support.FaultyProxy.Made;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.jobs.train.TrainJob;
import io.phiscale.jobs.train.TrainingListener;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jobs on an object store that refuses, resets, breaks off, creeps, and never answers. */
class StorageFaultsTest {
  @TempDir static Path folder;
  private static EmbeddedS3 s3;
  private static FaultyProxy proxy;
  private static SparkSession session;
  private static String unbroken;

  @BeforeAll
  static void trainUnbroken() throws Exception {
    s3 = new EmbeddedS3(folder.resolve("s3"));
    proxy = new FaultyProxy(s3.endpoint());
    SmallImages.write(folder.resolve("images"), 24);
    PhiscaleConfiguration configuration = configuration("unbroken", Map.of());
    session = LocalSpark.open(configuration);
    new ShardJob(session, configuration).run();
    unbroken = train(configuration).info().stateSha256();
  }

  @AfterAll
  static void stop() throws IOException {
    session.close();
    proxy.close();
    s3.close();
  }

  @Test
  void passingFaultsChangeNothing() throws Exception {
    makePassingFaults();
    assertThat(train(configuration("passing", Map.of())).info().stateSha256()).isEqualTo(unbroken);
    List<Made> made = proxy.made();
    assertThat(made).extracting(Made::fault).contains(Fault.SLOW_DOWN, Fault.RESET);
    assertThat(made)
        .anyMatch(one -> one.request().target().contains("/shards/"))
        .anyMatch(one -> one.request().target().contains("/passing/checkpoints/"));
  }

  /** The images come from the store, too. */
  @Test
  void passingFaultsChangeNeitherShardsNorAnEvaluation() throws Exception {
    Map<String, String> values =
        Map.of(
            "data.source.train", EmbeddedS3.uri("images").toString(),
            "data.shards", EmbeddedS3.uri("shards-again").toString(),
            "evaluate.checkpoint", EmbeddedS3.uri("unbroken").toString(),
            "evaluate.output", EmbeddedS3.uri("evaluation").toString());
    PhiscaleConfiguration again = configuration("again", values);
    Storage storage = Storage.of(again.storage().hadoopProperties());
    for (StoredFile file : storage.listRecursively(folder.resolve("images").toUri())) {
      String name = Storage.relativePath(folder.resolve("images").toUri(), file.uri());
      storage.writeAtomically(EmbeddedS3.uri("images/" + name), storage.readFully(file.uri()));
    }
    PhiscaleConfiguration evaluated =
        configuration(
            "evaluated", Map.of("evaluate.checkpoint", values.get("evaluate.checkpoint")));
    List<NetworkResult> expected = new EvaluateJob(session, evaluated).run();
    int before = proxy.made().size();

    makePassingFaults();
    ShardManifest shards = new ShardJob(session, again).run().manifest();
    assertThat(shards.contentDigest())
        .isEqualTo(ShardManifest.read(storage, evaluated.data().shards()).contentDigest());
    List<NetworkResult> rows = new EvaluateJob(session, again).run();
    assertThat(rows).hasSameSizeAs(expected).isNotEmpty();
    for (int i = 0; i < rows.size(); i++) {
      assertThat(rows.get(i).score())
          .usingRecursiveComparison()
          .ignoringFields("time")
          .isEqualTo(expected.get(i).score());
    }
    assertThat(proxy.made().subList(before, proxy.made().size()))
        .anyMatch(one -> one.request().target().contains("/images/"))
        .anyMatch(one -> one.request().target().contains("/shards-again/train/"))
        .anyMatch(one -> one.request().target().contains("/shards-again/val/"))
        .extracting(Made::fault)
        .contains(Fault.SLOW_DOWN, Fault.RESET, Fault.TORN_ANSWER, Fault.SLOW_ANSWER);
  }

  @Test
  void aWrongSecretAndAMissingBucketAreTold() {
    PhiscaleConfiguration wrong =
        configuration(
            "wrong", Map.of("storage.s3.secret-key", "another", "evaluate.checkpoint", "x"));
    for (ThrowingCallable job : jobs(wrong)) {
      assertThatThrownBy(job)
          .hasMessageContaining("s3a://phiscale/shards/manifest.json")
          .hasMessageContaining("(endpoint " + proxy.endpoint() + "): Access denied (check the")
          .hasMessageNotContaining("another");
    }
    PhiscaleConfiguration missing =
        configuration(
            "missing", Map.of("data.shards", "s3a://no-such-bucket/x", "evaluate.checkpoint", "x"));
    for (ThrowingCallable job : jobs(missing)) {
      assertThatThrownBy(job)
          .hasMessageContaining("s3a://no-such-bucket/x")
          .hasMessageContaining(
              "(endpoint "
                  + proxy.endpoint()
                  + "): there is no bucket no-such-bucket (make it, or mend the name)");
    }
  }

  /** S3 answers a token that has expired with 400, and a HEAD has no body to say why. */
  @Test
  void expiredCredentialsAreTold() {
    proxy.make(request -> Fault.EXPIRED);
    PhiscaleConfiguration expired = configuration("expired", Map.of("evaluate.checkpoint", "x"));
    for (ThrowingCallable job : jobs(expired)) {
      assertThatThrownBy(job)
          .hasMessageContaining("s3a://phiscale/shards/manifest.json")
          .hasMessageContaining("(endpoint " + proxy.endpoint() + ")")
          .hasMessageContaining("expired");
    }
  }

  private static List<ThrowingCallable> jobs(PhiscaleConfiguration configuration) {
    return List.of(
        () -> new ShardJob(session, configuration).run(),
        () -> new EvaluateJob(session, configuration).run(),
        () -> train(configuration));
  }

  /** Of every seven requests four meet a fault, the tries after faults included. */
  private static void makePassingFaults() {
    proxy.make(
        request ->
            switch (request.number() % 7) {
              case 0 -> Fault.SLOW_DOWN;
              case 2 -> Fault.RESET;
              case 3 -> request.method().equals("GET") ? Fault.TORN_ANSWER : Fault.SLOW_DOWN;
              case 5 -> Fault.SLOW_ANSWER;
              default -> Fault.NONE;
            });
  }

  @Test
  void aStoreThatRefusesACheckpointForGoodLosesNothing() throws Exception {
    proxy.make(
        request ->
            request.method().equals("PUT")
                    && request
                        .target()
                        .contains("/refused/checkpoints/round-00000004/checkpoint.json")
                ? Fault.SLOW_DOWN
                : Fault.NONE);
    PhiscaleConfiguration configuration = configuration("refused", Map.of());
    assertThatThrownBy(() -> train(configuration))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("s3a://phiscale/refused/checkpoints/round-00000004/checkpoint.json")
        .hasMessageContaining(proxy.endpoint().toString())
        .hasMessageContaining("503");
    assertThat(newest(configuration).info().progress().round()).isEqualTo(2);

    proxy.make(request -> Fault.NONE);
    assertThat(train(configuration).info().stateSha256()).isEqualTo(unbroken);
  }

  @Test
  void aStoreThatNeverAnswersIsNamed() throws Exception {
    silent("/shards/manifest.json");
    PhiscaleConfiguration configuration =
        configuration(
            "silent",
            Map.of(
                "storage.properties.\"fs.s3a.connection.request.timeout\"", "1s",
                "storage.properties.\"fs.s3a.retry.limit\"", "1"));
    assertThatThrownBy(() -> train(configuration))
        .hasMessageStartingWith("Cannot ")
        .hasMessageContaining("s3a://phiscale/shards/manifest.json")
        .hasMessageContaining("(endpoint " + proxy.endpoint() + ")");
  }

  @Test
  void aRoundWhoseWorkersHangEndsAtItsDeadline() {
    silent("/shards/train/");
    PhiscaleConfiguration configuration = configuration("hanging", Map.of("train.deadline", "10s"));
    assertThatThrownBy(() -> train(configuration))
        .hasMessageStartingWith(
            "Round 1 did not end within PT10S (train.deadline); waited for task ")
        .hasMessageContaining(" on executor driver (")
        .hasMessageEndingWith("There is no earlier checkpoint");
  }

  @Test
  void anEvaluationThatHangsEndsAtItsDeadline() {
    silent("/shards/val/");
    PhiscaleConfiguration configuration =
        configuration(
            "evaluated",
            Map.of(
                "spark.deadline",
                "10s",
                "evaluate.checkpoint",
                EmbeddedS3.uri("unbroken").toString()));
    assertThatThrownBy(() -> new EvaluateJob(session, configuration).run())
        .hasMessageMatching(
            "test: evaluate phi-0 \\(ema\\) on val: no task ended within PT10S"
                + " \\(spark.deadline\\); waited for task 0 of stage \\d+ on executor driver"
                + " \\(\\S+\\), \\d+ s.*");
  }

  @AfterEach
  void heal() {
    proxy.make(request -> Fault.NONE);
  }

  private static void silent(String path) {
    proxy.make(request -> request.target().contains(path) ? Fault.SILENCE : Fault.NONE);
  }

  private static Checkpoint train(PhiscaleConfiguration configuration) throws Exception {
    return new TrainJob(session, configuration).run(TrainingListener.SILENT).checkpoint();
  }

  private static Checkpoint newest(PhiscaleConfiguration configuration) throws IOException {
    Storage storage = Storage.of(configuration.storage().hadoopProperties());
    return new CheckpointStore(storage, Storage.uri(configuration.train().output().toString()))
        .latest()
        .orElseThrow();
  }

  private static PhiscaleConfiguration configuration(String run, Map<String, String> more) {
    Map<String, String> values = new LinkedHashMap<>(s3.configuration(proxy.endpoint()));
    values.putAll(LocalSpark.tinyTraining());
    values.put("data.source.layout", "class-folders");
    values.put("data.source.train", folder.resolve("images").toString());
    values.put("data.source.validation.uri", "null");
    values.put("data.source.validation-fraction", "0.3");
    values.put("data.row-group-bytes", "4KiB");
    values.put("data.shards", EmbeddedS3.uri("shards").toString());
    values.put("train.output", EmbeddedS3.uri(run).toString());
    // About 50 images: two rounds an epoch.
    values.put("train.averaging.local-steps", "2");
    // The same number of tries as by default, with less time between and in them.
    property(values, "fs.s3a.retry.interval", "5ms");
    property(values, "fs.s3a.retry.throttle.interval", "5ms");
    property(values, "fs.s3a.connection.request.timeout", "20s");
    values.putAll(more);
    return LocalSpark.configuration(folder, values);
  }

  private static void property(Map<String, String> values, String key, String value) {
    values.put("storage.properties.\"" + key + "\"", value);
  }
}
