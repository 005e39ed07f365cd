package io.phiscale.jobs.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.pipeline.shard.ChecksumPolicy;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.RowGroupReader;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardRecord;
import io.phiscale.pipeline.shard.SoftTargets;
import io.phiscale.pipeline.storage.Storage;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Collections of each kind, from files in their layout to shards, in one Spark session. */
class CollectionsTest {
  private static final Storage STORAGE = Storage.of(Map.of());
  private static SparkSession session;

  @TempDir Path folder;

  @BeforeAll
  static void open(@TempDir Path shared) {
    session =
        LocalSpark.open(
            LocalSpark.configuration(
                shared, Map.of("spark.properties.\"spark.sql.shuffle.partitions\"", "2")));
  }

  @AfterAll
  static void close() {
    session.close();
  }

  private PhiscaleConfiguration configuration(String name, Map<String, String> source) {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("data.source.validation.uri", "null");
    source.forEach((key, value) -> values.put("data.source." + key, value));
    values.put("data.max-reject-fraction", "0.9");
    return LocalSpark.configuration(folder.resolve(name), values);
  }

  private static ShardManifest shard(PhiscaleConfiguration configuration) throws IOException {
    return new ShardJob(session, configuration).run().manifest();
  }

  private static List<ShardRecord> records(PhiscaleConfiguration configuration, String split)
      throws IOException {
    URI root = configuration.data().shards();
    List<ShardRecord> records = new ArrayList<>();
    for (RowGroup group : ShardManifest.read(STORAGE, root).rowGroups(root, split)) {
      records.addAll(RowGroupReader.read(STORAGE, group, ChecksumPolicy.VERIFY));
    }
    records.sort(Comparator.comparing(ShardRecord::key));
    return records;
  }

