package io.phiscale.jobs.report;

import io.phiscale.jobs.law.LawAnalysis;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The report as GitHub-flavoured Markdown. */
final class MarkdownTable {
  private MarkdownTable() {}

  static String of(EvaluationReport report) {
    StringBuilder text = new StringBuilder("# ").append(escaped(report.title())).append("\n\n");
    text.append(line(Column.readers(report).stream().map(Column::heading)));
    text.append(
        line(Column.readers(report).stream().map(column -> column.isText() ? ":--" : "--:")));
    for (NetworkResult row : report.rows()) {
      text.append(
          line(Column.readers(report).stream().map(column -> escaped(column.shown().apply(row)))));
    }
    for (String remark : Remarks.of(report)) {
      text.append("\n").append(escaped(remark)).append("\n");
    }
    report.law().ifPresent(law -> law(text, law));
    if (!report.provenance().isEmpty()) {
      text.append("\n## Provenance\n\n");
      report
          .provenance()
          .forEach(
              (key, value) ->
                  text.append("- ")
                      .append(escaped(key))
                      .append(": ")
                      .append(escaped(value))
                      .append("\n"));
    }
    return text.toString();
  }

  /**
   * What a paper or a README has room for: the sizes, top-1 with its interval, top-5, and times
   * where they were measured; no heading.
   */
  static String brief(EvaluationReport report) {
    List<Column> columns = Column.paper(report);
    StringBuilder text = new StringBuilder();
    text.append(line(columns.stream().map(Column::heading)));
    text.append(line(columns.stream().map(column -> column.isText() ? ":--" : "--:")));
    for (NetworkResult row : report.rows()) {
      text.append(line(columns.stream().map(column -> escaped(column.shown().apply(row)))));
    }
    text.append("\nIn brackets the 95% Wilson interval over the evaluated images")
        .append(images(report))
        .append(".");
    if (report.rows().stream().anyMatch(row -> row.scaling().phiKind() == PhiKind.NOMINAL)) {
      text.append(" ").append(escaped(Remarks.NOMINAL));
    }
    return text.append("\n").toString();
  }

  private static String images(EvaluationReport report) {
    List<Long> images = report.rows().stream().map(row -> row.score().images()).distinct().toList();
    return images.size() == 1 ? " (" + Figures.grouped(images.get(0)) + ")" : "";
  }

  private static void law(StringBuilder text, LawAnalysis law) {
    text.append("\n## Scaling law\n\n");
    LawWords.all(law)
        .forEach(
            sentences ->
                text.append("- ").append(escaped(String.join(" ", sentences))).append("\n"));
    text.append("- ").append(escaped(LawWords.frontier(law))).append("\n");
  }

  private static String line(Stream<String> cells) {
    return cells.collect(Collectors.joining(" | ", "| ", " |\n"));
  }

  /** Escapes what Markdown would read as markup; line ends become spaces. */
  private static String escaped(String text) {
    return text.replaceAll("\\R", " ")
        .replaceAll("[\\\\`*_{}\\[\\]<>#|~]", "\\\\$0")
        .replace("&", "&amp;");
  }
}
