package io.phiscale.jobs.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in headless Chromium, where one is installed. */
class PageInBrowserTest {
  private static final int WAIT_SECONDS = 120;

  /** What the page's own script cannot know: says what a reader sees in attributes of the body. */
  private static final String PROBE =
      """
      <script>
      const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      document.body.dataset.overflow = wide;
      const shown = [...document.querySelectorAll("figure svg")].filter(s => s.getBoundingClientRect().width > 0);
      document.body.dataset.drawings = shown.length;
      document.body.dataset.surface = getComputedStyle(document.body).backgroundColor;
      const head = [...document.querySelectorAll("table[data-sortable] thead th")]
          .find(h => h.textContent.includes("top-1"));
      head.querySelector("button").click();
      document.body.dataset.sorted =
          [...document.querySelectorAll("table[data-sortable] tbody td[data-column=top1]")]
              .map(cell => cell.dataset.value).join(" ");
      document.body.dataset.cells =
          [...document.querySelectorAll("table[data-sortable] tbody tr")]
              .map(row => row.cells[0].dataset.value + "=" + row.querySelector("[data-column=top1]").textContent)
              .join(" ");
      </script>
      """;

  private static final String DETAILS =
      """
      <script>
      const all = (selector, text) => [...document.querySelectorAll(selector)].map(text);
      addEventListener("load", () => document.body.dataset.pictures =
          all(".examples img", image => image.naturalWidth + "x" + image.naturalHeight).join(" "));
      document.body.dataset.captions =
          all(".examples figcaption", caption => caption.textContent.trim()).join("|");
      document.body.dataset.latencies =
          all("td[data-column=latency_ms]", cell => cell.textContent).join(" ");
      document.body.dataset.costs =
          all("td[data-column=cost_per_million]", cell => cell.textContent).join(" ");
      document.body.dataset.classes =
          all("section[aria-labelledby=classes-heading] tbody tr",
              row => row.cells[0].textContent + "=" + row.cells[3].textContent).join(" ");
      const published = name => new Set(
          all("section[aria-labelledby=accuracy-by-" + name + "-heading] .narrow svg title",
              title => title.textContent)
          .filter(text => text.includes(" as published, not measured here"))).size;
      document.body.dataset.marks =
          published("multiply-adds") + " " + published("parameters") + " " + published("latency");
      </script>
      """;

  @TempDir Path folder;

  @Test
  void showsTheCsvsValuesSortsAndFitsAPhone() throws Exception {
    Path browser = chromium().orElse(null);
    assumeThat(browser).as("Chromium is installed").isNotNull();
    EvaluationReport report = SampleReports.published().withLaw();
    Path page = folder.resolve("report.html");
    Files.writeString(page, report.toHtml().replace("</body>", PROBE + "</body>"));
    assertThat(Files.size(page)).isLessThan(3_000_000);

    for (int width : new int[] {1280, 390}) {
      String document = document(browser, page, width);
      assertThat(attribute(document, "overflow")).as("overflow at %s px", width).isEqualTo("0");
      assertThat(attribute(document, "drawings")).isEqualTo("5");
      List<Map<String, String>> rows = CsvReader.records(report.toCsv(), "report.csv");
      assertThat(attribute(document, "sorted").split(" "))
          .containsExactly(
              rows.stream()
                  .map(row -> row.get("top1"))
                  .sorted((a, b) -> Double.compare(Double.parseDouble(b), Double.parseDouble(a)))
                  .toArray(String[]::new));
      for (Map<String, String> row : rows) {
        assertThat(attribute(document, "cells"))
            .contains(
                row.get("model") + "=" + Figures.fixed(Double.parseDouble(row.get("top1")), 2));
      }
    }
  }

  /** What one network's page adds: times, classes and their pictures, and published points. */
  @Test
  void showsTimesClassesAndPicturesOfTheCsvs() throws Exception {
    Path browser = chromium().orElse(null);
    assumeThat(browser).as("Chromium is installed").isNotNull();
    EvaluationReport report = SampleReports.detailed().withReference(Reference.IMAGENET);
    Path page = folder.resolve("detailed.html");
    Files.writeString(page, report.toHtml().replace("</body>", PROBE + DETAILS + "</body>"));
    Map<String, String> files = new HashMap<>();
    ReportWriter.write(report, (name, bytes) -> files.put(name, new String(bytes, UTF_8)));

    String document = document(browser, page, 390);
    assertThat(attribute(document, "overflow")).isEqualTo("0");
    assertThat(attribute(document, "pictures")).isEqualTo("8x8 8x8 8x8 8x8");
    assertThat(attribute(document, "captions"))
        .isEqualTo("✗ coat 97%|✓ shirt 81%|✓ coat 99%|✓ coat 90%");
    List<Map<String, String>> rows = CsvReader.records(files.get("report.csv"), "report.csv");
    assertThat(attribute(document, "latencies").split(" "))
        .containsExactlyInAnyOrder(
            rows.stream()
                .map(row -> Figures.fixed(Double.parseDouble(row.get("latency_ms")), 2))
                .toArray(String[]::new));
    assertThat(attribute(document, "costs").split(" "))
        .containsExactlyInAnyOrder(
            rows.stream().map(row -> row.get("cost_per_million")).toArray(String[]::new));
    List<Map<String, String>> classes = CsvReader.records(files.get("classes.csv"), "classes.csv");
    for (Map<String, String> row : classes) {
      assertThat(attribute(document, "classes"))
          .contains(
              row.get("class") + "=" + Figures.percent(Double.parseDouble(row.get("accuracy")), 1));
    }
    assertThat(attribute(document, "marks")).isEqualTo("17 18 0");
  }

  private static String attribute(String document, String name) {
    Matcher matcher =
        Pattern.compile("<body[^>]* data-" + name + "=\"([^\"]*)\"").matcher(document);
    assertThat(matcher.find()).as("data-%s in %s", name, document.length()).isTrue();
    return matcher.group(1);
  }

  private String document(Path browser, Path page, int width)
      throws IOException, InterruptedException {
    Path out = folder.resolve("dom-" + width);
    List<String> command =
        new ArrayList<>(
            List.of(
                browser.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--user-data-dir=" + folder.resolve("profile-" + width),
                "--window-size=" + width + ",900",
                "--dump-dom",
                page.toUri().toString()));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(folder.resolve("err-" + width).toFile())
            .start();
    boolean ended = process.waitFor(WAIT_SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      process.destroyForcibly();
    }
    assertThat(ended).as("Chromium ended within %s s", WAIT_SECONDS).isTrue();
    return Files.readString(out, UTF_8);
  }

  private static Optional<Path> chromium() {
    return Stream.of("chromium", "chromium-browser", "google-chrome")
        .map(name -> Path.of("/usr/bin", name))
        .filter(Files::isExecutable)
        .findFirst();
  }
}
