package io.phiscale.jobs.report;

import java.util.function.Function;
import java.util.stream.Collectors;

/** The report as RFC 4180 CSV. */
final class CsvTable {
  private CsvTable() {}

  static String of(EvaluationReport report) {
    StringBuilder csv = new StringBuilder(line(Column::name));
    for (NetworkResult row : report.rows()) {
      csv.append(line(column -> column.exact().apply(row)));
    }
    return csv.toString();
  }

  private static String line(Function<Column, String> field) {
    return Column.CSV.stream().map(field).map(CsvTable::quoted).collect(Collectors.joining(","))
        + "\r\n";
  }

  private static String quoted(String field) {
    boolean plain = field.chars().noneMatch(c -> c == ',' || c == '"' || c == '\r' || c == '\n');
    return plain ? field : '"' + field.replace("\"", "\"\"") + '"';
  }
}
