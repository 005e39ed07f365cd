package io.phiscale.jobs.report;

import io.phiscale.jobs.law.LawAnalysis;
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

  private static void law(StringBuilder text, LawAnalysis law) {
    text.append("\n## Scaling law\n\n");
    law.laws()
        .forEach(
            axis ->
                text.append("- ")
                    .append(escaped(String.join(" ", LawWords.of(axis))))
                    .append("\n"));
    text.append("- ").append(escaped(LawWords.surface(law))).append("\n");
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
