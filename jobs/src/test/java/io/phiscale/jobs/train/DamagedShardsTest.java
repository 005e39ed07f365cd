package io.phiscale.jobs.train;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.run.SkippedImages;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is damaged in the shards is skipped, counted and named, and the rest trained on as ever. */
class DamagedShardsTest {
  private static final Storage STORAGE = Storage.of(Map.of());

  @TempDir static Path folder;

  private static PhiscaleConfiguration configuration(String run, Map<String, String> values)
      throws IOException {
    Map<String, String> all = new TreeMap<>(LocalSpark.tinyTraining());
    all.put("data.source.layout", "class-folders");
    all.put("data.source.train", folder.resolve("images").toString());
    all.put("data.source.validation.uri", "null");
    all.put("data.row-group-bytes", "1KiB");
    all.put("data.shard-bytes", "3KiB");
    all.put("train.output", folder.resolve(run).toUri().toString());
    // Rounds of six images, so that all of a round's may be lost.
    all.put("train.workers", "2");
    all.put("train.batch-size", "3");
    all.put("train.averaging.local-steps", "1");
    all.put("train.max-skipped-fraction", "0.6");
    all.putAll(values);
    return LocalSpark.configuration(folder, all);
  }

  @Test
  void damageIsSkippedCountedAndNamedAndAResumedRunAgrees() throws Exception {
    SmallImages.write(folder.resolve("images"), 24);
    PhiscaleConfiguration unbroken = configuration("unbroken", Map.of());
    try (SparkSession session = LocalSpark.open(unbroken)) {
      ShardManifest manifest = new ShardJob(session, unbroken).run().manifest();
      List<RowGroup> groups = manifest.rowGroups(unbroken.data().shards(), "train");
      List<URI> files = groups.stream().map(RowGroup::file).distinct().toList();
      assertThat(files).hasSizeGreaterThan(2);
      // Another file than those below, so that these stay what is described.
      RowGroup oneImage = groups.get(0);
      RowGroup wholeGroup = groups.stream().filter(of(files.get(1))).findFirst().orElseThrow();
      List<RowGroup> cutOff = groups.stream().filter(of(files.get(2))).toList();
      ShardRecord damaged = RowGroupReader.read(STORAGE, oneImage).get(1);
      flip(oneImage, damaged.image(), 60);
      flip(
          wholeGroup,
          RowGroupReader.read(STORAGE, wholeGroup).get(0).sha256().getBytes(US_ASCII),
          5);
      Path shortened = Path.of(files.get(2));
      byte[] bytes = Files.readAllBytes(shortened);
      Files.write(shortened, Arrays.copyOf(bytes, bytes.length / 2));
      int lost = wholeGroup.rows() + cutOff.stream().mapToInt(RowGroup::rows).sum();

      List<String> said = new ArrayList<>();
      TrainJob.Result expected =
          new TrainJob(session, unbroken)
              .run(
                  new TrainingListener() {
                    @Override
                    public void said(String line) {
                      said.add(line);
                    }
                  });
      Map<String, Long> byReason =
          expected.skipped().stream()
              .collect(
                  Collectors.groupingBy(
                      SkippedImages::reason, Collectors.summingLong(SkippedImages::images)));
      assertThat(byReason)
          .isEqualTo(Map.of("checksum-mismatch", 2L, "damaged-row-group", 2L * lost));
      assertThat(expected.checkpoint().info().progress().images()).isEqualTo(2 * (72L - lost - 1));
      assertThat(expected.metrics().stream().mapToLong(RoundMetrics::skipped).sum())
          .isEqualTo(2L * (lost + 1));
      // Some round had nothing left, and changed nothing.
      assertThat(expected.metrics()).anySatisfy(round -> assertThat(round.loss()).isNaN());
      assertThat(expected.checkpoint().parameters()).doesNotContain(Float.NaN);
      assertThat(expected.skipped())
          .filteredOn(entry -> entry.reason().equals("checksum-mismatch"))
          .allSatisfy(
              entry -> {
                assertThat(entry.key()).isEqualTo(damaged.key());
                assertThat(entry.shard()).isEqualTo(oneImage.file().toString());
                assertThat(entry.rowGroup()).isEqualTo(oneImage.ordinal());
                assertThat(entry.cause())
                    .isEqualTo("its SHA-256 is not %s, as it was when stored", damaged.sha256());
              });
      assertThat(expected.skipped())
          .filteredOn(entry -> entry.shard().equals(wholeGroup.file().toString()))
          .allSatisfy(
              entry ->
                  assertThat(entry.cause())
                      .startsWith("Cannot read row group 0 of " + wholeGroup.file())
                      .contains("CRC checksum verification failed"))
          .extracting(SkippedImages::images)
          .satisfies(
              counts ->
                  assertThat(counts.stream().mapToLong(Long::longValue).sum())
                      .isEqualTo(2L * wholeGroup.rows()));
      assertThat(expected.skipped())
          .filteredOn(entry -> entry.shard().equals(files.get(2).toString()))
          .isNotEmpty()
          .allSatisfy(
              entry -> assertThat(entry.cause()).startsWith("Cannot read shard " + files.get(2)));
      assertThat(said.get(0))
          .startsWith("skipped %s of 144 images".formatted(2 * (lost + 1)))
          .endsWith(
              "checksum-mismatch 2, damaged-row-group %s, all in %s"
                  .formatted(2 * lost, Storage.uri(folder.resolve("unbroken/skipped").toString())));
      assertThat(said).anySatisfy(line -> assertThat(line).contains(" images in row group "));

      PhiscaleConfiguration broken = configuration("broken", Map.of("spark.master", "local[*]"));
      assertThatThrownBy(() -> new TrainJob(session, broken).run(new Killer(15)))
          .isInstanceOf(Killed.class);
      TrainJob.Result resumed = new TrainJob(session, broken).run(TrainingListener.SILENT);
      assertThat(resumed.skipped()).isEqualTo(expected.skipped());
      assertThat(resumed.checkpoint().parameters())
          .containsExactly(expected.checkpoint().parameters());

      theLimitEndsTheRun(session, lost);
    }
  }

