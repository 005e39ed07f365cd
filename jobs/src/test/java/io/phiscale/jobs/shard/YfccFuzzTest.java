package io.phiscale.jobs.shard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.DataSection.Yfcc;
import io.phiscale.pipeline.shard.RejectReason;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;

/**
 * Damaged lines of YFCC100M: a photo with a location and confidences that are numbers, a video, or
 * the reason of a rejection. How many: {@code -Dphiscale.fuzz.tries}; which: {@code
 * -Dphiscale.fuzz.seed}.
 */
class YfccFuzzTest {
  private static final String HASH = "0123456789abcdef0123456789abcdef";
  private static final List<String> PIECES =
      List.of(
          "\t",
          "\t\t",
          ",",
          ":",
          "%",
          "%zz",
          "%20",
          "+",
          "\u0000",
          "\ufffd",
          "\ud800",
          "-1",
          "1e400",
          "NaN",
          "Infinity",
          "0x1p3",
          "1f",
          ":1",
          "\"",
          "\r",
          "\n",
          "\\N",
          "..",
          "/",
          "a".repeat(500));

  private static String metadata(int columns) {
    String common =
        "4321@N00\tnick\t2008-01-01\t1200000000\tCanon\tA+title\tText%2C+more\tbeach,blue+sky,caf%C3%A9"
            + "\tgeo:lat=1\t12.5\t55.7\t16\thttp://page\thttp://download\tlicense\thttp://license"
            + "\t2\t3\tsecret\toriginal\tjpg\t0";
    return switch (columns) {
      case 23 -> "6985418911\t" + common;
      case 24 -> "6985418911\t" + HASH + "\t" + common;
      default -> "17\t6985418911\t" + HASH + "\t" + common;
    };
  }

  private static String damaged(String line, SplittableRandom random) {
    StringBuilder text = new StringBuilder(line);
    for (int i = random.nextInt(6); i > 0 && !text.isEmpty(); i--) {
      int at = random.nextInt(text.length());
      switch (random.nextInt(6)) {
        case 0 -> text.setCharAt(at, (char) random.nextInt(128));
        case 1 -> text.setCharAt(at, (char) random.nextInt(1 << 16));
        case 2 -> text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        case 3 -> text.delete(at, Math.min(text.length(), at + 1 + random.nextInt(40)));
        case 4 -> text.setLength(at);
        default -> text.append(text.substring(at));
      }
    }
    // As Spark reads lines: bytes that are no UTF-8 become U+FFFD.
    return new String(text.toString().getBytes(UTF_8), UTF_8);
  }

  @Test
  void damagedLines() throws Exception {
    YfccTable.Photo photos = new YfccTable.Photo();
    YfccTable.Pair pairs = new YfccTable.Pair();
    TagClasses classes = TagClasses.read(Storage.of(Map.of()), URI.create(""), 0.1);
    Map<String, Long> outcomes = new TreeMap<>();
    long seed = Long.getLong("phiscale.fuzz.seed", 0);
    for (int number = 0; number < Integer.getInteger("phiscale.fuzz.tries", 20_000); number++) {
      SplittableRandom random = new SplittableRandom(seed * 0x9e3779b97f4a7c15L + number).split();
      String line = damaged(metadata(23 + random.nextInt(3)), random);
      try {
        String outcome = outcome(line, photos.call(line), pairs, classes, random);
        outcomes.merge(outcome, 1L, Long::sum);
      } catch (Exception | Error e) {
        throw new AssertionError("Input " + number + ": " + line + ": " + e, e);
      }
    }
    System.out.println("tsv: " + outcomes);
    assertThat(outcomes).containsKeys("image", "video", "invalid-name", "missing", "unknown-label");
  }

  /** Found by fuzzing: the weight became infinite, and the target of the image NaN. */
  @Test
  void aConfidenceIsAFiniteNumber() {
    for (String confidence : List.of("Infinity", "1e400", "NaN")) {
      Row image =
          new YfccTable.Image("images", Yfcc.Labels.AUTOTAGS)
              .call(RowFactory.create("1", HASH, "user", "sea:0.5,beach:" + confidence, null));
      assertThat(image.getString(5)).isEqualTo(RejectReason.UNKNOWN_LABEL.id());
      assertThat(image.getString(6))
          .isEqualTo(
              "tag beach:%s cannot be read: confidence %s (must be a number)",
              confidence, confidence);
    }
  }

  private static String outcome(
      String line, Row photo, YfccTable.Pair pairs, TagClasses classes, SplittableRandom random)
      throws IOException {
    if (photo.isNullAt(0)) {
      return "video";
    }
    Yfcc.Labels kind = random.nextBoolean() ? Yfcc.Labels.AUTOTAGS : Yfcc.Labels.USER_TAGS;
    Row hashes = pairs.call(damaged("6985418911\t" + HASH, random));
    Row autotags = pairs.call(damaged("6985418911\tbeach:0.9,blue+sky:0.5,sea:0.77", random));
    Row joined =
        RowFactory.create(
            photo.getString(0),
            photo.isNullAt(1) ? hashes.getString(1) : photo.getString(1),
            photo.get(2),
            kind == Yfcc.Labels.AUTOTAGS ? autotags.get(1) : photo.get(3),
            photo.get(4));
    Row image = new YfccTable.Image("s3a://bucket/images", kind).call(joined);
    assertThat(image.getString(0)).as("key of %s", line).isNotNull();
    if (!image.isNullAt(5)) {
      assertThat(image.getString(6)).isNotBlank();
      return RejectReason.of(image.getString(5)).id();
    }
    assertThat(Storage.uri(image.getString(1)).toString())
        .matches("s3a://bucket/images/[0-9a-f]{3}/[0-9a-f]{3}/[0-9a-f]{30,32}\\.jpg");
    List<String> labels = List.of((String[]) image.get(2));
    List<Float> weights = List.of((Float[]) image.get(3));
    assertThat(weights).hasSameSizeAs(labels);
    classes
        .of(labels, weights)
        .forEach(
            (name, weight) -> {
              assertThat(name).isNotBlank();
              assertThat(weight).as("weight of %s", name).isFinite().isPositive();
            });
    return "image";
  }
}
