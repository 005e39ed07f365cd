package io.phiscale.jobs.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.LawAnalysis.Axis;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Laws in reports, tables that are read back, and two reports side by side. */
class LawReportTest {
  /** Fitted once: it takes seconds. */
  private static final EvaluationReport PUBLISHED = SampleReports.published().withLaw();

  @Test
  void theReportOfAStudyHasItsLawInEveryForm() throws Exception {
    EvaluationReport report = PUBLISHED;
    Fitted law = (Fitted) report.law().orElseThrow().law(Axis.MULTIPLY_ADDS).outcome();
    String a = LawWords.figures(law.fit().coefficient("a").value());

    String html = report.toHtml();
    assertThat(html)
        .contains("The scaling law")
        .contains("id=\"law-heading\"")
        .contains("id=\"law-residuals-heading\"")
        .contains("The Pareto frontier")
        .contains("a = " + a)
        .contains("Fitted to the other 7, it predicts an error of");
    assertThat(html.length()).isLessThan(400_000);
    assertThat(report.toConsoleTable())
        .contains("Law over multiply-adds (all 8 networks): M2, error = beta*x^-a + floor")
        .contains("a = " + a)
        .contains("Pareto frontier");
    assertThat(report.toConsoleTable().chars()).allMatch(c -> c < 128);
    assertThat(report.toMarkdown()).contains("## Scaling law").contains("a = " + a);

    Map<String, String> files = new LinkedHashMap<>();
    ReportWriter.write(report, (name, bytes) -> files.put(name, new String(bytes, UTF_8)));
    assertThat(files).containsKeys("law.csv", "law.json", "plots/law.svg", "provenance.json");
    List<Map<String, String>> lines = CsvReader.records(files.get("law.csv"), "law.csv");
    assertThat(lines)
        .anySatisfy(
            line -> {
              assertThat(line)
                  .containsEntry("axis", "multiply_adds")
                  .containsEntry("quantity", "a");
              assertThat(Double.parseDouble(line.get("value")))
                  .isEqualTo(law.fit().coefficient("a").value());
              assertThat(Double.parseDouble(line.get("low")))
                  .isLessThanOrEqualTo(Double.parseDouble(line.get("high")));
            })
        .anySatisfy(
            line ->
                assertThat(line)
                    .containsEntry("axis", "images")
                    .containsEntry("quantity", "refused"));
    assertThat(files.get("law.json")).contains("\"paretoFrontier\"").contains("\"heldOut\"");
  }

  @Test
  void tooFewNetworksAreToldWhy() {
    EvaluationReport three = SampleReports.phiStudy().withLaw();
    assertThat(three.toConsoleTable())
        .contains("No law over multiply-adds (all 3 networks): Cannot fit M1")
        .contains("at least 4 different sizes");
    String once =
        "<li>No law over multiply-adds, parameters, training images or size and images together: too"
            + " few points. M1 (ε = β·x^−a) has 2 coefficients and needs networks of at least 4"
            + " different sizes to say anything; over multiply-adds and parameters (all 3 networks)"
            + " there are 3, over training images (1 of 3 networks: networks of one size) there is 1."
            + " Error over model and data needs at least 7 points of 3 sizes and 3 amounts of images;"
            + " over size and images together there are 3 points of 3 sizes and 1 amount.</li>\n</ul>";
    assertThat(three.toHtml())
        .contains("<ul class=\"notes\">\n" + once)
        .containsOnlyOnce("No law over")
        .doesNotContain("id=\"law-heading\"");
    assertThat(three.toMarkdown()).containsOnlyOnce("No law over");
    EvaluationReport one =
        new EvaluationReport(
            "One", List.of(SampleReports.awkward("only", 10, 0.9)), List.of(), Map.of(), List.of());
    assertThat(one.withLaw().law()).isEmpty();
  }

  @Test
  void tablesAreReadBackAsTheyWereWritten() {
    EvaluationReport report = SampleReports.crowded();
    EvaluationReport read =
        EvaluationReport.read("again", report.toCsv(), ProvenanceJson.of(report));
    assertThat(read.toCsv()).isEqualTo(report.toCsv());
    EvaluationReport study = SampleReports.phiStudy();
    assertThat(EvaluationReport.read("x", study.toCsv(), ProvenanceJson.of(study)).provenance())
        .isEqualTo(study.provenance());
    assertThatThrownBy(() -> EvaluationReport.read("x", "model,top1\na,5\n", "{}"))
        .hasMessage("Cannot use x/report.csv: it has no column top1_err (has model, top1)");
    assertThatThrownBy(() -> EvaluationReport.read("x", study.toCsv(), "[]"))
        .hasMessage("Cannot read x/provenance.json: it is no report's provenance");
  }

