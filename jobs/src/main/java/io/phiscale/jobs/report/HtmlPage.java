package io.phiscale.jobs.report;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.List;
import java.util.Set;

/** The report as one self-contained HTML page. */
final class HtmlPage {
  static final int FULL_WIDTH_PX = 1152;
  static final int HALF_WIDTH_PX = 556;
  private static final int NARROW_WIDTH_PX = 358;

  /** Columns of which less is better, or which name things: sorted upwards first. */
  private static final Set<String> ASCENDING_FIRST =
      Set.of(
          "model", "axis", "weights", "loss", "phi", "width", "depth", "img_size", "seed", "macs");

  /** Columns whose shown text is rounded so much that the whole number should be at hand. */
  private static final Set<String> COUNTS = Set.of("parameters", "macs", "train_images");

  private HtmlPage() {}

  static String of(EvaluationReport report) {
    Headline headline = Headline.of(report);
    StringBuilder page = new StringBuilder(100_000);
    head(page, report.title());
    page.append("<body>\n<header>\n<h1>").append(escaped(report.title())).append("</h1>\n");
    List<String> sentences = headline.sentences();
    page.append("<p class=\"lead\">").append(escaped(sentences.get(0))).append("</p>\n");
    page.append("<p class=\"more\">")
        .append(escaped(String.join(" ", sentences.subList(1, sentences.size()))))
        .append("</p>\n");
    page.append("</header>\n<main>\n");
    plots(page, Plots.of(report));
    table(page, report, headline.best());
    report.law().ifPresent(law -> LawSection.append(page, law));
    DetailSection.append(page, report, headline.best());
    remarks(page, report);
    page.append("<section aria-label=\"Background\">\n");
    if (report.reference() != Reference.NONE) {
      published(page);
    }
    provenance(page, report);
    page.append("</section>\n</main>\n<footer>Made by Phiscale. Accuracy intervals are 95% Wilson")
        .append(" intervals: they cover which images were evaluated, not another training run.")
        .append("</footer>\n<script>\n")
        .append(resource("report.js"))
        .append("</script>\n</body>\n</html>\n");
    return page.toString();
  }

  static void head(StringBuilder page, String title) {
    page.append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';")
        .append(" img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n")
        .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .append("<meta name=\"color-scheme\" content=\"light dark\">\n<title>")
        .append(escaped(title))
        .append("</title>\n<style>\n")
        .append(resource("report.css"))
        .append("</style>\n</head>\n");
  }

  /** The first plot over the full width, the others in pairs; an odd last one full as well. */
  private static void plots(StringBuilder page, List<Plot> plots) {
    figure(page, plots.get(0), FULL_WIDTH_PX, 420);
    List<Plot> others = plots.subList(1, plots.size());
    int paired = others.size() - others.size() % 2;
    if (paired > 0) {
      page.append("<div class=\"pair\">\n");
      others.subList(0, paired).forEach(plot -> figure(page, plot, HALF_WIDTH_PX, 360));
      page.append("</div>\n");
    }
    if (paired < others.size()) {
      figure(page, others.get(paired), FULL_WIDTH_PX, 360);
    }
  }

  static void figure(StringBuilder page, Plot plot, int widthPx, int heightPx) {
    page.append("<section aria-labelledby=\"").append(plot.name()).append("-heading\">\n<h2 id=\"");
    page.append(plot.name()).append("-heading\">").append(escaped(plot.title())).append("</h2>\n");
    page.append("<p class=\"hint\">").append(escaped(plot.hint())).append("</p>\n<figure>\n");
    page.append("<div class=\"wide\">")
        .append(SvgDrawing.inline(plot, "wide", widthPx, heightPx))
        .append("</div>\n<div class=\"narrow\">")
        .append(SvgDrawing.inline(plot, "narrow", NARROW_WIDTH_PX, 330))
        .append("</div>\n</figure>\n</section>\n");
  }

