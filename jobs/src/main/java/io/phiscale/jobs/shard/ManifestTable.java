package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection.Table;
import io.phiscale.pipeline.shard.RejectReason;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;

/**
 * A table of image locations with labels, in the style of JFT-3B and IG-1B-Targeted: Parquet, CSV
 * with a header, or JSON lines (these two also compressed), by the name's ending.
 *
 * <p>Labels are an array, or a text with a separator, and confidences as many numbers, or none,
 * which means 1 each. Locations are URIs, absolute paths, or relative to an image root. Keys are
 * the locations as they are written.
 *
 * @param location file or folder
 * @param table which columns
 * @param parts the files that are read; empty: all of the location's
 */
record ManifestTable(URI location, Table table, List<URI> parts) implements ImageTable {
  private static final String CORRUPT = "_corrupt_record";
  private static final Pattern ABSOLUTE = Pattern.compile("(/|[A-Za-z][A-Za-z0-9+.-]+:).*");

  ManifestTable {
    parts = List.copyOf(parts);
  }

  @Override
  public ImageTable only(List<URI> files) {
    return new ManifestTable(location, table, files);
  }

  @Override
  public String description() {
    return "table " + location;
  }

  private Dataset<Row> read(SparkSession session) throws IOException {
    String[] paths =
        parts.isEmpty()
            ? new String[] {location.toString()}
            : parts.stream().map(URI::toString).toArray(String[]::new);
    String name = location.getPath().toLowerCase(Locale.ROOT).replaceAll("\\.(gz|bz2|zst)$", "");
    try {
      if (name.endsWith(".csv") || name.endsWith(".tsv")) {
        return session
            .read()
            .option("header", "true")
            .option("sep", name.endsWith(".csv") ? "," : "\t")
            .option("escape", "\"")
            .csv(paths);
      }
      if (name.endsWith(".json") || name.endsWith(".jsonl") || name.endsWith(".ndjson")) {
        return session.read().json(paths);
      }
      return session.read().parquet(paths);
    } catch (Exception e) {
      // Spark's AnalysisException is checked, but not declared by these methods.
      throw new IOException(
          String.format(
              "Cannot read table %s: %s (expected .parquet or a folder of it, .csv, .tsv, .json or"
                  + " .jsonl)",
              location, e.getMessage()),
          e);
    }
  }

  private Column column(Dataset<Row> read, String key, String name) throws IOException {
    if (!Arrays.asList(read.columns()).contains(name)) {
      throw new IOException(
          String.format(
              "Cannot read table %s: no column %s (data.source.table.%s; there are %s)",
              location, name, key, String.join(", ", read.columns())));
    }
    return read.col("`" + name + "`");
  }

  private Column texts(Dataset<Row> read, String key, String name) throws IOException {
    Column column = column(read, key, name);
    if (read.schema().apply(name).dataType() instanceof ArrayType) {
      return column.cast(DataTypes.createArrayType(DataTypes.StringType));
    }
    Column text = column.cast(DataTypes.StringType);
    return functions
        .when(text.isNull().or(text.equalTo("")), functions.array().cast("array<string>"))
        .otherwise(functions.split(text, Pattern.quote(table.separator())));
  }

  @Override
  public Dataset<Row> rows(SparkSession session) throws IOException {
    Dataset<Row> read = read(session);
    Column corrupt =
        Arrays.asList(read.columns()).contains(CORRUPT)
            ? read.col(CORRUPT)
            : functions.lit(null).cast(DataTypes.StringType);
    Column group = functions.lit(null);
    Dataset<Row> selected =
        read.select(
            column(read, "uri", table.uri()).cast(DataTypes.StringType),
            texts(read, "labels", table.labels()),
            table.confidences().isEmpty()
                ? functions.lit(null).cast("array<string>")
                : texts(read, "confidences", table.confidences()),
            (table.group().isEmpty() ? group : column(read, "group", table.group()))
                .cast(DataTypes.StringType),
            corrupt);
    String root = table.imageRoot().toString();
    return session.createDataFrame(
        selected.javaRDD().map(new Normalise(description(), root)), COLUMNS);
  }

  /** Checks a row and gives it the common columns. */
  private static final class Normalise implements Function<Row, Row> {
    private static final long serialVersionUID = 1L;
    private final String table;
    private final String root;

    Normalise(String table, String root) {
      this.table = table;
      this.root = root.isEmpty() || root.endsWith("/") ? root : root + "/";
    }

    @Override
    public Row call(Row row) {
      String uri = row.getString(0);
      if (uri == null || uri.isBlank()) {
        return rejected(
            "row without location",
            RejectReason.INVALID_NAME,
            row.isNullAt(4) ? "of " + table : row.getString(4));
      }
      if (!ABSOLUTE.matcher(uri).matches() && root.isEmpty()) {
        return rejected(
            uri,
            RejectReason.INVALID_NAME,
            "relative, and data.source.table.image-root is not set");
      }
      List<String> labels = row.isNullAt(1) ? List.of() : row.getList(1);
      List<String> confidences = row.isNullAt(2) ? null : row.getList(2);
      if (confidences != null && confidences.size() != labels.size()) {
        return rejected(
            uri,
            RejectReason.UNKNOWN_LABEL,
            String.format("%s labels and %s confidences", labels.size(), confidences.size()));
      }
      List<Float> weights = new ArrayList<>();
      for (int i = 0; i < labels.size(); i++) {
        String text = confidences == null ? "1" : confidences.get(i);
        try {
          weights.add(ImageTable.confidence(String.valueOf(text).strip()));
        } catch (NumberFormatException e) {
          return rejected(
              uri, RejectReason.UNKNOWN_LABEL, "confidence " + text + " (must be a number)");
        }
      }
      return RowFactory.create(
          uri,
          ABSOLUTE.matcher(uri).matches() ? uri : root + uri,
          labels.toArray(String[]::new),
          weights.toArray(Float[]::new),
          row.getString(3),
          null,
          null);
    }

    private static Row rejected(String key, RejectReason reason, String detail) {
      return RowFactory.create(key, null, new String[0], new Float[0], null, reason.id(), detail);
    }
  }
}
