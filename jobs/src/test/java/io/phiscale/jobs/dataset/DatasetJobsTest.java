package io.phiscale.jobs.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.SampleJob.Show;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.jobs.train.Loaders;
import io.phiscale.jobs.train.TrainingPictures;
import io.phiscale.pipeline.augment.Mixing;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.image.TrainTransform;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupSlice;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardSamples;
import io.phiscale.pipeline.storage.Storage;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
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
    assertThat(job.run(new SampleJob.Request("train", 4, 10, 1, Show.STORED), page)).isEqualTo(12);
    String html = STORAGE.readUtf8(page);
    assertThat(html.split("src=\"data:image/png;base64,iVBOR", -1)).hasSize(13);
    assertThat(html)
        .contains("<h2>bar</h2>", "<h2>disc</h2>", "<h2>frame</h2>", "16 x 16 px")
        .contains("bar/&lt;b&gt;broken.png", "<td>unsupported-format")
        .doesNotContain("<b>broken");
    assertThat(
            job.run(
                new SampleJob.Request("train", 4, 10, 1, Show.STORED),
                folder.resolve("b.html").toUri()))
        .isEqualTo(12);
    assertThat(STORAGE.readUtf8(folder.resolve("b.html").toUri())).isEqualTo(html);
    job.run(
        new SampleJob.Request("train", 4, 10, 2, Show.STORED), folder.resolve("c.html").toUri());
    assertThat(STORAGE.readUtf8(folder.resolve("c.html").toUri())).isNotEqualTo(html);
    assertThatThrownBy(() -> job.run(new SampleJob.Request("val", 4, 10, 1, Show.STORED), page))
        .hasMessage("Invalid split: val (data set test has train)");
  }

  /** Every view is, to the bit of 8-bit pictures, what a loader gives in that epoch. */
  @Test
  void augmentedImagesAreThoseThatTrainingSees() throws IOException {
    Map<String, String> values = new LinkedHashMap<>(LocalSpark.tinyTraining());
    values.put("train.seed", "5");
    values.put("train.augment.policy", "trivialaugment");
    values.put("train.augment.random-erasing", "0.5");
    values.put("train.augment.random-erasing-fill", "pixel");
    values.put("train.augment.mixup-alpha", "0.2");
    PhiscaleConfiguration augmented = configuration.override(values);
    URI page = folder.resolve("augmented.html").toUri();
    SampleJob job = new SampleJob(session, augmented);
    assertThat(job.run(new SampleJob.Request("train", 2, 10, 1, Show.AUGMENTED), page))
        .isEqualTo(6);
    String html = STORAGE.readUtf8(page);
    assertThat(html)
        .contains("at 16 px in each of the first 6 epochs, by train.augment and train.seed = 5;")
        .contains("before Mixup and CutMix");
    Matcher view =
        Pattern.compile(
                "alt=\"\\w+: (\\S+), 16 x 16 px, epoch (\\d)\" src=\"data:image/png;base64,([^\"]+)")
            .matcher(html);
    List<Map<String, List<Integer>>> seen = new ArrayList<>();
    for (int epoch = 0; epoch < 6; epoch++) {
      seen.add(seen(augmented, epoch));
    }
    int views = 0;
    while (view.find()) {
      BufferedImage picture =
          ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(view.group(3))));
      List<Integer> colours = new ArrayList<>();
      for (int rgb : picture.getRGB(0, 0, 16, 16, null, 0, 16)) {
        colours.addAll(List.of(rgb >> 16 & 0xff, rgb >> 8 & 0xff, rgb & 0xff));
      }
      assertThat(colours)
          .as("%s in epoch %s", view.group(1), view.group(2))
          .isEqualTo(seen.get(Integer.parseInt(view.group(2))).get(view.group(1)));
      views++;
    }
    assertThat(views).isEqualTo(36);
    assertThatThrownBy(() -> new SampleJob.Request("val", 1, 1, 1, Show.AUGMENTED))
        .hasMessage("Invalid split to show augmented: val (must be train: no other is augmented)");
  }

  /** By key, what training's loader makes of each image in an epoch, without mixing. */
  private static Map<String, List<Integer>> seen(PhiscaleConfiguration augmented, int epoch)
      throws IOException {
    List<RowGroup> groups = manifest().rowGroups(augmented.data().shards(), "train");
    List<RowGroupSlice> all = new EpochOrder(groups, 5, epoch).slice(0, 36);
    List<String> keys = new ArrayList<>();
    new ShardSamples(STORAGE, all, 0)
        .forEachRemaining(one -> keys.add(((ShardSamples.Stored) one).record().key()));
    Map<String, List<Integer>> seen = new LinkedHashMap<>();
    TrainTransform transform = TrainingPictures.transform(16, augmented.train().augment());
    try (BatchLoader loader =
            Loaders.open(
                STORAGE,
                all,
                0,
                DamagePolicy.FAIL,
                transform,
                TrainingPictures.augmentation(augmented.train().augment()).withMixing(Mixing.NONE),
                5,
                epoch,
                LoaderSettings.ofBatchSize(36));
        Batch batch = loader.next().orElseThrow()) {
      FloatBuffer images = batch.images();
      for (int i = 0; i < batch.count(); i++) {
        List<Integer> colours = new ArrayList<>();
        for (int at = 0; at < 16 * 16 * 3; at++) {
          double mean = List.of(0.485, 0.456, 0.406).get(at % 3);
          double stddev = List.of(0.229, 0.224, 0.225).get(at % 3);
          double value = 255 * (images.get(i * 16 * 16 * 3 + at) * stddev + mean);
          colours.add((int) Math.max(0, Math.min(255, Math.round(value))));
        }
        seen.put(keys.get((int) batch.position(i)), colours);
      }
    }
    return seen;
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