  private Path image(String name, int number) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    BufferedImage image = new BufferedImage(8, 6, BufferedImage.TYPE_INT_RGB);
    image.setRGB(number % 8, number / 8 % 6, 0xff8000 + number);
    ImageIO.write(image, "png", file.toFile());
    return file;
  }

  private String write(String name, String... lines) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, String.join("\n", lines) + "\n").toString();
  }

  /** One bzip2 file of lines, as Spark names it. */
  private String bzip2(String name, String... lines) throws IOException {
    Path parts = folder.resolve(name + ".parts");
    session
        .createDataset(List.of(lines), Encoders.STRING())
        .coalesce(1)
        .write()
        .mode(SaveMode.Overwrite)
        .option("compression", "bzip2")
        .text(parts.toUri().toString());
    try (Stream<Path> files = Files.list(parts)) {
      Path part = files.filter(file -> file.toString().endsWith(".bz2")).findFirst().orElseThrow();
      return Files.move(part, folder.resolve(name + ".bz2")).toString();
    }
  }

  @Test
  void cifarIsDividedAsItsPublisherDidAndKeepsItsLabels() throws IOException {
    write("c/cifar-10-batches-bin/batches.meta.txt", "airplane", "automobile", "bird");
    for (String file : List.of("data_batch_1", "test_batch")) {
      byte[] records = new byte[3 * 3073];
      for (int i = 0; i < 3; i++) {
        records[i * 3073] = (byte) (2 - i);
        records[i * 3073 + 1 + i] = (byte) file.length();
      }
      Files.write(folder.resolve("c/cifar-10-batches-bin/" + file + ".bin"), records);
    }
    String root = folder.resolve("c").toString();
    PhiscaleConfiguration configuration =
        configuration(
            "cifar",
            Map.of(
                "layout",
                "cifar",
                "train",
                root,
                "validation.layout",
                "cifar",
                "validation.uri",
                root));
    ShardManifest manifest = shard(configuration);
    assertThat(manifest.labels().names()).containsExactly("airplane", "automobile", "bird");
    assertThat(manifest.split("train").images()).isEqualTo(3);
    assertThat(records(configuration, "val"))
        .extracting(ShardRecord::key, ShardRecord::label, ShardRecord::format, ShardRecord::width)
        .containsExactly(
            tuple("test_batch/00000.png", 2, "png", 32),
            tuple("test_batch/00001.png", 1, "png", 32),
            tuple("test_batch/00002.png", 0, "png", 32));
  }

  @Test
  void shardsExportedAsWebDatasetAndReadAgainAreTheSame() throws IOException {
    for (int i = 0; i < 12; i++) {
      image("images/%s/pic.%s.png".formatted(i % 3 == 0 ? "zebra" : "ant", i), i);
    }
    PhiscaleConfiguration first =
        configuration(
            "first",
            Map.of(
                "layout",
                "class-folders",
                "train",
                folder.resolve("images").toString(),
                "validation-fraction",
                "0.3"));
    shard(first);
    Path wds = folder.resolve("wds");
    ExportJob.Result result = new ExportJob(session, first).run(wds.toUri());
    assertThat(result.images().values().stream().mapToLong(Long::longValue).sum()).isEqualTo(12);
    assertThat(wds.resolve("classes.txt")).hasContent("ant\nzebra");
    byte[] tar = Files.readAllBytes(wds.resolve("train-000000.tar"));
    PhiscaleConfiguration again =
        configuration(
            "again",
            Map.of(
                "layout",
                "webdataset",
                "train",
                wds + "/train-{000000..000000}.tar",
                "validation.layout",
                "webdataset",
                "validation.uri",
                wds + "/val-*.tar",
                "label-field",
                "class"));
    ShardManifest manifest = shard(again);
    assertThat(manifest.contentDigest())
        .isEqualTo(ShardManifest.read(STORAGE, first.data().shards()).contentDigest());
    assertThat(records(again, "train")).isEqualTo(records(first, "train")).isNotEmpty();
    assertThat(records(again, "val")).isEqualTo(records(first, "val")).isNotEmpty();
    Path second = folder.resolve("second");
    new ExportJob(session, again).run(second.toUri());
    assertThat(second.resolve("train-000000.tar")).hasBinaryContent(tar);
    assertThatThrownBy(() -> new ExportJob(session, first).run(wds.toUri()))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Will not overwrite the export in ");
  }

  private static List<String> softRows(PhiscaleConfiguration configuration, String split) {
    List<Row> rows =
        session
            .read()
            .parquet(configuration.data().shards() + "/" + split)
            .select("key", "label", "soft_labels", "soft_weights")
            .orderBy("key")
            .collectAsList();
    return rows.stream()
        .map(
            row ->
                "%s %s %s %s"
                    .formatted(row.getString(0), row.getInt(1), row.getList(2), row.getList(3)))
        .toList();
  }

  @Test
  void aTableOfHashtagsBecomesSoftTargets() throws IOException {
    for (int i = 0; i < 5; i++) {
      image("pool/%s.png".formatted(i), i);
    }
    Files.writeString(folder.resolve("pool/text.png"), "no image");
    try (RandomAccessFile huge =
        new RandomAccessFile(folder.resolve("pool/huge.png").toFile(), "rw")) {
      huge.setLength((256L << 20) + 1); // takes no room on most file systems
    }
    String tags =
        write("tags.tsv", "#Poodle\tn02113335", "dog\tn02084071", "crane\tn01\n", "crane\tn03", "");
    String table =
        write(
            "ig.csv",
            "url,hashtags,scores,user",
            "0.png,#poodle|dog,0.5|0.9,a",
            "1.png,crane,0.7,a",
            "2.png,unknown,0.9,b",
            "3.png,dog,0.1,b",
            folder.resolve("pool/4.png").toUri() + ",DOG|poodle,0.3|0.3,c",
            "missing.png,dog,0.9,c",
            "text.png,dog,0.9,c",
            "huge.png,dog,0.9,c",
            "x.png,dog|crane,0.9,c",
            "y.png,dog,high,c",
            ",dog,0.9,c");
    Map<String, String> source =
        Map.of(
            "layout", "table",
            "train", table,
            "table.image-root", folder.resolve("pool").toString(),
            "table.uri", "url",
            "table.labels", "hashtags",
            "table.confidences", "scores",
            "table.group", "user",
            "weak-labels.tags", tags,
            "weak-labels.min-confidence", "0.2");
    PhiscaleConfiguration configuration = configuration("ig", source);
    ShardManifest manifest = shard(configuration);
    // n01 n02084071 n02113335 n03
    assertThat(manifest.labels().names()).containsExactly("n01", "n02084071", "n02113335", "n03");
    assertThat(softRows(configuration, "train"))
        .containsExactlyInAnyOrder(
            "0.png 1 [2, 1] [0.5, 0.9]",
            "1.png 0 [0, 3] [0.7, 0.7]",
            folder.resolve("pool/4.png").toUri() + " 1 [1, 2] [0.3, 0.3]");
    assertThat(manifest.split("train").rejects())
        .isEqualTo(
            Map.of(
                RejectReason.MISSING, 1L,
                RejectReason.UNSUPPORTED_FORMAT, 1L,
                RejectReason.TOO_LARGE, 1L,
                RejectReason.UNKNOWN_LABEL, 2L,
                RejectReason.INVALID_NAME, 1L));
    assertThat(records(configuration, "train")).extracting(ShardRecord::label).contains(0, 1, 1);
    assertThat(records(configuration, "train"))
        .extracting(record -> record.softTargets().orElseThrow())
        .containsExactlyInAnyOrder(
            new SoftTargets(List.of(2, 1), List.of(0.5f, 0.9f)),
            new SoftTargets(List.of(0, 3), List.of(0.7f, 0.7f)),
            new SoftTargets(List.of(1, 2), List.of(0.3f, 0.3f)));
    Map<String, String> louder = new LinkedHashMap<>(source);
    louder.put("train", table.replace("ig.csv", "louder.csv"));
    Files.writeString(
        Path.of(louder.get("train")),
        Files.readString(Path.of(table)).replace("0.3|0.3", "0.3|0.31"));
    assertThat(shard(configuration("louder", louder)).contentDigest())
        .as("another weight is another data set")
        .isNotEqualTo(manifest.contentDigest());
    Map<String, String> wrong = new LinkedHashMap<>(source);
    wrong.put("table.labels", "tags");
    assertThatThrownBy(() -> shard(configuration("wrong", wrong)))
        .isInstanceOf(IOException.class)
        .hasMessageEndingWith(
            "no column tags (data.source.table.labels; there are url, hashtags, scores, user)");
    Map<String, String> nowhere = new LinkedHashMap<>(source);
    nowhere.put("table.image-root", folder.resolve("nowhere").toString());
    nowhere.put("train", write("nowhere.csv", "url,hashtags,scores,user", "0.png,dog,1,a"));
    assertThatThrownBy(() -> shard(configuration("nowhere", nowhere)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("of 1 rows, none of 1 looked up exists, such as ");
  }

  @Test
  void jsonLinesAndParquetHaveArraysAndGroupsStayTogether() throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      lines.add(
          "{\"uri\": \"%s\", \"labels\": [\"%s\", \"all\"], \"p\": [0.25, 0.125], \"g\": %s}"
              .formatted(image("json/%s.png".formatted(i), i), i % 2 == 0 ? "a" : "b", i / 4));
    }
    lines.add("{broken");
    String json = write("jft.jsonl", lines.toArray(String[]::new));
    String parquet = folder.resolve("jft.parquet").toUri().toString();
    session
        .read()
        .json(json)
        .filter("uri is not null")
        .drop("_corrupt_record")
        .write()
        .parquet(parquet);
    Map<String, String> source = new LinkedHashMap<>();
    source.put("layout", "table");
    source.put("train", json);
    source.put("table.confidences", "p");
    source.put("table.group", "g");
    source.put("validation-fraction", "0.4");
    PhiscaleConfiguration fromJson = configuration("json", source);
    ShardManifest manifest = shard(fromJson);
    assertThat(manifest.labels().names()).containsExactly("a", "all", "b");
    assertThat(manifest.split("train").rejected() + manifest.split("val").rejected()).isOne();
    assertThat(manifest.split("val").images()).isPositive().isLessThan(24);
    assertThat(manifest.split("val").images() % 4).as("whole groups").isZero();
    assertThat(softRows(fromJson, "train").get(0)).endsWith(" [0.25, 0.125]");
    source.put("train", parquet);
    PhiscaleConfiguration fromParquet = configuration("parquet", source);
    assertThat(shard(fromParquet).contentDigest()).isEqualTo(manifest.contentDigest());
    assertThat(softRows(fromParquet, "val")).isEqualTo(softRows(fromJson, "val"));
  }

  private static final String[] HASHES = {
    "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "1a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "2a1b2c3d4e5f60718293a4b5c6d7e8f9", "3a1b2c3d4e5f60718293a4b5c6d7e8f9"
  };

  /** The 23 columns of a photo (marker 0) or video (1). */
  private static String photo(int number, String userTags, int marker) {
    return String.join(
        "\t",
        List.of(
            "60000000" + number,
            "4908220%s@N00".formatted(number),
            "nick+name",
            "2012-02-16 09:56:37.0",
            "1331840483",
            "Canon+PowerShot",
            "IMG_0520",
            "a%20text",
            userTags,
            "",
            "-81.8",
            "24.5",
            "12",
            "http://www.flickr.com/photos/x/",
            "http://farm8.staticflickr.com/7205/" + number + "_x.jpg",
            "Attribution License",
            "http://creativecommons.org/licenses/by/2.0/",
            "7205",
            "8",
            "df7747990d",
            "692d7e0a7f",
            "jpg",
            String.valueOf(marker)));
  }

  private void yfccImages() throws IOException {
    for (int i = 0; i < 2; i++) {
      image(
          "data/images/%s/%s/%s.jpg"
              .formatted(HASHES[i].substring(0, 3), HASHES[i].substring(3, 6), HASHES[i]),
          i);
    }
  }

  @Test
  void yfccIsJoinedWithItsAutotags() throws IOException {
    yfccImages();
    String metadata =
        bzip2(
            "yfcc100m_dataset",
            "0\t600000000\t" + HASHES[0] + "\t" + photo(0, "x", 0).split("\t", 2)[1],
            "1\t600000001\t" + HASHES[1] + "\t" + photo(1, "x", 0).split("\t", 2)[1],
            "2\t600000002\t" + HASHES[2] + "\t" + photo(2, "x", 0).split("\t", 2)[1],
            "3\t600000003\t" + HASHES[3] + "\t" + photo(3, "x", 1).split("\t", 2)[1],
            "4\tbroken");
    String autotags =
        bzip2(
            "yfcc100m_autotags",
            "600000003\toutdoor:0.99",
            "600000002\tsky:0.8",
            "600000001\tGreat+Ape:0.75,outdoor:0.6,indoor:0.5",
            "600000000\toutdoor:0.9");
    PhiscaleConfiguration configuration =
        configuration(
            "yfcc",
            Map.of(
                "layout",
                "yfcc100m",
                "train",
                metadata,
                "yfcc.images",
                folder.resolve("data/images").toString(),
                "yfcc.autotags",
                autotags,
                "weak-labels.min-confidence",
                "0.55"));
    ShardManifest manifest = shard(configuration);
    assertThat(manifest.labels().names()).containsExactly("great ape", "outdoor", "sky");
    assertThat(softRows(configuration, "train"))
        .containsExactly(
            "0a1/b2c/" + HASHES[0] + ".jpg 1 [1] [0.9]",
            "1a1/b2c/" + HASHES[1] + ".jpg 0 [0, 1] [0.75, 0.6]");
    assertThat(manifest.split("train").rejects())
        .isEqualTo(Map.of(RejectReason.MISSING, 1L, RejectReason.INVALID_NAME, 1L));
    assertThat(manifest.split("train").source()).startsWith("YFCC100M file:");
  }

  @Test
  void yfccOf23ColumnsTakesHashesFromTheirFileAndUserTagsThroughATable() throws IOException {
    yfccImages();
    String metadata =
        write(
            "yfcc100m_dataset",
            photo(0, "beach,caf%C3%A9", 0),
            photo(1, "red+fox", 0),
            photo(2, "beach", 0));
    String hashes = write("yfcc100m_hash", "600000001\t" + HASHES[1], "600000000\t" + HASHES[0]);
    PhiscaleConfiguration configuration =
        configuration(
            "yfcc",
            Map.of(
                "layout",
                "yfcc100m",
                "train",
                metadata,
                "yfcc.images",
                folder.resolve("data/images").toString(),
                "yfcc.hashes",
                hashes,
                "yfcc.labels",
                "user-tags",
                "weak-labels.tags",
                write("t.tsv", "caf\u00e9\tn02930766", "red fox\tn02119022", "beach\tn09217230")));
    ShardManifest manifest = shard(configuration);
    assertThat(manifest.labels().names()).containsExactly("n02119022", "n02930766", "n09217230");
    assertThat(softRows(configuration, "train"))
        .containsExactly(
            "0a1/b2c/" + HASHES[0] + ".jpg 2 [2, 1] [1.0, 1.0]",
            "1a1/b2c/" + HASHES[1] + ".jpg 0 [0] [1.0]");
    assertThat(manifest.split("train").rejects()).isEqualTo(Map.of(RejectReason.MISSING, 1L));
  }

  /** A ustar archive of files. */
  private static byte[] tar(Map<String, byte[]> files) {
    ByteArrayOutputStream tar = new ByteArrayOutputStream();
    files.forEach(
        (name, content) -> {
          byte[] header = new byte[512];
          put(header, 0, name);
          put(header, 100, "0000644");
          put(header, 124, String.format("%011o", content.length));
          put(header, 148, "        ");
          put(header, 156, "0");
          put(header, 257, "ustar");
          int sum = 0;
          for (byte value : header) {
            sum += value & 0xFF;
          }
          put(header, 148, String.format("%06o", sum));
          header[154] = 0;
          tar.writeBytes(header);
          tar.writeBytes(content);
          tar.writeBytes(new byte[(512 - content.length % 512) % 512]);
        });
    tar.writeBytes(new byte[1024]);
    return tar.toByteArray();
  }

  private static void put(byte[] header, int offset, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(bytes, 0, header, offset, bytes.length);
  }

  private byte[] synset(String synset, int first, int images) throws IOException {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (int i = first; i < first + images; i++) {
      String name = synset + "_" + i + ".JPEG";
      files.put(name, Files.readAllBytes(image("one/" + name, i)));
    }
    return tar(files);
  }

  @Test
  void synsetTarsAreMappedToAncestorsAndSmallClassesDropped() throws IOException {
    Path tars = Files.createDirectories(folder.resolve("winter21_whole"));
    Files.write(tars.resolve("n00000021.tar"), synset("n00000021", 0, 3));
    Files.write(tars.resolve("n00000022.tar"), synset("n00000022", 3, 1));
    Files.write(tars.resolve("n00000031.tar"), synset("n00000031", 4, 2));
    Files.write(tars.resolve("n00000041.tar"), synset("n00000041", 6, 1));
    PhiscaleConfiguration configuration =
        configuration(
            "i21k",
            Map.of(
                "layout", "synset-tars",
                "train", tars.toString(),
                "synsets.min-images", "3",
                "synsets.hierarchy",
                    write(
                        "is_a.txt",
                        "n00000002 n00000021",
                        "n00000002 n00000022",
                        "n00000003 n00000031"),
                "synsets.ancestors", write("targets.txt", "n00000002 dog", "n00000003 cat")));
    ShardManifest manifest = shard(configuration);
    assertThat(manifest.labels().names()).containsExactly("n00000002");
    assertThat(manifest.split("train").images()).isEqualTo(4);
    assertThat(manifest.split("train").rejected()).isZero();
    assertThat(records(configuration, "train").get(3).key())
        .isEqualTo("n00000022/n00000022_3.JPEG");
  }

  @Test
  void imageNetKeepsTheIlsvrcIdsAndNamesOfTheSynsetList() throws IOException {
    Map<String, byte[]> inner = new LinkedHashMap<>();
    inner.put("n02100735.tar", synset("n02100735", 0, 2));
    inner.put("n01440764.tar", synset("n01440764", 2, 2));
    Path train = Files.write(folder.resolve("ILSVRC2012_img_train.tar"), tar(inner));
    image("val/ILSVRC2012_val_00000001.JPEG", 10);
    image("val/ILSVRC2012_val_00000002.JPEG", 11);
    PhiscaleConfiguration configuration =
        configuration(
            "i1k",
            Map.of(
                "layout", "imagenet-tar",
                "train", train.toString(),
                "validation.layout", "flat-validation",
                "validation.uri", folder.resolve("val").toString(),
                "validation.ground-truth", write("truth.txt", "2", "1"),
                "validation.synsets",
                    write("synsets.txt", "n02100735 English setter", "n01440764 tench")));
    ShardManifest manifest = shard(configuration);
    assertThat(manifest.labels().names()).containsExactly("n01440764", "n02100735");
    ShardManifest read = ShardManifest.read(STORAGE, configuration.data().shards());
    assertThat(read.labels().ilsvrcIds()).containsExactly(2, 1);
    assertThat(read.labels().humanName(0)).hasValue("tench");
    assertThat(records(configuration, "val")).extracting(ShardRecord::label).containsExactly(0, 1);
  }

  @Test
  void theClassesOfRecordsAreFoundBySpark() throws IOException {
    Map<String, byte[]> first = new LinkedHashMap<>();
    first.put("a.cls", new byte[] {'2'});
    first.put("a.png", Files.readAllBytes(image("a.png", 1)));
    Map<String, byte[]> second = new LinkedHashMap<>();
    second.put("b.cls", new byte[] {'0'});
    second.put("b.png", Files.readAllBytes(image("b.png", 2)));
    Path tars = Files.createDirectories(folder.resolve("tars"));
    Files.write(tars.resolve("x-0.tar"), tar(first));
    Files.write(tars.resolve("x-1.tar"), tar(second));
    PhiscaleConfiguration configuration =
        configuration(
            "wds", Map.of("layout", "webdataset", "train", tars.toUri() + "x-{0..1}.tar"));
    assertThat(shard(configuration).labels().names()).containsExactly("0", "1", "2");
    assertThat(records(configuration, "train"))
        .extracting(ShardRecord::key, ShardRecord::label)
        .containsExactly(tuple("a.png", 2), tuple("b.png", 0));
  }
}