  private static void theLimitEndsTheRun(SparkSession session, int lost) throws Exception {
    PhiscaleConfiguration strict =
        configuration("strict", Map.of("train.max-skipped-fraction", "0.02"));
    assertThatThrownBy(() -> new TrainJob(session, strict).run(TrainingListener.SILENT))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("of the 72 images of epoch 1 are damaged in the shards")
        .hasMessageContaining("more than train.max-skipped-fraction = 0.02; most of them: ")
        .hasMessageContaining("images in row group ")
        .hasMessageContaining(folder.resolve("shards").toUri().getPath())
        .hasMessageContaining("damaged-row-group: Cannot read ");
    RunDirectory directory = new RunDirectory(STORAGE, folder.resolve("strict").toUri());
    assertThat(directory.skipped(Integer.MAX_VALUE)).isNotEmpty();

    // It may be raised for the same run.
    double enough = (lost + 1) / 72.0;
    PhiscaleConfiguration raised =
        configuration(
            "strict",
            Map.of("train.max-skipped-fraction", Double.toString(enough), "train.epochs", "1"));
    assertThat(new TrainJob(session, raised).run(TrainingListener.SILENT).skipped())
        .allSatisfy(entry -> assertThat(entry.epoch()).isZero());
  }

  private static java.util.function.Predicate<RowGroup> of(URI file) {
    return group -> group.file().equals(file);
  }

  /** Changes one byte of the file, in the place of some bytes. */
  static void flip(RowGroup group, byte[] place, int index) throws IOException {
    Path file = Path.of(group.file());
    byte[] bytes = Files.readAllBytes(file);
    for (int at = 0; at + place.length <= bytes.length; at++) {
      if (Arrays.equals(bytes, at, at + place.length, place, 0, place.length)) {
        bytes[at + index] ^= 1;
        Files.write(file, bytes);
        return;
      }
    }
    throw new IllegalStateException("Not in " + file);
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Ends the driver's loop as a kill would: nothing is written after it. */
  private record Killer(int round) implements TrainingListener {
    @Override
    public void completed(RoundMetrics metrics) {
      if (metrics.round() == round) {
        throw new Killed();
      }
    }
  }
}
