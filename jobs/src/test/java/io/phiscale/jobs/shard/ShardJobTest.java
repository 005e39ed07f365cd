package io.phiscale.jobs.shard;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

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
import java.util.Random;
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
    assertThat(first.split("val").statistics().images()).isEqualTo(2_000);
    assertThat(first.split("train").statistics()).isEqualTo(second.split("train").statistics());
    assertThat(first.split("train").statistics().meanWidth()).isEqualTo(28);
    // Fashion-MNIST's published mean and deviation are 0.2860 and 0.3530, over 60,000 images.
    for (int channel = 0; channel < 3; channel++) {
      assertThat(first.split("train").statistics().mean().get(channel))
          .isCloseTo(0.286, within(0.005));
      assertThat(first.split("train").statistics().standardDeviation().get(channel))
          .isCloseTo(0.353, within(0.005));
    }
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

  /**
   * Training images that are in the validation set too are left out and listed; with {@code all}
   * one of two training images with the same bytes as well; with {@code none} none is.
   */
  @Test
  void repeatedImagesAreLeftOutAndListed() throws IOException {
    PhiscaleConfiguration across = withValidation(Map.of());
    try (SparkSession session = LocalSpark.open(across)) {
      ShardManifest manifest = new ShardJob(session, across).run().manifest();
      assertThat(manifest.split("val").images()).isEqualTo(3);
      assertThat(manifest.split("train").images()).isEqualTo(40);
      assertThat(manifest.split("train").rejects())
          .containsExactly(Map.entry(RejectReason.DUPLICATE_CONTENT, 2L));
      List<Row> rejects =
          session
              .read()
              .parquet(across.data().shards() + "/rejects")
              .orderBy("key")
              .collectAsList();
      assertThat(rejects)
          .extracting(row -> row.getString(0))
          .containsExactly("cat/a.png", "dog/b.png");
      assertThat(rejects).extracting(row -> row.getString(1)).containsOnly("train");
      assertThat(rejects.get(0).getString(3))
          .isEqualTo("the same bytes are kept as cat/seen.png of split val");
    }
    ShardManifest all =
        run(withValidation(Map.of("data.deduplicate", "all", "data.shards", folder + "/all")))
            .manifest();
    assertThat(all.split("train").images()).isEqualTo(39);
    assertThat(all.split("train").rejects())
        .containsExactly(Map.entry(RejectReason.DUPLICATE_CONTENT, 3L));
    ShardManifest none =
        run(withValidation(Map.of("data.deduplicate", "none", "data.shards", folder + "/none")))
            .manifest();
    assertThat(none.split("train").images()).isEqualTo(42);
    assertThat(none.split("train").rejected()).isZero();
  }

  /** Parquet would look at the size of a row group again after as many images as tiny ones fit. */
  @Test
  void aTinyFirstImageMakesNoLargeRowGroup() throws IOException {
    Path images = folder.resolve("images");
    Files.createDirectories(images.resolve("even"));
    Files.createDirectories(images.resolve("odd"));
    BufferedImage large = new BufferedImage(80, 80, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 300; i++) {
      Random random = new Random(i);
      for (int pixel = 0; pixel < 80 * 80; pixel++) {
        large.setRGB(pixel % 80, pixel / 80, random.nextInt());
      }
      BufferedImage one = i % 4 == 0 ? large : large.getSubimage(0, 0, 1 + i % 3, 1 + i % 7);
      String name = i % 2 == 0 ? "even" : "odd";
      ImageIO.write(one, "png", images.resolve(name + "/" + i + ".png").toFile());
    }
    long target = 256 * 1024;
    PhiscaleConfiguration configuration =
        LocalSpark.configuration(
            folder,
            Map.of(
                "data.source.layout", "class-folders",
                "data.source.train", images.toString(),
                "data.source.validation.uri", "null",
                "data.deduplicate", "none",
                "data.row-group-bytes", Long.toString(target)));
    List<RowGroup> groups =
        run(configuration).manifest().rowGroups(configuration.data().shards(), "train");
    assertThat(groups.stream().mapToInt(RowGroup::rows).sum()).isEqualTo(300);
    assertThat(groups.stream().mapToLong(RowGroup::bytes).sum()).isGreaterThan(5 * target);
    assertThat(groups)
        .allSatisfy(group -> assertThat(group.bytes()).isLessThan(target + 100 * 80 * 80 * 3 / 2));
  }

  @Test
  void largeImagesAreStoredSmallerIfAskedFor() throws IOException {
    PhiscaleConfiguration configuration = small(Map.of("data.store.short-side", "8"));
    ShardManifest manifest = run(configuration).manifest();
    RowGroup group = manifest.rowGroups(configuration.data().shards(), "train").get(0);
    List<ShardRecord> records = RowGroupReader.read(STORAGE, group, ChecksumPolicy.VERIFY);
    assertThat(records).extracting(ShardRecord::width).containsOnly(11);
    assertThat(records).extracting(ShardRecord::height).containsOnly(8);
    assertThat(records).extracting(ShardRecord::format).containsOnly("jpeg");
  }

  /**
   * 40 images of which one is there twice, two that the validation set has too, and three of the
   * validation set.
   */
  private PhiscaleConfiguration withValidation(Map<String, String> values) throws IOException {
    small(Map.of());
    Path images = folder.resolve("images");
    Files.copy(images.resolve("cat/0.png"), images.resolve("cat/1.png"), REPLACE_EXISTING);
    Path validation = folder.resolve("validation");
    for (String name : List.of("cat", "dog")) {
      Files.createDirectories(validation.resolve(name));
    }
    BufferedImage image = new BufferedImage(9, 7, BufferedImage.TYPE_INT_RGB);
    for (Path copy :
        List.of(
            validation.resolve("cat/seen.png"),
            images.resolve("cat/a.png"),
            images.resolve("dog/b.png"))) {
      ImageIO.write(image, "png", copy.toFile());
    }
    for (String name : List.of("dog/1.png", "cat/2.png")) {
      image.setRGB(1, 1, name.hashCode());
      ImageIO.write(image, "png", validation.resolve(name).toFile());
    }
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("data.source.validation.layout", "class-folders");
    settings.put("data.source.validation.uri", validation.toString());
    settings.putAll(values);
    return small(settings);
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
          image.setRGB(i % 16, name.equals("cat") ? 3 : 5, 0xff8000 + i);
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
