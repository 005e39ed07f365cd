package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection.Yfcc;
import io.phiscale.pipeline.shard.RejectReason;
import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * YFCC100M as published: {@code yfcc100m_dataset} (tab-separated, plain or {@code .bz2}), {@code
 * yfcc100m_autotags} and {@code yfcc100m_hash}, with images in the layout of Multimedia Commons.
 *
 * <pre>
 *   23 columns   0 identifier, 1 user, 2 nickname, 3 taken, 4 uploaded, 5 device, 6 title,
 *                7 description, 8 user tags, 9 machine tags, 10 longitude, 11 latitude, 12 accuracy,
 *                13 page, 14 download, 15 license, 16 license URL, 17 server, 18 farm, 19 secret,
 *                20 original's secret, 21 extension, 22 marker: 0 photo, 1 video
 *   25 columns   line number, identifier, hash, then 1 to 22
 *   24 columns   identifier, hash, then 1 to 22; or line number, identifier, then 1 to 22
 *   autotags     identifier, tab, tag:confidence,tag:confidence,...
 *   hash         identifier, tab, hash
 *   images       IMAGES/abc/def/abcdef....jpg, by the hash
 * </pre>
 *
 * <p>Photos only. Joins are Spark's, by identifier. Keys are {@code abc/def/abcdef....jpg}; images
 * of one user stay in one split. Fields are URL-encoded, and decoded here.
 *
 * <p>Source: multimediacommons.wordpress.com, "Core dataset" and "Expansion packs".
 *
 * @param location the metadata; a folder or pattern of several files works too
 * @param yfcc the files beside it
 * @param parts the files of metadata that are read; empty: all of the location's
 */
record YfccTable(URI location, Yfcc yfcc, List<URI> parts) implements ImageTable {
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{30,32}");

  private static final StructType PHOTOS =
      new StructType()
          .add("id", DataTypes.StringType)
          .add("hash", DataTypes.StringType)
          .add("user", DataTypes.StringType)
          .add("tags", DataTypes.StringType)
          .add("problem", DataTypes.StringType);

  private static final StructType PAIRS =
      new StructType().add("id", DataTypes.StringType).add("value", DataTypes.StringType);

  YfccTable {
    parts = List.copyOf(parts);
  }

  @Override
  public ImageTable only(List<URI> files) {
    return new YfccTable(location, yfcc, files);
  }

  @Override
  public String description() {
    return "YFCC100M " + location;
  }

  @Override
  public Dataset<Row> rows(SparkSession session) throws IOException {
    Dataset<Row> photos =
        session
            .createDataFrame(
                lines(session, parts.isEmpty() ? List.of(location) : parts)
                    .javaRDD()
                    .map(new Photo()),
                PHOTOS)
            .filter("id is not null");
    Dataset<Row> hashes = yfcc.hashes().toString().isEmpty() ? null : pairs(session, yfcc.hashes());
    Dataset<Row> hashed =
        hashes == null
            ? photos.selectExpr("id", "hash", "user", "tags", "problem")
            : photos
                .join(hashes, photos.col("id").equalTo(hashes.col("id")), "left")
                .select(
                    photos.col("id"),
                    org.apache
                        .spark
                        .sql
                        .functions
                        .coalesce(photos.col("hash"), hashes.col("value"))
                        .as("hash"),
                    photos.col("user"),
                    photos.col("tags"),
                    photos.col("problem"));
    Dataset<Row> tagged = hashed;
    if (yfcc.labels() == Yfcc.Labels.AUTOTAGS) {
      Dataset<Row> autotags = pairs(session, yfcc.autotags());
      tagged =
          hashed
              .join(autotags, hashed.col("id").equalTo(autotags.col("id")), "left")
              .select(
                  hashed.col("id"),
                  hashed.col("hash"),
                  hashed.col("user"),
                  autotags.col("value").as("tags"),
                  hashed.col("problem"));
    }
    return session.createDataFrame(
        tagged.javaRDD().map(new Image(yfcc.images().toString(), yfcc.labels())), COLUMNS);
  }