  private static void table(StringBuilder page, EvaluationReport report, NetworkResult best) {
    page.append("<section aria-labelledby=\"table-heading\">\n<h2 id=\"table-heading\">Networks")
        .append(
            "</h2>\n<p class=\"hint\">Press a heading to sort. Point at a rounded count for all")
        .append(" its digits. <a download=\"report.csv\" href=\"data:text/csv;base64,")
        .append(Base64.getEncoder().encodeToString(report.toCsv().getBytes(UTF_8)))
        .append("\">Download the table as CSV</a></p>\n")
        .append("<div class=\"scroll\" role=\"region\" aria-labelledby=\"table-heading\"")
        .append(" tabindex=\"0\">\n<table data-sortable>\n<thead>\n<tr>\n");
    for (Column column : Column.readers(report)) {
      boolean ascending = ASCENDING_FIRST.contains(column.name());
      page.append("<th scope=\"col\" data-first=\"")
          .append(ascending ? "ascending" : "descending")
          .append(column.isText() ? "\" class=\"word\"" : "\"")
          .append(" title=\"")
          .append(escaped(column.explanation()))
          .append("\"><button type=\"button\">")
          .append(escaped(column.heading()))
          .append("</button></th>\n");
    }
    page.append("</tr>\n</thead>\n<tbody>\n");
    for (NetworkResult row : report.rows()) {
      page.append(row.equals(best) ? "<tr class=\"best\">\n" : "<tr>\n");
      for (Column column : Column.readers(report)) {
        cell(page, column, row, row.equals(best));
      }
      page.append("</tr>\n");
    }
    page.append("</tbody>\n</table>\n</div>\n")
        .append("<p class=\"hint\" id=\"sort-status\" role=\"status\"></p>\n</section>\n");
  }

  private static void cell(StringBuilder page, Column column, NetworkResult row, boolean isBest) {
    boolean isName = column.name().equals("model");
    String exact = column.exact().apply(row);
    page.append(isName ? "<th scope=\"row\"" : column.isText() ? "<td class=\"word\"" : "<td")
        .append(" data-column=\"")
        .append(column.name())
        .append("\" data-value=\"")
        .append(escaped(exact))
        .append('"');
    if (COUNTS.contains(column.name())) {
      page.append(" title=\"").append(Figures.grouped(Long.parseLong(exact))).append('"');
    }
    page.append('>');
    // As the plots show it: by axis in a study, else by weights.
    if (column.name().equals(row.axis().isPresent() ? "axis" : "weights")) {
      page.append("<span class=\"key ").append(exact).append("\" aria-hidden=\"true\"></span>");
    }
    String shown = escaped(column.shown().apply(row));
    page.append(isName ? shown : unbroken(shown));
    if (isName && isBest) {
      page.append("<span class=\"tag\">best</span>");
    }
    page.append(isName ? "</th>\n" : "</td>\n");
  }

  /** A narrow no-break space between a number and its unit, a whole one elsewhere. */
  private static String unbroken(String quantity) {
    return quantity.replaceAll("(?<=\\d) (?=\\p{L})", "\u202f").replace(' ', '\u00a0');
  }

  /**
   * Begins a section with a plain table.
   *
   * @param id of the section, unique in the page
   * @param words how many columns, from the first, hold words
   */
  static void tableBegin(
      StringBuilder page, String id, String title, String hint, List<String> headings, int words) {
    page.append("<section aria-labelledby=\"")
        .append(id)
        .append("-heading\">\n<h2 id=\"")
        .append(id)
        .append("-heading\">")
        .append(escaped(title))
        .append("</h2>\n<p class=\"hint\">")
        .append(escaped(hint))
        .append("</p>\n<div class=\"scroll\" role=\"region\" aria-labelledby=\"")
        .append(id)
        .append("-heading\" tabindex=\"0\">\n<table class=\"plain\">\n<thead>\n<tr>");
    for (int i = 0; i < headings.size(); i++) {
      page.append(i < words ? "<th scope=\"col\" class=\"word\">" : "<th scope=\"col\">")
          .append(escaped(headings.get(i)))
          .append("</th>");
    }
    page.append("</tr>\n</thead>\n<tbody>\n");
  }