  @Test
  void tablesOfOthersNeedAModelAnAccuracyAndASize() {
    ResultsTable timm =
        ResultsTable.of(
            "model,top1,top1_err,param_count\nb0,77.1,22.9,5.29\n\"b,1\",79.1,20.9,7.79\n",
            "t.csv");
    assertThat(timm.networks()).hasSize(2);
    assertThat(timm.networks().get(1).name()).isEqualTo("b,1");
    assertThat(timm.networks().get(1).parameters()).isEqualTo(7.79e6);
    assertThat(timm.networks().get(1).multiplyAdds()).isNaN();
    assertThat(timm.networks().get(1).error()).isCloseTo(0.209, within(1e-12));
    assertThat(timm.classes(1000)).isEqualTo(1000);
    assertRefused("", "Cannot read t.csv: it is empty");
    assertRefused("model,top1\n", "Cannot read t.csv: no rows below the heading");
    assertRefused("model,top1\na,1,2\n", "Cannot read t.csv, line 2: 3 fields (the heading has 2)");
    assertRefused("model,top1\n\"a,1\n", "Cannot read t.csv, line 2: a quote is never closed");
    assertRefused(
        "model,top1\n\"a\"b,1\n", "Cannot read t.csv, line 2: text after a closing quote");
    assertRefused(
        "model,top1\na,1\n",
        "Cannot use t.csv: it has no column macs or parameters or param_count (has model, top1)");
    assertRefused(
        "model,top1,macs\na,good,5\n",
        "Cannot read t.csv: top1 of a is \"good\" (must be a number)");
    assertRefused(
        "model,top1,macs\na,101,5\n",
        "Cannot use t.csv: Invalid error of a: -0.01 (must be in [0, 1])");
    assertThatThrownBy(() -> ResultsTable.of("model,classes\na,10\nb,100\n", "t.csv").classes(1000))
        .hasMessageContaining("its networks choose among 10 and 100 classes");
  }

  private static void assertRefused(String csv, String message) {
    assertThatThrownBy(() -> ResultsTable.of(csv, "t.csv").networks())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void twoReportsSideBySide() {
    EvaluationReport first = SampleReports.phiStudy();
    EvaluationReport second = SampleReports.changed(first, "Other", 0.05);
    Comparison comparison = new Comparison(first.withLaw(), second.withLaw());
    assertThat(comparison.pairs()).hasSize(6);
    Comparison.Pair pair = comparison.pairs().get(0);
    assertThat(pair.difference()).isCloseTo(0.05, within(1e-9));
    // Newcombe 1998, method 10, of 742 and 792 of 1000: 0.0127 to 0.0870.
    assertThat(pair.low()).isCloseTo(0.0128, within(5e-4));
    assertThat(pair.high()).isCloseTo(0.0870, within(5e-4));
    assertThat(pair.isSettled()).isTrue();
    assertThat(comparison.sentences().get(0))
        .isEqualTo(
            "Other is 5.00 points better than Quickstart: φ = 0, 1, 2 on Fashion-MNIST on average"
                + " over 6 common networks.");
    assertThat(comparison.differences()).containsEntry("Java", List.of("17.0.15", "21"));
    assertThat(comparison.toHtml())
        .contains("side by side")
        .contains("<th scope=\"row\">phi-0</th>")
        .contains("+5.00")
        .contains("What was configured differently")
        .doesNotContain("src=")
        .hasSizeLessThan(200_000);
    assertThat(comparison.toConsoleTable()).contains("phi-2    EMA");
    EvaluationReport stranger =
        new EvaluationReport(
            "Stranger", List.of(SampleReports.awkward("a", 10, 1)), List.of(), Map.of(), List.of());
    assertThat(new Comparison(first, stranger).sentences())
        .containsExactly("The two have no network in common.");
    assertThat(new Comparison(first, stranger).toHtml()).contains("Networks of one alone");
  }

  @Test
  void lawsAsLines() {
    LawAnalysis law = PUBLISHED.law().orElseThrow();
    List<String> lines = BudgetWords.laws(law);
    assertThat(lines).anySatisfy(line -> assertThat(line).startsWith("Law over multiply-adds"));
    assertThat(String.join("\n", lines).chars()).allMatch(c -> c < 128);
    assertThat(LawWords.figures(0.0001234)).isEqualTo("0.000123");
    assertThat(LawWords.figures(1234.5)).isEqualTo("1235");
    assertThat(LawWords.figures(1e-12)).isEqualTo("0");
  }
}
