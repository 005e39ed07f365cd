package io.phiscale.jobs.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.pipeline.shard.ChecksumPolicy;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.storage.Storage;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardJobTest {
  private static final Storage STORAGE = Storage.of(Map.of());

  @TempDir Path folder;

  @Test
  void shardsTheBundledImagesTheSameWayInEveryRun() throws IOException {
    PhiscaleConfiguration once = LocalSpark.configuration(folder.resolve("once"), Map.of());
    PhiscaleConfiguration again =
        LocalSpark.configuration(
            folder.resolve("again"), Map.of("spark.properties.\"spark.default.parallelism\"", "1"));
    ShardManifest first = run(once).manifest();
    ShardManifest second = run(again).manifest();
    assertThat(first.split("train").images()).isEqualTo(4_000);
    assertThat(first.split("val").images()).isEqualTo(2_000);
    assertThat(first.split("train").imagesPerClass()).containsOnly(400L).hasSize(10);
    assertThat(first.labels().names().get(0)).isEqualTo("ankle-boot");
    assertThat(first.split("train").rejected()).isZero();
    assertThat(first.split("train").files().size()).isGreaterThan(1);
    assertThat(second.contentDigest()).isEqualTo(first.contentDigest());
    List<ShardRecord> head = new ArrayList<>();
    URI root = once.data().shards();
    for (RowGroup group : first.rowGroups(root, "train").subList(0, 2)) {
      head.addAll(RowGroupReader.read(STORAGE, group, ChecksumPolicy.VERIFY));
    }
    assertThat(head.stream().map(ShardRecord::label).distinct().count())
        .as("classes among the first images: they are shuffled")
        .isEqualTo(10);
    ShardRecord image = head.get(0);
    assertThat(image.key()).startsWith(first.labels().name(image.label()) + "/");
    assertThat(image.width()).isEqualTo(28);
    assertThat(image.format()).isEqualTo("png");
  }

  @Test
  void aSecondRunFindsTheShardsAndOtherShardsAreNotOverwritten() throws IOException {
    PhiscaleConfiguration configuration = small(Map.of());
    assertThat(run(configuration)).isInstanceOf(ShardJob.Result.Written.class);
    assertThat(run(configuration)).isInstanceOf(ShardJob.Result.AlreadyThere.class);
    assertThatThrownBy(() -> run(small(Map.of("data.seed", "7"))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("Shards of another configuration lie in file:");
  }

  @Test
  void holdsOutAFractionOfTheTrainingImagesBySeed() throws IOException {
    ShardManifest manifest =
        run(small(Map.of("data.source.validation-fraction", "0.25"))).manifest();
    assertThat(manifest.split("train").images() + manifest.split("val").images()).isEqualTo(40);
    assertThat(manifest.split("val").images()).isBetween(4L, 16L);
  }

  @Test
  void badImagesAreCountedAndKeptInATableIfFewEnough() throws IOException {
    PhiscaleConfiguration configuration = small(Map.of("data.max-reject-fraction", "0.1"));
    Files.writeString(folder.resolve("images/cat/broken.jpg"), "not an image");
    Files.write(folder.resolve("images/dog/empty.png"), new byte[0]);
    try (SparkSession session = LocalSpark.open(configuration)) {
      ShardManifest manifest = new ShardJob(session, configuration).run().manifest();
      assertThat(manifest.split("train").rejects())
          .containsExactlyInAnyOrderEntriesOf(
              Map.of(RejectReason.UNSUPPORTED_FORMAT, 1L, RejectReason.EMPTY, 1L));
      List<Row> rejects =
          session
              .read()
              .parquet(configuration.data().shards() + "/rejects")
              .orderBy("key")
              .collectAsList();
      assertThat(rejects)
          .extracting(row -> row.getString(0))
          .containsExactly("cat/broken.jpg", "dog/empty.png");
      assertThat(rejects)
          .extracting(row -> row.getString(2))
          .containsExactly("unsupported-format", "empty");
    }
  }

  @Test
  void tooManyBadImagesFailTheJobBeforeAnythingIsWritten() throws IOException {
    PhiscaleConfiguration configuration = small(Map.of());
    Files.writeString(folder.resolve("images/cat/broken.jpg"), "not an image");
    assertThatThrownBy(() -> run(configuration))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "1 of 41 images were rejected {train={unsupported-format=1}}, more than"
                + " data.max-reject-fraction = 0.0 allows; nothing was written");
    assertThat(folder.resolve("shards")).doesNotExist();
  }

  private ShardJob.Result run(PhiscaleConfiguration configuration) throws IOException {
    try (SparkSession session = LocalSpark.open(configuration)) {
      return new ShardJob(session, configuration).run();
    }
  }

  /** 40 images in two class folders. */
  private PhiscaleConfiguration small(Map<String, String> values) throws IOException {
    Path images = folder.resolve("images");
    if (!Files.exists(images)) {
      for (String name : List.of("cat", "dog")) {
        Files.createDirectories(images.resolve(name));
        for (int i = 0; i < 20; i++) {
          BufferedImage image = new BufferedImage(16, 12, BufferedImage.TYPE_INT_RGB);
          image.setRGB(i % 16, 3, 0xff8000 + i);
          ImageIO.write(image, "png", images.resolve(name + "/" + i + ".png").toFile());
        }
      }
    }
    try (Stream<Path> all = Files.list(images)) {
      assertThat(all).hasSize(2);
    }
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("data.source.layout", "class-folders");
    settings.put("data.source.train", images.toString());
    settings.put("data.source.validation.uri", "null");
    settings.putAll(values);
    return LocalSpark.configuration(folder, settings);
  }
}
