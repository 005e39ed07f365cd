package io.phiscale.jobs.report;

/** The report as one self-contained HTML page. */
final class HtmlPage {
  private HtmlPage() {}

  static String of(EvaluationReport report) {
    StringBuilder page = new StringBuilder("<!doctype html>\n<html lang=\"en\">\n<head>\n");
    page.append("<meta charset=\"utf-8\">\n<title>").append(escaped(report.title()));
    page.append("</title>\n</head>\n<body>\n<table>\n<thead>\n<tr>");
    for (Column column : Column.READERS) {
      page.append("<th scope=\"col\">").append(escaped(column.heading())).append("</th>");
    }
    page.append("</tr>\n</thead>\n<tbody>\n");
    for (NetworkResult row : report.rows()) {
      page.append("<tr>");
      for (Column column : Column.READERS) {
        page.append("<td data-value=\"").append(escaped(column.exact().apply(row))).append("\">");
        page.append(escaped(column.shown().apply(row))).append("</td>");
      }
      page.append("</tr>\n");
    }
    return page.append("</tbody>\n</table>\n</body>\n</html>\n").toString();
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }
}
