package io.phiscale.jobs.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.VerifyJob;
import io.phiscale.jobs.support.EmbeddedS3;
import io.phiscale.jobs.support.FaultyProxy;
import io.phiscale.jobs.support.FaultyProxy.Fault;
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
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Versions of a data set: what is added, and that nothing else changes. */
class IncrementTest {
  private static final double MINIVAL = 0.2;

  private static EmbeddedS3 s3;
  private static FaultyProxy proxy;
  private static SparkSession session;
  private static Storage storage;

  @TempDir Path folder;

  @BeforeAll
  static void open(@TempDir Path shared) throws Exception {
    s3 = new EmbeddedS3(shared.resolve("s3"));
    proxy = new FaultyProxy(s3.endpoint());
    PhiscaleConfiguration configuration = LocalSpark.configuration(shared, onS3());
    session = LocalSpark.open(configuration);
    storage = Storage.of(configuration.storage().hadoopProperties());
  }

  @AfterAll
  static void close() throws IOException {
    session.close();
    proxy.close();
    s3.close();
  }

  private static Map<String, String> onS3() {
    Map<String, String> values = new LinkedHashMap<>(s3.configuration(proxy.endpoint()));
    values.put("storage.properties.\"fs.s3a.attempts.maximum\"", "1");
    values.put("storage.properties.\"fs.s3a.retry.limit\"", "1");
    values.put("storage.properties.\"fs.s3a.retry.throttle.limit\"", "1");
    values.put("spark.properties.\"spark.sql.shuffle.partitions\"", "2");
    return values;
  }

  private PhiscaleConfiguration configuration(String shards, Map<String, String> more) {
    Map<String, String> values = onS3();
    values.put("data.source.layout", "class-folders");
    values.put("data.source.train", folder.resolve("images").toString());
    values.put("data.source.validation.uri", "null");
    values.put("data.source.validation-fraction", "0.2");
    values.put("data.source.minival-fraction", Double.toString(MINIVAL));
    values.put("data.shards", shards);
    values.putAll(more);
    return LocalSpark.configuration(folder, values);
  }

  private PhiscaleConfiguration configuration(String shards) {
    return configuration(folder.resolve(shards).toUri().toString(), Map.of());
  }

  /** Images {@code from} to {@code to - 1} of each of two classes. */
  private void images(int from, int to) throws IOException {
    for (String name : List.of("cat", "dog")) {
      Files.createDirectories(folder.resolve("images").resolve(name));
      for (int i = from; i < to; i++) {
        image(name + "/" + i + ".png", i);
      }
    }
  }

  private Path image(String name, int number) throws IOException {
    Path file = folder.resolve("images").resolve(name);
    BufferedImage image = new BufferedImage(8, 6, BufferedImage.TYPE_INT_RGB);
    image.setRGB(
        number % 8, number / 8 % 6, (name.startsWith("dog") ? 0xff8000 : 0x80ff00) + number);
    ImageIO.write(image, "png", file.toFile());
    return file;
  }

  private static ShardJob.Result increment(PhiscaleConfiguration configuration) throws IOException {
    return new ShardJob(session, configuration).increment();
  }

  /** The split of every key; fails where a key is there twice. */
  private static Map<String, String> splits(PhiscaleConfiguration configuration)
      throws IOException {
    URI root = configuration.data().shards();
    ShardManifest manifest = ShardManifest.read(storage, root, configuration.data().version());
    Map<String, String> splits = new TreeMap<>();
    for (String split : manifest.splits().keySet()) {
      for (RowGroup group : manifest.rowGroups(root, split)) {
        for (ShardRecord image : RowGroupReader.read(storage, group, ChecksumPolicy.VERIFY)) {
          assertThat(splits.put(image.key(), split)).as(image.key()).isNull();
        }
      }
    }
    return splits;
  }

