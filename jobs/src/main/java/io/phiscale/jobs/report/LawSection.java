package io.phiscale.jobs.report;

import io.phiscale.jobs.law.Coefficient;
import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.LawAnalysis.AxisLaw;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import io.phiscale.jobs.law.Observation;
import java.util.List;

/** The part of the page that says how the error falls, and how sure that is. */
final class LawSection {
  private LawSection() {}

  static void append(StringBuilder page, LawAnalysis analysis) {
    page.append("<section aria-labelledby=\"scaling-law-heading\">\n")
        .append("<h2 id=\"scaling-law-heading\">The scaling law</h2>\n<ul class=\"notes\">\n");
    LawWords.all(analysis).forEach(sentences -> item(page, String.join(" ", sentences)));
    page.append("</ul>\n</section>\n");
    List<Plot> plots = LawPlots.of(analysis);
    if (!plots.isEmpty()) {
      page.append("<div class=\"pair\">\n");
      plots.forEach(plot -> HtmlPage.figure(page, plot, HtmlPage.HALF_WIDTH_PX, 360));
      page.append("</div>\n");
      coefficients(page, analysis);
    }
    if (!analysis.frontier().isEmpty()) {
      frontier(page, analysis);
    }
  }

  private static void item(StringBuilder page, String sentence) {
    page.append("<li>").append(HtmlPage.escaped(sentence)).append("</li>\n");
  }

  private static void coefficients(StringBuilder page, LawAnalysis analysis) {
    HtmlPage.tableBegin(
        page,
        "law-coefficients",
        "Coefficients of the laws",
        "With 95% bootstrap intervals.",
        List.of("law over", "form", "coefficient", "value", "from", "to"),
        3);
    for (AxisLaw law : analysis.laws()) {
      if (law.outcome() instanceof Fitted fitted) {
        for (Coefficient coefficient : fitted.fit().coefficients()) {
          HtmlPage.tableRow(
              page,
              List.of(
                  law.axis().label(),
                  fitted.fit().form().label() + ": " + fitted.fit().form().formula(),
                  LawWords.symbol(coefficient.name()),
                  LawWords.figures(coefficient.value()),
                  LawWords.figures(coefficient.interval().low()),
                  LawWords.figures(coefficient.interval().high())),
              3);
        }
      }
    }
    HtmlPage.tableEnd(page);
  }

  private static void frontier(StringBuilder page, LawAnalysis analysis) {
    HtmlPage.tableBegin(
        page,
        "pareto",
        "The Pareto frontier",
        "Every other network needs more multiply-adds to be as good.",
        List.of("network", "mult-adds", "top-1 error %"),
        1);
    for (Observation observation : analysis.frontier()) {
      HtmlPage.tableRow(
          page,
          List.of(
              observation.name(),
              Figures.si(Math.round(observation.scale())),
              Figures.percent(observation.error(), 2)),
          1);
    }
    HtmlPage.tableEnd(page);
  }
}
