package io.phiscale.jobs.report;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.phiscale.jobs.law.LawAnalysis;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes a report as the files that a run directory keeps. */
public final class ReportWriter {
  private static final Logger LOG = LoggerFactory.getLogger(ReportWriter.class);

  private ReportWriter() {}

  /** Where the files of a report go: a folder, a Hadoop file system, memory. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Stores one file.
     *
     * @param fileName relative path with {@code /} between its parts
     * @param bytes the whole content
     * @throws IOException if it could not be stored; the message names the place
     */
    void write(String fileName, byte[] bytes) throws IOException;
  }

  private static final int PLOT_WIDTH_PX = 720;
  private static final int PLOT_HEIGHT_PX = 420;

  /**
   * Writes {@code report.csv}, {@code report.md}, {@code table.md}, {@code provenance.json}, {@code
   * law.csv} and {@code law.json} where the report has a law or the reason why not, {@code
   * sets.csv}, {@code classes.csv}, {@code confusion.csv}, {@code calibration.csv} and {@code
   * differences.csv} where it has details, {@code plots/*.svg} and {@code plots/*.png} and, when
   * all these are there, {@code report.html}. Without fonts on the machine there are no PNGs.
   *
   * @throws IOException what the sink throws; files already written stay
   */
  public static void write(EvaluationReport report, Sink sink) throws IOException {
    sink.write("report.csv", report.toCsv().getBytes(UTF_8));
    sink.write("report.md", report.toMarkdown().getBytes(UTF_8));
    sink.write("table.md", report.toMarkdownTable().getBytes(UTF_8));
    sink.write("provenance.json", ProvenanceJson.of(report).getBytes(UTF_8));
    if (report.law().isPresent()) {
      writeLaw(report.law().get(), sink);
    }
    if (!report.details().isEmpty()) {
      sink.write("sets.csv", DetailTables.sets(report.details()).getBytes(UTF_8));
      sink.write("classes.csv", DetailTables.classes(report.details()).getBytes(UTF_8));
      sink.write("confusion.csv", DetailTables.confusions(report.details()).getBytes(UTF_8));
      sink.write("calibration.csv", DetailTables.calibration(report.details()).getBytes(UTF_8));
      sink.write("differences.csv", DetailTables.differences(report.differences()).getBytes(UTF_8));
      plots(
          DetailSection.of(report, Headline.of(report).best()).stream()
              .map(DetailSection::calibration)
              .toList(),
          sink);
    }
    plots(Plots.of(report), sink);
    sink.write("report.html", report.toHtml().getBytes(UTF_8));
  }

  /**
   * Writes {@code law.csv}, {@code law.json} and, where there is a law, its plots.
   *
   * @throws IOException what the sink throws; files already written stay
   */
  public static void writeLaw(LawAnalysis law, Sink sink) throws IOException {
    sink.write("law.csv", LawTable.of(law).getBytes(UTF_8));
    sink.write("law.json", LawJson.of(law).getBytes(UTF_8));
    plots(LawPlots.of(law), sink);
  }

  private static void plots(List<Plot> plots, Sink sink) throws IOException {
    Optional<String> problem = plots.isEmpty() ? Optional.empty() : PngDrawing.problem();
    problem.ifPresent(
        cause -> LOG.warn("Plots are written as SVG only, and not as PNG too, because {}", cause));
    for (Plot plot : plots) {
      String name = "plots/" + plot.name();
      sink.write(
          name + ".svg", SvgDrawing.file(plot, PLOT_WIDTH_PX, PLOT_HEIGHT_PX).getBytes(UTF_8));
      if (problem.isEmpty()) {
        sink.write(name + ".png", PngDrawing.file(plot, PLOT_WIDTH_PX, PLOT_HEIGHT_PX));
      }
    }
  }
}
