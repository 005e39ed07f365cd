package io.phiscale.jobs.cli;

import io.phiscale.jobs.report.Comparison;
import io.phiscale.jobs.report.EvaluationReport;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code phiscale report}: no Spark. */
@Command(
    name = "report",
    header = "Compare two studies or evaluations side by side in one HTML page.",
    description = {
      "Reads report.csv and provenance.json of two folders that study or evaluate wrote: the",
      "networks that both have, by how much they differ and whether that is settled, the laws of",
      "both, and what was configured differently."
    },
    footer = {"%nExample:", "  phiscale report runs/a/study runs/b/study --output a-and-b.html"})
final class ReportCommand extends PhiscaleCommand {
  @Parameters(index = "0", paramLabel = "A", description = "Folder of the first report.")
  private String first;

  @Parameters(index = "1", paramLabel = "B", description = "Folder of the second report.")
  private String second;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      defaultValue = "comparison.html",
      description = "The page to write (default: ${DEFAULT-VALUE}).")
  private String output;

  @Override
  public Integer call() throws IOException {
    Storage storage = Storage.of(Map.of());
    Comparison comparison = new Comparison(read(storage, first), read(storage, second));
    URI page = Storage.uri(output);
    storage.writeAtomically(page, comparison.toHtml().getBytes(StandardCharsets.UTF_8));
    phiscale.console().print(comparison.toConsoleTable().stripTrailing());
    phiscale.console().print("Comparison: " + output);
    return Phiscale.SUCCESS;
  }

  private static EvaluationReport read(Storage storage, String place) throws IOException {
    URI folder = Storage.uri(place);
    URI table = Storage.resolve(folder, "report.csv");
    URI facts = Storage.resolve(folder, "provenance.json");
    if (!storage.exists(table)) {
      throw new FileNotFoundException(
          String.format(
              "No report in %s: it has no report.csv (study and evaluate write it)", place));
    }
    String name = place.replaceAll("/+$", "").replaceAll("^.*/(?=[^/]+/[^/]+$)", "");
    return EvaluationReport.read(
            name, storage.readUtf8(table), storage.exists(facts) ? storage.readUtf8(facts) : "{}")
        .withLaw();
  }
}