  /** A row of a plain table: its first cell is its heading. */
  static void tableRow(StringBuilder page, List<String> cells, int words) {
    page.append("<tr><th scope=\"row\">").append(escaped(cells.get(0))).append("</th>");
    for (int i = 1; i < cells.size(); i++) {
      String cell = escaped(cells.get(i));
      page.append(i < words ? "<td class=\"word\">" : "<td>")
          .append(i < words ? cell : unbroken(cell))
          .append("</td>");
    }
    page.append("</tr>\n");
  }

  /** Ends what {@link #tableBegin} began. */
  static void tableEnd(StringBuilder page) {
    page.append("</tbody>\n</table>\n</div>\n</section>\n");
  }

  private static void remarks(StringBuilder page, EvaluationReport report) {
    List<String> remarks = Remarks.of(report);
    if (remarks.isEmpty()) {
      return;
    }
    page.append(
            "<section aria-labelledby=\"notes-heading\">\n<h2 id=\"notes-heading\">Notes</h2>\n")
        .append("<ul class=\"notes\">\n");
    for (String remark : remarks) {
      page.append("<li>").append(escaped(remark)).append("</li>\n");
    }
    page.append("</ul>\n</section>\n");
  }

  private static void published(StringBuilder page) {
    page.append("<details>\n<summary>Published results, for reference (not measured here)")
        .append("</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\"")
        .append(" aria-label=\"Published results\">\n<table>\n<caption>")
        .append(escaped(PublishedResult.SOURCE))
        .append("</caption>\n<thead>\n<tr><th scope=\"col\" class=\"word\">published network</th>")
        .append("<th scope=\"col\">params</th><th scope=\"col\">mult-adds</th>")
        .append("<th scope=\"col\">ImageNet top-1 %</th><th scope=\"col\">top-5 %</th></tr>\n")
        .append("</thead>\n<tbody>\n");
    PublishedResult.all().forEach(result -> row(page, result));
    page.append("</tbody>\n</table>\n</div>\n</details>\n");
  }

  private static void row(StringBuilder page, PublishedResult result) {
    page.append("<tr><th scope=\"row\">")
        .append(result.name())
        .append("</th><td>")
        .append(result.parameters())
        .append("</td><td>")
        .append(result.multiplyAdds().isEmpty() ? Column.UNDEFINED : result.multiplyAdds())
        .append("</td><td>")
        .append(result.top1Percent())
        .append("</td><td>")
        .append(result.top5Percent())
        .append("</td></tr>\n");
  }

  private static void provenance(StringBuilder page, EvaluationReport report) {
    page.append("<details>\n<summary>Where these numbers come from</summary>\n<dl>\n");
    report
        .provenance()
        .forEach(
            (key, value) ->
                page.append("<dt>")
                    .append(escaped(key))
                    .append("</dt><dd>")
                    .append(escaped(value))
                    .append("</dd>\n"));
    for (NetworkResult row : report.rows()) {
      page.append("<dt>checkpoint of ")
          .append(escaped(row.name() + ", " + row.weights().label()))
          .append("</dt><dd>")
          .append(escaped(row.checkpoint().toString()))
          .append("</dd>\n");
    }
    page.append("</dl>\n</details>\n");
  }

  static String resource(String name) {
    try (InputStream stream = HtmlPage.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new IllegalStateException("Cannot write the page: its part is missing: " + name);
      }
      return new String(stream.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read the page's part " + name, e);
    }
  }

  /** Text as it may stand between tags and in quoted attributes. */
  static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }
}
