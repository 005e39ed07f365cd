package io.phiscale.jobs.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetJobsTest {
  private static final Storage STORAGE = Storage.of(Map.of());

  @TempDir static Path folder;
  private static PhiscaleConfiguration configuration;
  private static SparkSession session;

  @BeforeAll
  static void shard() throws IOException {
    Path images = SmallImages.write(folder.resolve("images"), 12);
    Files.writeString(images.resolve("bar/<b>broken.png"), "no image");
    configuration =
        LocalSpark.configuration(
            folder,
            Map.of(
                "data.source.layout", "class-folders",
                "data.source.train", images.toString(),
                "data.source.validation.uri", "null",
                "data.max-reject-fraction", "0.1",
                "data.deduplicate", "none",
                "data.row-group-bytes", "1KiB"));
    session = LocalSpark.open(configuration);
    new ShardJob(session, configuration).run();
  }

  @AfterAll
  static void close() {
    session.close();
  }

  private static ShardManifest manifest() throws IOException {
    return ShardManifest.read(STORAGE, configuration.data().shards());
  }

  @Test
  void tableShowsSplitsRejectsAndClasses() throws IOException {
    String table = DatasetTable.of(manifest(), 2);
    assertThat(table)
        .contains("test: 3 classes, seed 0")
        .containsPattern("train +36 +1 +0\\.0 +1 +\\{unsupported-format=1\\}")
        .containsPattern("0 +bar +12")
        .containsPattern("1 +disc +12")
        .containsPattern("\\.\\.\\. +1 more +12")
        .doesNotContain("frame");
  }

  @Test
  void everyImageIsVerified() throws IOException {
    VerifyJob.Result result = new VerifyJob(session, configuration).run();
    assertThat(result).isEqualTo(new VerifyJob.Result(1, 36, List.of()));
  }

  /**
   * A flipped bit in an image is found, named by file and key; the other row groups are still read.
   */
  @Test
  void aFlippedBitAndAMissingFileAreFound() throws IOException {
    Path copy = folder.resolve("copy");
    copy(Path.of(configuration.data().shards()), copy);
    String path = manifest().split("train").files().get(0).path();
    Path shard = copy.resolve(path);
    Files.deleteIfExists(shard.resolveSibling("." + shard.getFileName() + ".crc"));
    byte[] bytes = Files.readAllBytes(shard);
    int at = indexOf(bytes, "IDAT");
    bytes[at + 6] ^= 1;
    Files.write(shard, bytes);
    PhiscaleConfiguration damaged =
        configuration.override(Map.of("data.shards", copy.toUri().toString()));
    VerifyJob.Result result = new VerifyJob(session, damaged).run();
    assertThat(result.damages()).hasSize(1);
    assertThat(result.damages().get(0).file()).isEqualTo(path);
    assertThat(result.damages().get(0).cause()).startsWith("Checksum mismatch in row ");
    assertThat(result.images()).isBetween(1L, 35L);

    Files.delete(shard);
    VerifyJob.Result missing = new VerifyJob(session, damaged).run();
    assertThat(missing.images()).isZero();
    assertThat(missing.damages())
        .singleElement()
        .satisfies(damage -> assertThat(damage.cause()).contains(shard.getFileName().toString()));
  }

  @Test
  void contactSheetHasPicturesOfEachClassAndTheRejects() throws IOException {
    URI page = folder.resolve("sheet.html").toUri();
    SampleJob job = new SampleJob(session, configuration);
    assertThat(job.run(new SampleJob.Request("train", 4, 10, 1), page)).isEqualTo(12);
    String html = STORAGE.readUtf8(page);
    assertThat(html.split("src=\"data:image/png;base64,iVBOR", -1)).hasSize(13);
    assertThat(html)
        .contains("<h2>bar</h2>", "<h2>disc</h2>", "<h2>frame</h2>", "16 x 16 px")
        .contains("bar/&lt;b&gt;broken.png", "<td>unsupported-format")
        .doesNotContain("<b>broken");
    assertThat(job.run(new SampleJob.Request("train", 4, 10, 1), folder.resolve("b.html").toUri()))
        .isEqualTo(12);
    assertThat(STORAGE.readUtf8(folder.resolve("b.html").toUri())).isEqualTo(html);
    job.run(new SampleJob.Request("train", 4, 10, 2), folder.resolve("c.html").toUri());
    assertThat(STORAGE.readUtf8(folder.resolve("c.html").toUri())).isNotEqualTo(html);
    assertThatThrownBy(() -> job.run(new SampleJob.Request("val", 4, 10, 1), page))
        .hasMessage("Invalid split: val (data set test has train)");
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path path : all.toList()) {
        Path target = to.resolve(from.relativize(path).toString());
        if (Files.isDirectory(path)) {
          Files.createDirectories(target);
        } else {
          Files.copy(path, target);
        }
      }
    }
  }

  private static int indexOf(byte[] bytes, String text) {
    return new String(bytes, StandardCharsets.ISO_8859_1).indexOf(text);
  }
}
