package io.phiscale.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.cli.Console;
import io.phiscale.jobs.cli.Phiscale;
import io.phiscale.jobs.cli.SparkJobRunner;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.support.EmbeddedS3;
import io.phiscale.jobs.support.EventFileReader;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole chain with every byte on object storage: images, shards, checkpoints, reports. */
class S3ChainTest {
  @TempDir Path folder;

  @Test
  void shardsTrainsAndEvaluatesWhollyOnS3() throws Exception {
    try (EmbeddedS3 s3 = new EmbeddedS3(folder.resolve("s3"))) {
      Map<String, String> values = values(s3);
      PhiscaleConfiguration configuration = LocalSpark.configuration(folder, values);
      Storage storage = Storage.of(configuration.storage().hadoopProperties());
      Path images = SmallImages.write(folder.resolve("images"), 24);
      FileSystem fileSystem = storage.fileSystem(EmbeddedS3.uri(""));
      fileSystem.copyFromLocalFile(
          new org.apache.hadoop.fs.Path(images.toUri()),
          new org.apache.hadoop.fs.Path(EmbeddedS3.uri("images")));

      for (String job : List.of("shard", "train", "evaluate")) {
        Outcome outcome = run(job, values);
        assertThat(outcome.exitCode()).as(job + ": " + outcome.err()).isZero();
      }

      URI shards = configuration.data().shards();
      assertThat(ShardManifest.read(storage, shards).split("train").images()).isPositive();
      assertThat(storage.readUtf8(Storage.resolve(shards, "train/_SUCCESS")))
          .as("_SUCCESS names the committer")
          .contains("\"committer\":\"magic\"");
      assertThat(storage.exists(EmbeddedS3.uri("run/checkpoints/latest.json"))).isTrue();
      assertThat(storage.listRecursively(EmbeddedS3.uri("run/tensorboard")))
          .as("an event file per checkpoint")
          .hasSize(2)
          .allSatisfy(
              file -> assertThat(EventFileReader.read(storage.readFully(file.uri()))).isNotEmpty());
      assertThat(storage.readUtf8(EmbeddedS3.uri("evaluation/report.html"))).contains("phi-0");
      assertThat(storage.readUtf8(EmbeddedS3.uri("run/run.json")))
          .doesNotContain(values.get("storage.s3.secret-key"));
    }
  }

  @Test
  void aWrongSecretIsOneClearLine() throws Exception {
    try (EmbeddedS3 s3 = new EmbeddedS3(folder.resolve("s3"))) {
      Map<String, String> values = values(s3);
      values.put("storage.s3.secret-key", "not-the-secret");
      Outcome outcome = run("shard", values);
      assertThat(outcome.exitCode()).isEqualTo(1);
      assertThat(outcome.err().lines().filter(line -> line.startsWith("phiscale")))
          .singleElement()
          .asString()
          .startsWith("phiscale shard: ")
          .contains("Access denied", "s3a://phiscale/", "storage.s3")
          .doesNotContain("not-the-secret");
    }
  }

  @Test
  void aContentThatFailsLeavesNoObject() throws Exception {
    try (EmbeddedS3 s3 = new EmbeddedS3(folder.resolve("s3"))) {
      Storage storage =
          Storage.of(LocalSpark.configuration(folder, values(s3)).storage().hadoopProperties());
      Storage.Content failing =
          out -> {
            out.write(new byte[300_000]);
            throw new IOException("no more");
          };
      URI file = EmbeddedS3.uri("mine.safetensors");

      assertThatThrownBy(() -> storage.writeAtomically(file, failing))
          .hasMessageStartingWith("Cannot write " + file + " (endpoint http://127.0.0.1:")
          .hasMessageEndingWith("): no more");
      assertThat(storage.exists(file)).isFalse();

      storage.writeUtf8Atomically(file, "old");
      assertThatThrownBy(() -> storage.writeAtomically(file, failing))
          .hasMessageStartingWith("Cannot write " + file + " (endpoint http://127.0.0.1:")
          .hasMessageEndingWith("): no more");
      assertThat(storage.readUtf8(file)).isEqualTo("old");
    }
  }

  private static Map<String, String> values(EmbeddedS3 s3) {
    Map<String, String> values = new LinkedHashMap<>(s3.configuration());
    values.put("data.source.layout", "class-folders");
    values.put("data.source.train", EmbeddedS3.uri("images").toString());
    values.put("data.source.validation.uri", "null");
    values.put("data.source.validation-fraction", "0.3");
    values.put("data.shards", EmbeddedS3.uri("shards").toString());
    values.put("train.output", EmbeddedS3.uri("run").toString());
    values.put("evaluate.checkpoint", EmbeddedS3.uri("run").toString());
    values.put("evaluate.output", EmbeddedS3.uri("evaluation").toString());
    values.putAll(LocalSpark.tinyTraining());
    return values;
  }

  private record Outcome(int exitCode, String out, String err) {}

  private Outcome run(String job, Map<String, String> values) throws Exception {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    List<String> arguments = new ArrayList<>(List.of(job));
    Path file = folder.resolve("experiment.conf");
    Files.writeString(file, "name = test\n");
    arguments.addAll(List.of("--config", file.toString()));
    values.forEach(
        (key, value) -> {
          arguments.add("--set");
          arguments.add(key + "=" + value);
        });
    PrintWriter outWriter = new PrintWriter(out, true);
    PrintWriter errWriter = new PrintWriter(err, true);
    int exitCode =
        new Phiscale(SparkJobRunner::new, new Console(outWriter, errWriter, Console.Terminal.PLAIN))
            .execute(outWriter, errWriter, arguments.toArray(String[]::new));
    return new Outcome(exitCode, out.toString(), err.toString());
  }
}
