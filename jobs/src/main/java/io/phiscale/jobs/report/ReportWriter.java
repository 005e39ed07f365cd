package io.phiscale.jobs.report;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;

/** Writes a report as the files that a run directory keeps. */
public final class ReportWriter {
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
   * Writes {@code report.csv}, {@code report.md}, {@code plots/*.svg} and, when all these are
   * there, {@code report.html}.
   *
   * @throws IOException what the sink throws; files already written stay
   */
  public static void write(EvaluationReport report, Sink sink) throws IOException {
    sink.write("report.csv", report.toCsv().getBytes(UTF_8));
    sink.write("report.md", report.toMarkdown().getBytes(UTF_8));
    for (Plot plot : Plots.of(report)) {
      sink.write(
          "plots/" + plot.name() + ".svg",
          SvgDrawing.file(plot, PLOT_WIDTH_PX, PLOT_HEIGHT_PX).getBytes(UTF_8));
    }
    sink.write("report.html", report.toHtml().getBytes(UTF_8));
  }
}
