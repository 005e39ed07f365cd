package io.phiscale.jobs.report;

import java.util.List;
import java.util.stream.Collectors;

/** The report as RFC 4180 CSV. */
final class CsvTable {
  private CsvTable() {}

  static String of(EvaluationReport report) {
    List<Column> columns = Column.csv(report);
    StringBuilder csv = new StringBuilder(line(columns.stream().map(Column::name).toList()));
    for (NetworkResult row : report.rows()) {
      csv.append(line(columns.stream().map(column -> column.exact().apply(row)).toList()));
    }
    return csv.toString();
  }

  /** One line with its end, fields quoted where they must be. */
  static String line(List<String> fields) {
    return fields.stream().map(CsvTable::quoted).collect(Collectors.joining(",")) + "\r\n";
  }

  private static String quoted(String field) {
    boolean plain = field.chars().noneMatch(c -> c == ',' || c == '"' || c == '\r' || c == '\n');
    return plain ? field : '"' + field.replace("\"", "\"\"") + '"';
  }
}
