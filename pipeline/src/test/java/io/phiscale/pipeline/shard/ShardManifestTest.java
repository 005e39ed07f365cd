package io.phiscale.pipeline.shard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardManifestTest {
  private static final URI FILE = URI.create("file:/shards/manifest.json");
  private static final LabelSpace LABELS =
      new LabelSpace(List.of("n01", "n02"), Map.of("n01", "tench"));
  private static final ShardFile FIRST =
      new ShardFile(
          "train/part-0.parquet",
          5,
          900,
          "aa",
          List.of(
              new ShardFile.RowGroupEntry(3, 500, 4), new ShardFile.RowGroupEntry(2, 300, 504)));
  private static final ShardFile SECOND =
      new ShardFile(
          "train/part-1.parquet", 1, 200, "bb", List.of(new ShardFile.RowGroupEntry(1, 100, 4)));

  private static final ImageStatistics STATISTICS =
      new ImageStatistics(6, 3, 4.5, 6, 1, 2.0, 3, List.of(0.1, 0.2, 0.3), List.of(0.4, 0.5, 0.6));

  private static final String GOLDEN =
      """
      {
        "schemaVersion" : 3,
        "version" : 1,
        "name" : "fishes",
        "createdBy" : "phiscale 0.1.0",
        "seed" : 42,
        "configDigest" : "cc",
        "sourcesDigest" : "dd",
        "contentDigest" : "DIGEST",
        "labels" : {
          "classes" : [ "n01", "n02" ],
          "humanNames" : {
            "n01" : "tench"
          }
        },
        "splits" : {
          "train" : {
            "source" : "class folders file:/data",
            "images" : 6,
            "bytes" : 1100,
            "imagesPerClass" : [ 4, 2 ],
            "rejects" : {
              "empty" : 2,
              "link-entry" : 1
            },
            "statistics" : {
              "images" : 6,
              "minWidth" : 3,
              "meanWidth" : 4.5,
              "maxWidth" : 6,
              "minHeight" : 1,
              "meanHeight" : 2.0,
              "maxHeight" : 3,
              "mean" : [ 0.1, 0.2, 0.3 ],
              "standardDeviation" : [ 0.4, 0.5, 0.6 ]
            },
            "files" : [ {
              "path" : "train/part-0.parquet",
              "rows" : 5,
              "bytes" : 900,
              "recordsDigest" : "aa",
              "rowGroups" : [ {
                "rows" : 3,
                "bytes" : 500,
                "offset" : 4
              }, {
                "rows" : 2,
                "bytes" : 300,
                "offset" : 504
              } ]
            }, {
              "path" : "train/part-1.parquet",
              "rows" : 1,
              "bytes" : 200,
              "recordsDigest" : "bb",
              "rowGroups" : [ {
                "rows" : 1,
                "bytes" : 100,
                "offset" : 4
              } ]
            } ]
          },
          "val" : {
            "source" : "none",
            "images" : 0,
            "bytes" : 0,
            "imagesPerClass" : [ 0, 0 ],
            "rejects" : { },
            "statistics" : {
              "images" : 0,
              "minWidth" : 0,
              "meanWidth" : 0.0,
              "maxWidth" : 0,
              "minHeight" : 0,
              "meanHeight" : 0.0,
              "maxHeight" : 0,
              "mean" : [ 0.0, 0.0, 0.0 ],
              "standardDeviation" : [ 0.0, 0.0, 0.0 ]
            },
            "files" : [ ]
          }
        }
      }
      """;

  private final Storage storage = Storage.of(Map.of());

  @TempDir Path directory;

  private static ShardManifest manifest(String createdBy, List<ShardContents> shards) {
    return ShardManifest.of(
        1,
        "fishes",
        createdBy,
        42,
        "cc",
        "dd",
        LABELS,
        Map.of(
            "val", ShardSplit.of("none", LABELS, List.of(), Map.of(), ImageStatistics.UNKNOWN),
            "train",
                ShardSplit.of(
                    "class folders file:/data",
                    LABELS,
                    shards,
                    Map.of(RejectReason.LINK_ENTRY, 1L, RejectReason.EMPTY, 2L),
                    STATISTICS)));
  }

  private static ShardManifest manifest() {
    return manifest(
        "phiscale 0.1.0",
        List.of(
            new ShardContents(FIRST, Map.of(0, 4L, 1, 1L)),
            new ShardContents(SECOND, Map.of(1, 1L))));
  }

  private static String golden() {
    String content =
        """
        class n01
        class n02
        split train
        file aa 3 2
        file bb 1
        split val
        """;
    return GOLDEN.replace("DIGEST", ShardRecord.sha256(content.getBytes(UTF_8)));
  }

  @Test
  void theTextIsStable() {
    assertThat(manifest().toJson()).isEqualTo(golden());
  }

  @Test
  void isReadFromTheDirectoryOfItsShards() throws IOException {
    URI root = Storage.uri(directory.toString());
    manifest().write(storage, root);
    assertThat(ShardManifest.read(storage, root)).isEqualTo(manifest());
    assertThat(directory.resolve("manifest.json")).hasContent(golden());
  }

  @Test
  void aDirectoryWithoutManifestIsNoDataSet() {
    URI root = Storage.uri(directory.toString());
    assertThatThrownBy(() -> ShardManifest.read(storage, root))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No data set in " + root + ": it has no manifest.json (shard one first)");
  }

  @Test
  void rowGroupsComeInTheOrderOfTheManifest() {
    URI root = URI.create("s3a://bucket/fishes");
    assertThat(manifest().rowGroups(root, "train"))
        .containsExactly(
            new RowGroup(URI.create("s3a://bucket/fishes/train/part-0.parquet"), 0, 3, 500),
            new RowGroup(URI.create("s3a://bucket/fishes/train/part-0.parquet"), 1, 2, 300),
            new RowGroup(URI.create("s3a://bucket/fishes/train/part-1.parquet"), 0, 1, 100));
    assertThat(manifest().split("train").rejected()).isEqualTo(3);
    assertThatThrownBy(() -> manifest().rowGroups(root, "test"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid split: test (data set fishes has train, val)");
  }

  @Test
  void theDigestIsOfTheContentOnly() {
    String digest = manifest().contentDigest();
    ShardFile renamed =
        new ShardFile(
            "train/other.parquet", 1, 999, "bb", List.of(new ShardFile.RowGroupEntry(1, 77, 9)));
    ShardFile changed =
        new ShardFile(
            "train/part-1.parquet", 1, 200, "b0", List.of(new ShardFile.RowGroupEntry(1, 100, 4)));
    assertThat(digest(FIRST, renamed)).isEqualTo(digest);
    assertThat(manifest("other", List.of()).contentDigest())
        .isEqualTo(manifest("phiscale 0.1.0", List.of()).contentDigest());
    assertThat(digest(FIRST, changed)).isNotEqualTo(digest);
    assertThat(
            manifest(
                    "phiscale 0.1.0",
                    List.of(
                        new ShardContents(SECOND, Map.of(1, 1L)),
                        new ShardContents(FIRST, Map.of(0, 4L, 1, 1L))))
                .contentDigest())
        .isNotEqualTo(digest);
  }

  private static String digest(ShardFile first, ShardFile second) {
    return manifest(
            "another version",
            List.of(
                new ShardContents(first, Map.of(0, 4L, 1, 1L)),
                new ShardContents(second, Map.of(1, 1L))))
        .contentDigest();
  }

  private static void assertInvalid(String from, String to, String message) {
    assertThat(golden()).contains(from);
    String json = golden().replaceFirst(Pattern.quote(from), to);
    assertThatThrownBy(() -> ShardManifest.parse(FILE, json))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Invalid manifest file:/shards/manifest.json: ")
        .hasMessageContaining(message);
  }

  /** A data set from before there were versions is the first one of itself. */
  @Test
  void schemaTwoIsReadAsTheFirstVersion() throws IOException {
    ShardManifest read = ShardManifest.parse(FILE, schemaTwo());
    assertThat(read.version()).isOne();
    assertThat(read.sourcesDigest()).isEmpty();
    assertThat(read.splits()).isEqualTo(manifest().splits());
  }

  private static String schemaTwo() {
    return golden()
        .replace("\"schemaVersion\" : 3", "\"schemaVersion\" : 2")
        .replaceAll(" *\"(version|sourcesDigest)\" : .*,\n", "");
  }

  @Test
  void versionsAreKept() throws IOException {
    URI root = Storage.uri(directory.toString());
    manifest().write(storage, root);
    ShardManifest second =
        ShardManifest.of(
            2, "fishes", "phiscale 0.2.0", 42, "cc", "ee", LABELS, manifest().splits());
    second.write(storage, root);
    assertThat(ShardManifest.read(storage, root)).isEqualTo(second);
    assertThat(ShardManifest.read(storage, root, ShardManifest.NEWEST)).isEqualTo(second);
    assertThat(ShardManifest.read(storage, root, 2)).isEqualTo(second);
    assertThat(ShardManifest.read(storage, root, 1)).isEqualTo(manifest());
    assertThat(directory.resolve("manifest-v1.json")).hasContent(golden());
    assertThatThrownBy(() -> ShardManifest.read(storage, root, 3))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage("No version 3 of the data set in " + root + ": it has 1 to 2");
    assertThat(ShardManifest.folder(root, 1)).isEqualTo(root);
    assertThat(ShardManifest.folder(root, 2)).isEqualTo(Storage.resolve(root, "v2"));
  }

  @Test
  void addedShardsComeBehind() {
    ShardSplit first =
        ShardSplit.of(
            "x",
            LABELS,
            List.of(new ShardContents(FIRST, Map.of(0, 4L, 1, 1L))),
            Map.of(RejectReason.EMPTY, 2L),
            new ImageStatistics(
                1, 10, 10, 10, 4, 4, 4, List.of(0.2, 0.2, 0.2), List.of(0.0, 0.0, 0.0)));
    ShardSplit second =
        ShardSplit.of(
            "x",
            LABELS,
            List.of(new ShardContents(SECOND, Map.of(1, 1L))),
            Map.of(RejectReason.EMPTY, 1L, RejectReason.LINK_ENTRY, 1L),
            new ImageStatistics(
                1, 2, 2, 2, 8, 8, 8, List.of(0.6, 0.4, 0.2), List.of(0.0, 0.0, 0.0)));
    ShardSplit both = first.and(second);
    assertThat(both.files()).containsExactly(FIRST, SECOND);
    assertThat(both.imagesPerClass()).containsExactly(4L, 2L);
    assertThat(both.rejects())
        .isEqualTo(Map.of(RejectReason.EMPTY, 3L, RejectReason.LINK_ENTRY, 1L));
    ImageStatistics sum = both.statistics();
    assertThat(sum.images()).isEqualTo(2);
    assertThat(List.of(sum.minWidth(), sum.maxWidth(), sum.minHeight(), sum.maxHeight()))
        .containsExactly(2, 10, 4, 8);
    assertThat(sum.meanWidth()).isEqualTo(6);
    assertThat(sum.meanHeight()).isEqualTo(6);
    // Two values, so their deviation is half of their difference.
    double[] means = {0.4, 0.3, 0.2};
    double[] deviations = {0.2, 0.1, 0.0};
    for (int channel = 0; channel < 3; channel++) {
      assertThat(sum.mean().get(channel)).isCloseTo(means[channel], within(1e-12));
      assertThat(sum.standardDeviation().get(channel)).isCloseTo(deviations[channel], within(1e-7));
    }
    assertThat(first.statistics().and(ImageStatistics.UNKNOWN)).isEqualTo(first.statistics());
    assertThat(ImageStatistics.UNKNOWN.and(first.statistics())).isEqualTo(first.statistics());
  }

  /** A data set of an earlier program is read; its statistics are unknown. */
  @Test
  void versionOneIsReadWithoutStatistics() throws IOException {
    String old =
        schemaTwo()
            .replace("\"schemaVersion\" : 2", "\"schemaVersion\" : 1")
            .replaceAll("(?s) *\"statistics\" : \\{.*?\\},\n", "");
    assertThat(old).doesNotContain("statistics");
    ShardManifest read = ShardManifest.parse(FILE, old);
    assertThat(read.split("train").statistics()).isEqualTo(ImageStatistics.UNKNOWN);
    assertThat(read.split("train").files()).isEqualTo(manifest().split("train").files());
    assertThat(read.contentDigest()).isEqualTo(manifest().contentDigest());
  }

  @Test
  void readingIsStrict() {
    assertInvalid("\"schemaVersion\" : 3,", "", "no schemaVersion");
    assertInvalid(
        "\"schemaVersion\" : 3,",
        "\"schemaVersion\" : 4,",
        "schemaVersion 4 (this program reads 1 to 3)");
    assertInvalid("\"version\" : 1,", "\"version\" : 0,", "Invalid version: 0 (must be > 0)");
    assertInvalid("\"sourcesDigest\" : \"dd\",", "", "'sourcesDigest'");
    assertInvalid("\"meanHeight\" : 2.0,", "", "'meanHeight'");
    assertInvalid(
        "\"minWidth\" : 3,", "\"minWidth\" : 7,", "Invalid statistics: 6 images, width 7");
    assertInvalid("[ 0.1, 0.2, 0.3 ]", "[ 0.1 ]", "Invalid statistics: 1 means and 3");
    assertInvalid("\"seed\" : 42,", "", "'seed'");
    assertInvalid("\"seed\" : 42,", "\"seed\" : null,", "seed");
    assertInvalid("\"seed\" : 42,", "\"seed\" : \"42\",", "(at seed)");
    assertInvalid("\"seed\" : 42,", "\"seed\" : 4.2,", "(at seed)");
    assertInvalid("\"seed\" : 42,", "\"seed\" : 42, \"sede\" : 1,", "(at sede)");
    assertInvalid("\"rows\" : 3,", "", "'rows'");
    assertInvalid("\"offset\" : 504", "\"offset\" : -1", "(at splits.train.files[0].rowGroups[1])");
    assertInvalid("\"empty\"", "\"void\"", "Invalid reject reason: void");
    assertInvalid("\"images\" : 6", "\"images\" : 7", "Invalid images: 7 (the files add up to 6)");
    assertInvalid(
        "\"bytes\" : 1100", "\"bytes\" : 1101", "Invalid bytes: 1101 (the files add up to 1100)");
    assertInvalid("[ 4, 2 ]", "[ 4, 3 ]", "Invalid images: 6 (the classes add up to 7)");
    assertInvalid(
        "[ 4, 2 ]",
        "[ 6 ]",
        "Invalid imagesPerClass of split train: 1 counts (there are 2 classes)");
    assertInvalid(
        "\"rows\" : 5", "\"rows\" : 4", "Invalid row count of shard train/part-0.parquet: 4");
    assertInvalid(
        "train/part-0.parquet", "../part-0.parquet", "Invalid shard path: ../part-0.parquet");
    assertInvalid("\"aa\"", "\"a1\"", "Invalid contentDigest: ");
    assertInvalid("\"n02\"", "\"n01\"", "class n01 twice");
    assertInvalid("\"name\" : \"fishes\"", "\"name\" : \" \"", "Invalid name: blank");
    assertInvalid("\"splits\"", "\"splits", "(line ");
    assertInvalid("{", "", "");
    assertInvalid("{", "1 {", "");
  }

  @Test
  void labelsOutsideTheLabelSpaceAreRefused() {
    assertThatThrownBy(
            () ->
                ShardSplit.of(
                    "x",
                    LABELS,
                    List.of(new ShardContents(SECOND, Map.of(2, 1L))),
                    Map.of(),
                    STATISTICS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid label in shard train/part-1.parquet: 2 (must be in [0, 2))");
  }
}
