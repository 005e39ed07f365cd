package io.phiscale.jobs.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.doctor.Finding.Outcome;
import io.phiscale.jobs.support.EmbeddedS3;
import io.phiscale.jobs.support.LocalSpark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorTest {
  @TempDir Path folder;

  private static List<Finding> examine(PhiscaleConfiguration configuration) {
    try (SparkSession session = LocalSpark.open(configuration)) {
      return new Doctor(session, configuration).examine();
    }
  }

  private static Finding one(List<Finding> findings, String subject) {
    return findings.stream().filter(f -> f.subject().equals(subject)).findFirst().orElseThrow();
  }

  @Test
  void aHealthyMachineHasNoFailureAndNothingIsLeftBehind() throws IOException {
    List<Finding> findings =
        examine(
            LocalSpark.configuration(
                folder,
                Map.of(
                    "train.output", folder.resolve("runs/a/train").toString(),
                    "evaluate.output", folder.resolve("runs/a/evaluation").toString())));
    assertThat(findings).noneMatch(finding -> finding.outcome() == Outcome.FAILED);
    assertThat(one(findings, "Spark").detail()).contains("1 executor", "train.workers = 2");
    assertThat(one(findings, "oneDNN").detail()).isEqualTo("loads (every executor)");
    assertThat(one(findings, "OpenCV").outcome()).isEqualTo(Outcome.OK);
    assertThat(one(findings, "data set").detail()).contains("yet: shard makes it");
    assertThat(one(findings, "GPU").detail()).contains("not asked for");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void missingImagesUnwritableFoldersAndDamagedManifestsAreNamed() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "in the way");
    Files.createDirectories(folder.resolve("shards"));
    Files.writeString(folder.resolve("shards/manifest.json"), "{}");
    List<Finding> findings =
        examine(
            LocalSpark.configuration(
                folder,
                Map.of(
                    "data.source.train",
                    folder.resolve("nowhere").toString(),
                    "train.output",
                    file.resolve("below").toString(),
                    "train.workers",
                    "64",
                    "spark.master",
                    "local[2]")));
    assertThat(one(findings, "read data.source.train").outcome()).isEqualTo(Outcome.FAILED);
    assertThat(one(findings, "read data.source.train").detail()).contains("nowhere");
    assertThat(one(findings, "write train.output").outcome()).isEqualTo(Outcome.FAILED);
    assertThat(one(findings, "write train.output").detail()).contains("below");
    assertThat(one(findings, "write train.output").advice()).contains("permissions");
    assertThat(one(findings, "data set").outcome()).isEqualTo(Outcome.FAILED);
    assertThat(one(findings, "data set").detail()).contains("no schemaVersion");
    assertThat(one(findings, "Spark").outcome()).isEqualTo(Outcome.WARNING);
    assertThat(one(findings, "Spark").advice()).contains("set train.workers to 2");
  }

  @Test
  void objectStorageIsTriedAndWrongKeysAndBucketsAreTold() throws Exception {
    try (EmbeddedS3 s3 = new EmbeddedS3(folder.resolve("s3"))) {
      Map<String, String> values = new LinkedHashMap<>(s3.configuration());
      values.put("data.source.train", "null");
      values.put("data.shards", EmbeddedS3.uri("shards").toString());
      values.put("train.output", EmbeddedS3.uri("run").toString());
      values.put("evaluate.output", EmbeddedS3.uri("evaluation").toString());
      List<Finding> good = examine(LocalSpark.configuration(folder, values));
      assertThat(good).noneMatch(finding -> finding.outcome() == Outcome.FAILED);
      assertThat(one(good, "committer").detail()).isEqualTo("magic");

      values.put("storage.s3.secret-key", "wrong-secret-0000000000000000000000000000");
      values.put("evaluate.output", "s3a://no-such-bucket/evaluation");
      List<Finding> bad = examine(LocalSpark.configuration(folder, values));
      Finding shards = one(bad, "write data.shards");
      assertThat(shards.outcome()).isEqualTo(Outcome.FAILED);
      assertThat(shards.advice())
          .contains("endpoint http://127.0.0.1:", "bucket " + EmbeddedS3.BUCKET, "secret-key");
      assertThat(bad.toString()).doesNotContain("wrong-secret");

      values.put("storage.s3.secret-key", s3.configuration().get("storage.s3.secret-key"));
      Finding bucket =
          one(examine(LocalSpark.configuration(folder, values)), "write evaluate.output");
      assertThat(bucket.outcome()).isEqualTo(Outcome.FAILED);
      assertThat(bucket.advice()).contains("bucket no-such-bucket");
    }
  }
}