  private static Map<String, List<Byte>> bytes(Path shards) throws IOException {
    Map<String, List<Byte>> contents = new TreeMap<>();
    try (Stream<Path> files = Files.walk(shards)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        List<Byte> content = new ArrayList<>();
        for (byte value : Files.readAllBytes(file)) {
          content.add(value);
        }
        contents.put(shards.relativize(file).toString(), content);
      }
    }
    return contents;
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path path : all.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  @Test
  void newFilesBecomeNewShardsAndTheOldOnesAreNotTouched() throws IOException {
    images(0, 20);
    PhiscaleConfiguration configuration = configuration("shards");
    Path shards = folder.resolve("shards");
    assertThat(increment(configuration)).isInstanceOf(ShardJob.Result.Written.class);
    assertThat(increment(configuration)).isInstanceOf(ShardJob.Result.AlreadyThere.class);
    Map<String, List<Byte>> before = bytes(shards);
    Map<String, String> first = splits(configuration);
    assertThat(first).hasSize(40).containsValue("minival").containsValue("val");

    images(20, 32);
    copy(shards, folder.resolve("twice"));
    ShardJob.Result.Added added = (ShardJob.Result.Added) increment(configuration);
    assertThat(added.sourceFiles()).isEqualTo(24);
    assertThat(added.manifest().version()).isEqualTo(2);
    Map<String, List<Byte>> after = bytes(shards);
    before.forEach(
        (file, content) -> {
          String kept = file.equals("manifest.json") ? "manifest-v1.json" : file;
          if (!file.equals(".manifest.json.crc")) {
            assertThat(after.get(kept)).as(file).isEqualTo(content);
          }
        });

    // Every image is in the split that it would be in had it been there from the beginning.
    PhiscaleConfiguration atOnce = configuration("at-once");
    ShardManifest whole = new ShardJob(session, atOnce).run().manifest();
    Map<String, String> second = splits(configuration);
    assertThat(second).hasSize(64).isEqualTo(splits(atOnce)).containsAllEntriesOf(first);
    for (String split : List.of("train", "val", "minival")) {
      assertThat(added.manifest().split(split).imagesPerClass())
          .isEqualTo(whole.split(split).imagesPerClass());
      assertThat(added.manifest().split(split).statistics().images())
          .isEqualTo(whole.split(split).images());
    }
    assertThat(new VerifyJob(session, configuration).run().images()).isEqualTo(64);

    // Whoever reads the first version still can.
    assertThat(splits(configuration.override(Map.of("data.version", "1")))).isEqualTo(first);
    assertThat(increment(configuration)).isInstanceOf(ShardJob.Result.AlreadyThere.class);
    assertThat(increment(configuration("twice")).manifest().contentDigest())
        .isEqualTo(added.manifest().contentDigest());
  }

  @Test
  void anInterruptedIncrementIsNotSeenAndIsFinishedByTheNextOne() throws IOException {
    images(0, 8);
    PhiscaleConfiguration local = configuration("local");
    PhiscaleConfiguration broken = configuration("broken");
    PhiscaleConfiguration remote =
        configuration(EmbeddedS3.uri("increment/shards").toString(), Map.of());
    for (PhiscaleConfiguration each : List.of(local, broken, remote)) {
      new ShardJob(session, each).run();
    }
    Map<String, String> first = splits(local);
    images(8, 16);
    String unbroken = increment(local).manifest().contentDigest();

    // All shards are written, then the list of sources cannot be.
    Path obstacle = folder.resolve("broken/sources/v2.tsv/obstacle");
    Files.createDirectories(obstacle);
    assertThatThrownBy(() -> increment(broken)).isInstanceOf(IOException.class);
    assertThat(folder.resolve("broken/v2/train/_SUCCESS")).exists();
    assertThat(splits(broken)).isEqualTo(first);
    Files.delete(obstacle);
    Files.delete(obstacle.getParent());
    assertThat(increment(broken).manifest().contentDigest()).isEqualTo(unbroken);
    assertThat(splits(broken)).isEqualTo(splits(local));

    // The store refuses the manifest.
    proxy.make(
        request ->
            request.method().equals("PUT")
                    && request.target().contains("/increment/shards/manifest.json")
                ? Fault.SLOW_DOWN
                : Fault.NONE);
    assertThatThrownBy(() -> increment(remote))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("s3a://phiscale/increment/shards/manifest.json");
    assertThat(splits(remote)).isEqualTo(first);
    proxy.make(request -> Fault.NONE);
    assertThat(increment(remote).manifest().contentDigest()).isEqualTo(unbroken);
    assertThat(splits(remote)).isEqualTo(splits(local));
    assertThat(splits(remote.override(Map.of("data.version", "1")))).isEqualTo(first);
  }

  /** An image that was trained on is not evaluated on because it comes again by another name. */
  @Test
  void anImageOfTheShardsStaysInItsSplit() throws IOException {
    images(0, 20);
    Map<String, String> withoutValidation = Map.of("data.source.validation-fraction", "0");
    PhiscaleConfiguration configuration =
        configuration(folder.resolve("shards").toUri().toString(), withoutValidation);
    new ShardJob(session, configuration).run();
    Map<String, String> first = splits(configuration);
    String trained =
        first.keySet().stream().filter(key -> first.get(key).equals("train")).findFirst().get();
    String held =
        first.keySet().stream().filter(key -> first.get(key).equals("minival")).findFirst().get();
    Path images = folder.resolve("images");
    Files.copy(images.resolve(trained), images.resolve(named("minival")));
    Files.copy(images.resolve(held), images.resolve(named("train")));
    image("cat/new.png", 47);
    ShardManifest second = increment(configuration).manifest();
    assertThat(splits(configuration)).hasSize(41).containsAllEntriesOf(first);
    assertThat(second.split("minival").rejects())
        .isEqualTo(Map.of(RejectReason.DUPLICATE_CONTENT, 1L));
    assertThat(second.split("train").rejects())
        .isEqualTo(Map.of(RejectReason.DUPLICATE_CONTENT, 1L));
    assertThat(
            session
                .read()
                .parquet(configuration.data().shards() + "/v2/rejects")
                .select("detail")
                .collectAsList())
        .extracting(row -> row.getString(0))
        .containsExactlyInAnyOrder(
            "the same bytes are kept as " + trained + " of split train",
            "the same bytes are kept as " + held + " of split minival");
  }

