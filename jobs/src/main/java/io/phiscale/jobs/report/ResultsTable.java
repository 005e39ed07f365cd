package io.phiscale.jobs.report;

import io.phiscale.jobs.law.ScaledNetwork;
import java.net.URI;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A table of results read back: {@code report.csv} as {@link EvaluationReport#toCsv} wrote it, or
 * any CSV with some of its columns, such as timm's results.
 */
public final class ResultsTable {
  private final String file;
  private final List<Map<String, String>> records;

  private ResultsTable(String file, List<Map<String, String>> records) {
    this.file = file;
    this.records = records;
  }

  /**
   * Reads a table.
   *
   * @param csv RFC 4180
   * @param file for messages
   * @throws IllegalArgumentException if it is no table, or has no rows
   */
  public static ResultsTable of(String csv, String file) {
    List<Map<String, String>> records = CsvReader.records(csv, file);
    if (records.isEmpty()) {
      throw new IllegalArgumentException(
          String.format("Cannot read %s: no rows below the heading", file));
    }
    return new ResultsTable(file, records);
  }

  /**
   * The networks, for laws. Needed are {@code model}, {@code top1} or {@code top1_err} (percent)
   * and a size: {@code macs}, {@code parameters} or {@code param_count} (millions). {@code phi} and
   * {@code train_images} are used where they are there. Of rows with raw and EMA weights the EMA
   * ones count; of several evaluation sets the first.
   *
   * @throws IllegalArgumentException naming the column and the row that are wrong
   */
  public List<ScaledNetwork> networks() {
    require("model");
    require("top1", "top1_err");
    require("macs", "parameters", "param_count");
    boolean average = records.stream().anyMatch(record -> "EMA".equals(record.get("weights")));
    return records.stream()
        .filter(record -> !average || "EMA".equals(record.get("weights")))
        .map(this::network)
        .toList();
  }

  private ScaledNetwork network(Map<String, String> record) {
    double top1 = number(record, "top1", Double.NaN);
    double error =
        Double.isNaN(top1) ? number(record, "top1_err", Double.NaN) / 100 : (100 - top1) / 100;
    try {
      return new ScaledNetwork(
          record.get("model"),
          number(record, "phi", Double.NaN),
          number(record, "macs", Double.NaN),
          number(record, "parameters", 1e6 * number(record, "param_count", Double.NaN)),
          number(record, "train_images", Double.NaN),
          error);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          String.format("Cannot use %s: %s", file, e.getMessage()), e);
    }
  }

  /**
   * Number of classes by column {@code classes}, which must be one number for all rows.
   *
   * @param absent what stands in where there is no such column
   */
  public int classes(int absent) {
    List<String> distinct =
        records.stream()
            .map(record -> record.getOrDefault("classes", ""))
            .filter(value -> !value.isEmpty())
            .distinct()
            .toList();
    if (distinct.size() > 1) {
      throw new IllegalArgumentException(
          String.format(
              "Cannot fit a law to %s: its networks choose among %s classes; errors of different"
                  + " tasks are not comparable",
              file, String.join(" and ", distinct)));
    }
    return distinct.isEmpty() ? absent : Integer.parseInt(distinct.get(0));
  }

  /**
   * The rows as they were written.
   *
   * @throws IllegalArgumentException if a column is missing: it is not a report's table
   */
  public List<NetworkResult> rows() {
    Column.CSV.stream()
        .filter(column -> !Column.MEASURED.contains(column))
        .forEach(column -> require(column.name()));
    return records.stream().map(this::row).toList();
  }

  private NetworkResult row(Map<String, String> record) {
    try {
      double top1 = number(record, "top1", Double.NaN) / 100;
      NetworkResult row =
          new NetworkResult(
              record.get("model"),
              new NetworkResult.Scaling(
                  number(record, "phi", Double.NaN),
                  Arrays.stream(PhiKind.values())
                      .filter(kind -> kind.label().equals(record.get("phi_kind")))
                      .findFirst()
                      .orElse(PhiKind.NONE),
                  number(record, "width", Double.NaN),
                  number(record, "depth", Double.NaN),
                  (int) number(record, "img_size", 0)),
              Long.parseLong(record.get("parameters")),
              Long.parseLong(record.get("macs")),
              "EMA".equals(record.get("weights")) ? Weights.EMA : Weights.RAW,
              new NetworkResult.Score(
                  Long.parseLong(record.get("images")),
                  Integer.parseInt(record.get("classes")),
                  top1,
                  number(record, "top5", Double.NaN) / 100,
                  number(record, "loss", Double.NaN),
                  number(record, "crop_pct", Double.NaN),
                  record.get("interpolation"),
                  seconds(record, "eval_seconds")),
              new NetworkResult.Training(
                  Long.parseLong(record.get("train_images")),
                  number(record, "epochs", 0),
                  Long.parseLong(record.get("seed")),
                  seconds(record, "train_seconds"),
                  number(record, "train_images_per_second", Double.NaN)),
              URI.create(record.get("checkpoint")));
      String axis = record.getOrDefault(Column.AXIS.name(), "");
      if (!axis.isEmpty()) {
        row = row.withAxis(axis(axis));
      }
      double single = number(record, Column.LATENCY.name(), Double.NaN);
      return Double.isNaN(single)
          ? row
          : row.withLatency(
              new Latency(
                  single,
                  number(record, Column.THROUGHPUT.name(), Double.NaN),
                  1,
                  1,
                  number(record, Column.MEMORY.name(), Double.NaN),
                  number(record, Column.COST.name(), Double.NaN)));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          String.format("Cannot read %s, row %s: %s", file, record.get("model"), e.getMessage()),
          e);
    }
  }

  private static StudyAxis axis(String label) {
    return Arrays.stream(StudyAxis.values())
        .filter(axis -> axis.label().equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    String.format(
                        "Invalid axis: %s (must be one of %s)",
                        label, Arrays.stream(StudyAxis.values()).map(StudyAxis::label).toList())));
  }

  private static Duration seconds(Map<String, String> record, String column) {
    return Duration.ofMillis(Math.round(1e3 * Double.parseDouble(record.get(column))));
  }

  private double number(Map<String, String> record, String column, double absent) {
    String value = record.getOrDefault(column, "").strip();
    if (value.isEmpty()) {
      return absent;
    }
    try {
      return Double.parseDouble(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          String.format(
              "Cannot read %s: %s of %s is \"%s\" (must be a number)",
              file, column, record.get("model"), value),
          e);
    }
  }

  private void require(String... columns) {
    if (Arrays.stream(columns).noneMatch(records.get(0)::containsKey)) {
      throw new IllegalArgumentException(
          String.format(
              "Cannot use %s: it has no column %s (has %s)",
              file,
              Arrays.stream(columns).collect(Collectors.joining(" or ")),
              String.join(", ", records.get(0).keySet())));
    }
  }
}