  private static Dataset<String> lines(SparkSession session, List<URI> files) throws IOException {
    try {
      return session.read().textFile(files.stream().map(URI::toString).toArray(String[]::new));
    } catch (Exception e) {
      // Spark's AnalysisException is checked, but not declared by this method.
      throw new IOException(String.format("Cannot read %s: %s", files.get(0), e.getMessage()), e);
    }
  }

  private static Dataset<Row> pairs(SparkSession session, URI file) throws IOException {
    return session.createDataFrame(lines(session, List.of(file)).javaRDD().map(new Pair()), PAIRS);
  }

  /** A line of the metadata; all null for a video. */
  static final class Photo implements Function<String, Row> {
    private static final long serialVersionUID = 1L;

    @Override
    public Row call(String line) {
      String[] fields = line.split("\t", -1);
      if (fields.length < 23 || fields.length > 25) {
        return RowFactory.create(
            "line with " + fields.length + " columns: " + head(line),
            null,
            null,
            null,
            fields.length + " columns (must be 23 to 25)");
      }
      int from = fields.length - 23;
      boolean hasHash = from > 0 && HASH.matcher(fields[from]).matches();
      String id = fields[hasHash ? from - 1 : from];
      String marker = fields[from + 22];
      if (!marker.equals("0")) {
        return marker.equals("1")
            ? RowFactory.create(null, null, null, null, null)
            : RowFactory.create(
                id, null, null, null, "marker " + head(marker) + " (must be 0 or 1)");
      }
      return RowFactory.create(
          id, hasHash ? fields[from] : null, fields[from + 1], fields[from + 8], null);
    }

    private static String head(String text) {
      return text.length() <= 60 ? text : text.substring(0, 60);
    }
  }

  /** A line of two columns, of which the second may lack. */
  static final class Pair implements Function<String, Row> {
    private static final long serialVersionUID = 1L;

    @Override
    public Row call(String line) {
      int tab = line.indexOf('\t');
      return tab < 0
          ? RowFactory.create(line, "")
          : RowFactory.create(line.substring(0, tab), line.substring(tab + 1).strip());
    }
  }

  /** A photo with its hash and tags as a row of the common columns. */
  static final class Image implements Function<Row, Row> {
    private static final long serialVersionUID = 1L;
    private final String images;
    private final Yfcc.Labels kind;

    Image(String images, Yfcc.Labels kind) {
      this.images = images.endsWith("/") ? images : images + "/";
      this.kind = kind;
    }

    @Override
    public Row call(Row row) {
      String id = row.getString(0);
      if (!row.isNullAt(4)) {
        return rejected(id, RejectReason.INVALID_NAME, row.getString(4));
      }
      String hash = row.getString(1);
      if (hash == null || !HASH.matcher(hash).matches()) {
        return rejected(
            id,
            RejectReason.MISSING,
            hash == null
                ? "no hash in the metadata or in data.source.yfcc.hashes"
                : "no hash: " + hash);
      }
      String key = hash.substring(0, 3) + "/" + hash.substring(3, 6) + "/" + hash + ".jpg";
      List<String> labels = new ArrayList<>();
      List<Float> weights = new ArrayList<>();
      String tags = row.isNullAt(3) ? "" : row.getString(3);
      for (String tag : tags.split(",", -1)) {
        if (tag.isBlank()) {
          continue;
        }
        int colon = kind == Yfcc.Labels.AUTOTAGS ? tag.lastIndexOf(':') : tag.length();
        try {
          labels.add(
              URLDecoder.decode(tag.substring(0, Math.max(0, colon)), StandardCharsets.UTF_8)
                  .strip()
                  .toLowerCase(Locale.ROOT));
          weights.add(
              kind == Yfcc.Labels.AUTOTAGS ? ImageTable.confidence(tag.substring(colon + 1)) : 1f);
        } catch (IllegalArgumentException e) {
          return rejected(
              key, RejectReason.UNKNOWN_LABEL, "tag " + tag + " cannot be read: " + e.getMessage());
        }
      }
      return RowFactory.create(
          key,
          images + key,
          labels.toArray(String[]::new),
          weights.toArray(Float[]::new),
          row.getString(2),
          null,
          null);
    }

    private static Row rejected(String key, RejectReason reason, String detail) {
      return RowFactory.create(key, null, new String[0], new Float[0], null, reason.id(), detail);
    }
  }
}
