package io.phiscale.jobs.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

class ReportFormsTest {
  private static final Pattern CELL =
      Pattern.compile(
          "<t[hd][^>]* data-column=\"(\\w+)\" data-value=\"([^\"]*)\"[^>]*>(.*)</t[hd]>");
  private static final Pattern SVG = Pattern.compile("<svg .*?</svg>", Pattern.DOTALL);

  private static final String NASTY = "a,\"b\"|<script>alert('x')</script>&*_`";

  private static EvaluationReport of(NetworkResult... rows) {
    return new EvaluationReport("Title", List.of(rows), List.of(), Map.of(), List.of());
  }

  private static EvaluationReport nasty() {
    return new EvaluationReport(
        NASTY,
        List.of(SampleReports.awkward(NASTY, 10, 0.75)),
        List.of(new LearningCurve(NASTY, List.of(new LearningPoint(1, 0.1, 10, 2.5, 0.1, 100)))),
        Map.of(NASTY, NASTY + "\n# heading"),
        List.of(NASTY));
  }

  /** Reads RFC 4180 as its grammar says. */
  private static List<List<String>> parsed(String csv) {
    List<List<String>> lines = new ArrayList<>();
    List<String> line = new ArrayList<>();
    StringBuilder field = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < csv.length(); i++) {
      char c = csv.charAt(i);
      if (quoted) {
        if (c == '"' && i + 1 < csv.length() && csv.charAt(i + 1) == '"') {
          field.append('"');
          i++;
        } else if (c == '"') {
          quoted = false;
        } else {
          field.append(c);
        }
      } else if (c == '"') {
        quoted = true;
      } else if (c == ',' || c == '\r') {
        line.add(field.toString());
        field.setLength(0);
        if (c == '\r') {
          assertThat(csv.charAt(++i)).isEqualTo('\n');
          lines.add(line);
          line = new ArrayList<>();
        }
      } else {
        field.append(c);
      }
    }
    assertThat(line).as("every line ends").isEmpty();
    return lines;
  }

  private static List<Map<String, String>> records(String csv) {
    List<List<String>> lines = parsed(csv);
    List<Map<String, String>> records = new ArrayList<>();
    for (List<String> line : lines.subList(1, lines.size())) {
      assertThat(line).hasSameSizeAs(lines.get(0));
      Map<String, String> values = new LinkedHashMap<>();
      for (int i = 0; i < line.size(); i++) {
        values.put(lines.get(0).get(i), line.get(i));
      }
      records.add(values);
    }
    return records;
  }

  private static Element xml(String text) {
    try {
      return DocumentBuilderFactory.newDefaultInstance()
          .newDocumentBuilder()
          .parse(new ByteArrayInputStream(text.getBytes(UTF_8)))
          .getDocumentElement();
    } catch (ParserConfigurationException | SAXException | IOException e) {
      throw new AssertionError("not well-formed: " + text, e);
    }
  }

  private static List<String> texts(Element element, String tag) {
    List<String> texts = new ArrayList<>();
    NodeList nodes = element.getElementsByTagName(tag);
    for (int i = 0; i < nodes.getLength(); i++) {
      texts.add(nodes.item(i).getTextContent());
    }
    return texts;
  }

  private static List<String> drawings(String page) {
    return SVG.matcher(page).results().map(result -> result.group()).toList();
  }

  @Test
  void csvBeginsWithTimmsColumns() {
    List<List<String>> lines = parsed(SampleReports.phiStudy().toCsv());
    assertThat(String.join(",", lines.get(0)))
        .isEqualTo(
            "model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation,phi,"
                + "phi_kind,width,depth,parameters,macs,weights,images,classes,top1_low,top1_high,"
                + "loss,train_images,epochs,seed,train_seconds,eval_seconds,"
                + "train_images_per_second,latency_ms,inference_images_per_second,peak_mib,"
                + "cost_per_million,checkpoint");
    assertThat(String.join(",", lines.get(6)))
        .isEqualTo(
            "phi-2,81.400,18.600,99.000,1.000,0.53,37,0.875,bicubic,2,compound,1.21,1.44,533164,"
                + "18940928,EMA,1000,10,78.870,83.690,0.59,40000,8,17,87,2.04,430,,,,,"
                + "file:/runs/quickstart/phi-2/checkpoints/round-40");
  }

  @Test
  void csvQuotesAndLeavesTheUndefinedEmpty() {
    Map<String, String> values =
        records(of(SampleReports.awkward(NASTY, 10, Double.NaN)).toCsv()).get(0);
    assertThat(values)
        .containsEntry("model", NASTY)
        .containsEntry("top5", "")
        .containsEntry("top5_err", "")
        .containsEntry("phi", "")
        .containsEntry("phi_kind", "none")
        .containsEntry("train_images_per_second", "")
        .containsEntry("top1", "50.000");
  }

  @Test
  void htmlTellsTheCsvsValues() {
    EvaluationReport report = SampleReports.crowded();
    List<Map<String, String>> records = records(report.toCsv());
    Matcher cell = CELL.matcher(report.toHtml());
    int cells = 0;
    while (cell.find()) {
      Map<String, String> values = records.get(cells / Column.READERS.size());
      String column = cell.group(1);
      assertThat(cell.group(2)).as(column).isEqualTo(values.get(column));
      String shown = cell.group(3);
      if (List.of("top1", "top5", "loss").contains(column) && !shown.contains("–")) {
        assertThat(Double.parseDouble(shown))
            .as(column)
            .isCloseTo(Double.parseDouble(values.get(column)), within(0.00501));
      }
      cells++;
    }
    assertThat(cells).isEqualTo(records.size() * Column.READERS.size());
  }

  @Test
  void markdownShowsWhatHtmlShows() {
    EvaluationReport report = SampleReports.phiStudy();
    List<String> shown = new ArrayList<>();
    Matcher cell = CELL.matcher(report.toHtml());
    while (cell.find()) {
      shown.add(
          cell.group(3)
              .replaceAll("<span class=\"tag\">.*?</span>", "")
              .replaceAll("<[^>]*>", "")
              .replaceAll("[\u00a0\u202f]", " "));
    }
    List<String> markdown =
        report
            .toMarkdown()
            .lines()
            .filter(line -> line.startsWith("| phi-"))
            .flatMap(
                line -> List.of(line.substring(2, line.length() - 2).split(" \\| ", -1)).stream())
            .toList();
    assertThat(markdown).isEqualTo(shown);
  }

  @Test
  void markdownEscapesAndExplains() {
    String markdown = nasty().toMarkdown();
    assertThat(markdown)
        .startsWith(
            "# a,\"b\"\\|\\<script\\>alert('x')\\</script\\>&amp;\\*\\_\\`\n\n| network | φ |")
        .doesNotContain("<script>")
        .doesNotContain("\n# heading");
    List<String> table = markdown.lines().filter(line -> line.startsWith("| ")).toList();
    assertThat(table).hasSize(3);
    assertThat(table)
        .allSatisfy(
            line ->
                assertThat(line.replace("\\|", "").chars().filter(c -> c == '|').count())
                    .isEqualTo(Column.READERS.size() + 1));
    assertThat(SampleReports.crowded().toMarkdown())
        .contains("| efficientnet-b3 | 3\\* |")
        .contains("\\* nominal φ: the coefficients are the published, hand-rounded ones");
  }

  @Test
  void topFiveOfFewClassesIsCalledWhatItIs() {
    EvaluationReport few = of(SampleReports.awkward("three", 3, 1.0));
    assertThat(few.toMarkdown())
        .contains("100.00 (k=3)")
        .contains("With 3 classes top-5 is top-3, which is always 100%: it tells nothing.");
    assertThat(few.toHtml()).contains("With 3 classes top-5 is top-3");
    EvaluationReport undefined = of(SampleReports.awkward("ten", 10, Double.NaN));
    assertThat(undefined.toHtml()).contains("data-column=\"top5\" data-value=\"\">–</td>");
    assertThat(undefined.toHtml()).doesNotContain("NaN");
    assertThat(undefined.toMarkdown()).doesNotContain("NaN");
    assertThat(undefined.toConsoleTable()).doesNotContain("NaN");
  }

  @Test
  void consoleTableIsAlignedAndNarrow() {
    assertThat(SampleReports.phiStudy().toConsoleTable())
        .startsWith(
            """
            network  phi  width  depth  px  params  mult-adds  weights  images  top-1 %  95% interval  top-5 %   loss    training
            ---------------------------------------------------------------------------------------------------------------------
            phi-0      0   1.00   1.00  28   312 k     4.81 M  raw       1,000    74.20     71.4-76.8    98.00  0.710        31 s
            """);
    String name = "a-very-long-name-of-a-study-cell-with-all-its-settings-seed-12345";
    EvaluationReport wide =
        new EvaluationReport(
            "Title",
            List.of(SampleReports.awkward(name, 3, 1.0)),
            List.of(),
            Map.of(),
            List.of("word ".repeat(60), "x".repeat(300)));
    assertThat(wide.toConsoleTable().lines())
        .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(120))
        .anySatisfy(line -> assertThat(line).startsWith("a-very-long-").contains(".."));
    assertThat(wide.toConsoleTable().chars()).allMatch(c -> c < 128);
    assertThat(wide.toConsoleTable().replaceAll("[^x]", "")).hasSize(300 + "px".length() - 1);
  }

  @Test
  void htmlNeedsNothingElseAndRunsNothingForeign() {
    String page = nasty().toHtml();
    assertThat(page)
        .contains("a,&quot;b&quot;|&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;*_`")
        .doesNotContain("<script>alert")
        .doesNotContain("src=")
        .doesNotContain("@import")
        .contains("default-src 'none'");
    assertThat(page.replace("http://www.w3.org/2000/svg", ""))
        .doesNotContain("http:")
        .doesNotContain("https:");
    assertThat(page.split("<script", -1)).hasSize(2);
    drawings(page).forEach(ReportFormsTest::xml);
  }

  @Test
  void htmlCarriesTheCsv() {
    EvaluationReport report = SampleReports.phiStudy();
    Matcher link =
        Pattern.compile("href=\"data:text/csv;base64,([^\"]*)\"").matcher(report.toHtml());
    assertThat(link.find()).isTrue();
    assertThat(new String(Base64.getDecoder().decode(link.group(1)), UTF_8))
        .isEqualTo(report.toCsv());
  }

  @Test
  void tableCanBeSortedAndRead() {
    String page = SampleReports.phiStudy().toHtml();
    assertThat(page.split("<th scope=\"col\" data-first=\"(a|de)scending\"", -1))
        .hasSize(Column.READERS.size() + 1);
    assertThat(page.split("<button type=\"button\">", -1)).hasSize(Column.READERS.size() + 1);
    assertThat(page)
        .contains("<table data-sortable>")
        .contains("<th scope=\"row\" data-column=\"model\" data-value=\"phi-0\">")
        .contains("data-column=\"parameters\" data-value=\"533164\" title=\"533,164\">533\u202fk<")
        .contains("role=\"status\"")
        .contains("tabindex=\"0\"")
        .contains("<html lang=\"en\">");
  }

  @Test
  void drawingsAreXmlWithWordsAndOwnIds() {
    String page = SampleReports.phiStudy().toHtml();
    List<String> drawings = drawings(page);
    assertThat(drawings).hasSize(6);
    HashSet<String> ids = new HashSet<>();
    for (String drawing : drawings) {
      Element svg = xml(drawing);
      assertThat(svg.getAttribute("role")).isEqualTo("img");
      String[] labels = svg.getAttribute("aria-labelledby").split(" ", -1);
      assertThat(drawing)
          .contains("<title id=\"" + labels[0] + "\">")
          .contains("<desc id=\"" + labels[1] + "\">");
      assertThat(ids.add(labels[0])).as("id %s is unique", labels[0]).isTrue();
      assertThat(drawing).contains("var(--").doesNotContain("rgb(");
      assertThat(texts(svg, "text")).contains("phi-0", "phi-1", "phi-2");
    }
    assertThat(texts(xml(drawings.get(0)), "title"))
        .contains(
            "phi-1, EMA weights: top-1 78.90% (95% interval 76.3–81.3%), 9.53 M multiply-adds, φ 1",
            "Least-squares line: 3.2 points of top-1 per doubling of multiply-adds");
    assertThat(texts(xml(drawings.get(0)), "text")).contains("raw", "EMA", "5 M", "10 M", "20 M");
    assertThat(texts(xml(drawings.get(4)), "title")).contains("phi-2: loss 0.442 after 8 epochs");
  }

  @Test
  void everyMarkIsThereInEitherWidth() {
    EvaluationReport report = SampleReports.crowded();
    for (String drawing : drawings(report.toHtml()).subList(0, 2)) {
      HashSet<String> marks = new HashSet<>(texts(xml(drawing), "title"));
      for (NetworkResult row : report.rows()) {
        assertThat(marks)
            .anySatisfy(
                mark ->
                    assertThat(mark)
                        .startsWith(row.name() + ", EMA")
                        .contains(Column.TOP1.shown().apply(row)));
      }
    }
  }

  @Test
  void plotsWithoutValuesAreLeftOut() {
    assertThat(Plots.of(of(SampleReports.awkward("a", 10, 1.0))))
        .extracting(Plot::name)
        .containsExactly("accuracy-by-multiply-adds");
    assertThat(Plots.of(SampleReports.phiStudy()))
        .extracting(Plot::name)
        .containsExactly("accuracy-by-multiply-adds", "accuracy-by-phi", "learning-curves");
  }

  @Test
  void extremesCanBeDrawn() {
    LearningPoint only = new LearningPoint(1, 0, 0, 2.5, 0, 0);
    EvaluationReport report =
        new EvaluationReport(
            "Title",
            List.of(
                SampleReports.awkward("φ 图 network", 2, 1.0), SampleReports.awkward("b", 2, 1.0)),
            List.of(new LearningCurve("b", List.of(only)), new LearningCurve("c", List.of())),
            Map.of(),
            List.of());
    assertThat(drawings(report.toHtml())).hasSize(4).allSatisfy(drawing -> xml(drawing));
  }

  @Test
  void sameReportSameBytes() throws IOException {
    assertThat(files(SampleReports.phiStudy())).isEqualTo(files(SampleReports.phiStudy()));
  }

  @Test
  void writerMakesAllFilesAndThePageLast() throws IOException {
    Map<String, String> files = files(SampleReports.phiStudy());
    assertThat(files.keySet())
        .containsExactly(
            "report.csv",
            "report.md",
            "provenance.json",
            "plots/accuracy-by-multiply-adds.svg",
            "plots/accuracy-by-phi.svg",
            "plots/learning-curves.svg",
            "report.html");
    assertThat(files.get("report.html")).hasSizeLessThan(150_000);
    assertThat(files(SampleReports.crowded()).get("report.html")).hasSizeLessThan(300_000);
    String file = files.get("plots/accuracy-by-phi.svg");
    assertThat(file).doesNotContain("var(").contains("#0a66b0").contains("width=\"720\"");
    assertThat(texts(xml(file), "text")).contains("phi-2");
  }

  @Test
  void writerPassesOnWhatTheSinkThrows() {
    assertThatThrownBy(
            () ->
                ReportWriter.write(
                    SampleReports.phiStudy(),
                    (name, bytes) -> {
                      throw new IOException("Cannot write " + name);
                    }))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot write report.csv");
  }

  private static Map<String, String> files(EvaluationReport report) throws IOException {
    Map<String, String> files = new LinkedHashMap<>();
    ReportWriter.write(report, (name, bytes) -> files.put(name, new String(bytes, UTF_8)));
    return files;
  }
}