  private static String named(String split) {
    ShardLayout layout = new ShardLayout(0, 1, 0, 1, 0, MINIVAL);
    return Stream.iterate(0, i -> i + 1)
        .map(i -> "dog/again-" + i + ".png")
        .filter(key -> layout.splitOf("train", key).equals(split))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void whatCannotBeAddedIsSaid() throws IOException {
    images(0, 6);
    PhiscaleConfiguration configuration = configuration("shards");
    new ShardJob(session, configuration).run();
    String shards =
        "Cannot add to the shards in "
            + Storage.uri(configuration.data().shards().toString())
            + ": ";
    Path old = folder.resolve("images/cat/3.png");
    FileTime time = Files.getLastModifiedTime(old);
    byte[] content = Files.readAllBytes(old);

    Files.setLastModifiedTime(old, FileTime.fromMillis(time.toMillis() + 60_000));
    assertThatThrownBy(() -> increment(configuration))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(
            shards + "source file " + old.toUri().toString().replace("///", "/"))
        .hasMessageContaining(" has changed since they were made from it (" + content.length)
        .hasMessageContaining("give new images in files of their own");
    Files.delete(old);
    assertThatThrownBy(() -> increment(configuration))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(shards + "source file ")
        .hasMessageEndingWith(
            "cat/3.png, which they were made from, is gone; put it back, or shard all anew into"
                + " another folder (data.shards)");
    Files.write(old, content);
    Files.setLastModifiedTime(old, time);

    Files.createDirectories(folder.resolve("images/emu"));
    image("emu/1.png", 1);
    assertThatThrownBy(() -> increment(configuration))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(
            shards
                + "the collection now has a new class (emu), and the 2 classes of a data set are"
                + " fixed");
    Files.delete(folder.resolve("images/emu/1.png"));
    Files.delete(folder.resolve("images/emu"));

    assertThatThrownBy(() -> increment(configuration.override(Map.of("data.seed", "3"))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("Shards of another configuration lie in ");

    Path list = folder.resolve("shards/sources/v1.tsv");
    Files.writeString(list, Files.readString(list).replaceFirst("\t", "\t1"));
    assertThatThrownBy(() -> increment(configuration))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Invalid list of sources ");
    Path manifest = folder.resolve("shards/manifest.json");
    Files.writeString(
        manifest,
        Files.readString(manifest)
            .replace("\"schemaVersion\" : 3", "\"schemaVersion\" : 2")
            .replaceAll(" *\"(version|sourcesDigest)\" : .*,\n", ""));
    Files.deleteIfExists(folder.resolve("shards/.manifest.json.crc"));
    assertThatThrownBy(() -> increment(configuration))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(
            shards + "they were made before Phiscale kept a list of source files");
  }

  /** New files of a table's folder; a row that is there again is refused by its key. */
  @Test
  void aTableGrowsByFiles() throws IOException {
    images(0, 6);
    Path tables = Files.createDirectories(folder.resolve("tables.csv"));
    Files.writeString(tables.resolve("a.csv"), "uri,labels\ncat/0.png,cat\ndog/0.png,dog|cat\n");
    PhiscaleConfiguration configuration =
        configuration(
            folder.resolve("shards").toUri().toString(),
            Map.of(
                "data.source.layout", "table",
                "data.source.train", tables.toString(),
                "data.source.table.image-root", folder.resolve("images").toString(),
                "data.source.validation-fraction", "0",
                "data.source.minival-fraction", "0",
                "data.max-reject-fraction", "0.5"));
    new ShardJob(session, configuration).run();
    Files.writeString(
        tables.resolve("b.csv"), "uri,labels\ncat/1.png,cat\ncat/0.png,cat\ndog/3.png,dog\n");
    ShardManifest second = increment(configuration).manifest();
    assertThat(splits(configuration))
        .containsOnlyKeys("cat/0.png", "cat/1.png", "dog/0.png", "dog/3.png");
    assertThat(second.split("train").rejects()).isEqualTo(Map.of(RejectReason.DUPLICATE_KEY, 1L));
  }
}
