package io.phiscale.jobs.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
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
                + "train_images_per_second,latency_ms,inference_images_per_second,native_mib,"
                + "cost_per_million,checkpoint");
    assertThat(String.join(",", lines.get(6)))
        .isEqualTo(
            "phi-2,81.400,18.600,99.000,1.000,0.53,37,0.875,bicubic,2,compound,1.21,1.44,533164,"
                + "18940928,EMA,1000,10,78.870,83.690,0.59,40000,8,17,87,2.04,430,,,,,"
                + "file:/runs/quickstart/phi-2/checkpoints/round-40");
  }

  /** A report without a study has no such column, as the test before this one shows. */
  @Test
  void networksOfAStudySayWhatWasScaled() {
    EvaluationReport report = SampleReports.axes();

    String csv = report.toCsv();
    assertThat(csv.lines().findFirst().orElseThrow()).endsWith("cost_per_million,axis,checkpoint");
    assertThat(records(csv))
        .extracting(row -> row.get("model") + " " + row.get("axis"))
        .startsWith("phi-0 compound", "phi-1 compound", "depth-phi-1 depth", "width-phi-1 width")
        .hasSize(9);
    assertThat(EvaluationReport.read("again", csv, "{}").toCsv()).isEqualTo(csv);
    assertThatThrownBy(
            () -> EvaluationReport.read("x", csv.replace(",depth,file:", ",deep,file:"), "{}"))
        .hasMessage(
            "Cannot read x/report.csv, row depth-phi-1: Invalid axis: deep (must be one of [compound,"
                + " depth, width, resolution, search])");
    assertThat(report.toMarkdown()).startsWith("# Axes\n\n| network | axis | φ | width |");
    assertThat(report.toMarkdownTable())
        .startsWith("| network | axis | φ | px |")
        .contains("| width-phi-2 | width | – | 28 |");

    String page = report.toHtml();
    assertThat(page)
        .contains(
            "<td class=\"word\" data-column=\"axis\" data-value=\"depth\"><span class=\"key depth\"")
        .doesNotContain("<span class=\"key EMA\"")
        .contains("Colour and shape say what was scaled.");
    Element plot = xml(drawings(page).get(0));
    assertThat(texts(plot, "text")).contains("compound", "depth", "width", "resolution");
    assertThat(texts(plot, "title"))
        .anyMatch(title -> title.startsWith("width-phi-2, scaled in width alone, EMA weights: "));
    assertThat(drawings(page).get(0))
        .contains("var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)");
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
    assertThat(drawings).hasSize(8);
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
            "phi-1, EMA weights: top-1 78.90% (95% interval 76.3–81.3%), 9.53 M multiply-adds, 392 k"
                + " parameters, φ 1");
    assertThat(page).doesNotContain("Least-squares line");
    assertThat(SampleReports.published().toHtml())
        .contains("Least-squares line: 1.0 points of top-1 per doubling of multiply-adds");
    assertThat(texts(xml(drawings.get(0)), "text")).contains("raw", "EMA", "5 M", "10 M", "20 M");
    assertThat(texts(xml(drawings.get(6)), "title")).contains("phi-2: loss 0.442 after 8 epochs");
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
        .containsExactly("accuracy-by-multiply-adds", "accuracy-by-parameters");
    assertThat(Plots.of(SampleReports.phiStudy()))
        .extracting(Plot::name)
        .containsExactly(
            "accuracy-by-multiply-adds",
            "accuracy-by-parameters",
            "accuracy-by-phi",
            "learning-curves");
    assertThat(Plots.of(SampleReports.detailed()))
        .extracting(Plot::name)
        .contains("accuracy-by-latency");
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
    assertThat(drawings(report.toHtml())).hasSize(6).allSatisfy(drawing -> xml(drawing));
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
            "table.md",
            "provenance.json",
            "plots/accuracy-by-multiply-adds.svg",
            "plots/accuracy-by-multiply-adds.png",
            "plots/accuracy-by-parameters.svg",
            "plots/accuracy-by-parameters.png",
            "plots/accuracy-by-phi.svg",
            "plots/accuracy-by-phi.png",
            "plots/learning-curves.svg",
            "plots/learning-curves.png",
            "report.html");
    assertThat(files.get("report.html")).hasSizeLessThan(150_000);
    assertThat(files(SampleReports.crowded()).get("report.html")).hasSizeLessThan(300_000);
    String file = files.get("plots/accuracy-by-phi.svg");
    assertThat(file).doesNotContain("var(").contains("#0a66b0").contains("width=\"720\"");
    assertThat(texts(xml(file), "text")).contains("phi-2");
  }

  /** Every pixel drawn is of the light theme: the colour of an ink, or between two of them. */
  @Test
  void pngsShowThePlotsInTheLightTheme() throws IOException {
    assertThat(PngDrawing.problem()).isEmpty();
    for (Plot plot : Plots.of(SampleReports.detailed())) {
      byte[] file = PngDrawing.file(plot, 720, 420);
      BufferedImage picture = ImageIO.read(new ByteArrayInputStream(file));
      assertThat(picture.getWidth()).isEqualTo(1440);
      assertThat(picture.getHeight()).isEqualTo(840);
      Map<Integer, Integer> colours = new HashMap<>();
      for (int y = 0; y < picture.getHeight(); y++) {
        for (int x = 0; x < picture.getWidth(); x++) {
          colours.merge(picture.getRGB(x, y) & 0xffffff, 1, Integer::sum);
        }
      }
      int series =
          Integer.decode(
              (plot.name().equals("learning-curves") ? Ink.SERIES_2 : Ink.EMA).lightColour());
      assertThat(colours.get(Integer.decode(Ink.SURFACE.lightColour())))
          .isGreaterThan(picture.getWidth() * picture.getHeight() / 2);
      assertThat(colours).containsKeys(series, Integer.decode(Ink.GRID.lightColour()));
      // The inkwell's own colours would be nearly black.
      assertThat(colours).doesNotContainKey(0x10203);
      // Drawn as SVG after that, it is still what it was.
      assertThat(SvgDrawing.file(plot, 720, 420)).contains(Ink.SURFACE.lightColour());
    }
  }

  @Test
  void aBriefTableIsForPapers() {
    assertThat(SampleReports.phiStudy().toMarkdownTable())
        .startsWith(
            """
            | network | φ | px | params | mult-adds | weights | top-1 % | top-5 % |
            | :-- | --: | --: | --: | --: | :-- | --: | --: |
            | phi-0 | 0 | 28 | 312 k | 4.81 M | raw | 74.20 (71.4–76.8) | 98.00 |
            """)
        .endsWith("\nIn brackets the 95% Wilson interval over the evaluated images (1,000).\n");
    assertThat(SampleReports.detailed().toMarkdownTable())
        .contains("| 1 image, ms | inference/s | native MiB | cost/million |\n")
        .contains("| 1.00 | 1,000 | 250 | 0.5 |\n");
    assertThat(SampleReports.crowded().toMarkdownTable())
        .contains("| network | φ | px |")
        .doesNotContain("weights")
        .endsWith(
            " \\* nominal φ: the coefficients are the published, hand-rounded ones, not α^φ.\n");
  }

  @Test
  void publishedResultsStandBesideMeasuredOnesOnlyWhereAsked() {
    EvaluationReport report = SampleReports.crowded();
    assertThat(report.toHtml()).doesNotContain("as published").doesNotContain("1905.11946");
    String page = report.withReference(Reference.IMAGENET).toHtml();
    assertThat(page)
        .contains("1905.11946v5, Table 2")
        .contains("Published results, for reference (not measured here)")
        .contains("Hollow grey marks are published results (see below), not measured here.");
    List<String> drawings = drawings(page);
    for (int i = 0; i < 4; i++) {
      boolean byParameters = i >= 2;
      List<String> marks = texts(xml(drawings.get(i)), "title");
      assertThat(marks)
          .contains(
              "EfficientNet-B0 as published, not measured here: top-1 77.1%, 5.3 M parameters, 0.39 G"
                  + " multiply-adds",
              "SENet as published, not measured here: top-1 82.7%, 146 M parameters, 42 G"
                  + " multiply-adds");
      assertThat(marks.stream().anyMatch(mark -> mark.startsWith("GPipe as published")))
          .as("GPipe has no multiply-adds")
          .isEqualTo(byParameters);
      assertThat(texts(xml(drawings.get(i)), "text"))
          .contains("EfficientNet as published", "others as published");
    }
    assertThat(report.withReference(Reference.IMAGENET).toCsv()).isEqualTo(report.toCsv());
  }

  @Test
  void classesHavePicturesThatSayWhatTheyWereTakenFor() {
    String page = SampleReports.detailed().toHtml();
    assertThat(page)
        .contains("What they look like")
        .contains("<h3>shirt <span>50.0% right</span></h3>")
        .contains(
            "<li class=\"wrong\"><figure><img alt=\"shirt, taken for coat\" title=\"val/3.png\"")
        .contains("<span aria-hidden=\"true\">✗</span> coat 97%")
        .contains("img-src data:")
        .hasSizeLessThan(300_000);
    assertThat(page.split("<img ", -1)).hasSize(1 + 4);
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
