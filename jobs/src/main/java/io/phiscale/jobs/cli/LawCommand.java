package io.phiscale.jobs.cli;

import io.phiscale.jobs.law.Budget;
import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.LawForm;
import io.phiscale.jobs.law.ScaledNetwork;
import io.phiscale.jobs.report.BudgetWords;
import io.phiscale.jobs.report.ReportWriter;
import io.phiscale.jobs.report.ResultsTable;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code phiscale law}: no Spark. */
@Command(
    name = "law",
    header = "Fit scaling laws to a table of results: how error falls with size and images.",
    description = {
      "Prints the law over multiply-adds, parameters and training images with 95% intervals, how",
      "well the smaller networks predict the largest, and the networks that nothing beats; where the",
      "table says too little, why. With --budget also what to train for that many FLOPs.",
      "The table is a report.csv, or any CSV with columns model, top1 or top1_err (percent), and",
      "macs, parameters or param_count (millions); phi, train_images and classes are used if there."
    },
    footer = {
      "%nExamples:",
      "  phiscale law --table runs/quickstart/study/report.csv",
      "  phiscale law --table results.csv --budget 1e18 --form m2"
    })
final class LawCommand extends PhiscaleCommand {
  @Option(names = "--table", paramLabel = "FILE", required = true, description = "The CSV file.")
  private String table;

  @Option(
      names = "--budget",
      paramLabel = "FLOPS",
      description =
          "FLOPs of a whole training: 6 times multiply-adds times images (a step is three forward"
              + " passes).")
  private Double budget;

  @Option(
      names = "--form",
      paramLabel = "NAME",
      defaultValue = "auto",
      description =
          "m1 to m4 of arXiv 2209.06640, or auto: of m1, m2 and m3 the one with the smallest AICc"
              + " (default: ${DEFAULT-VALUE}).")
  private String form;

  @Option(
      names = "--classes",
      paramLabel = "NUMBER",
      description = "Number of classes (default: column classes, else 1000).")
  private Integer classes;

  @Option(
      names = "--output",
      paramLabel = "FOLDER",
      description = "Also write law.csv, law.json and plots there.")
  private String output;

  @Override
  public Integer call() throws IOException {
    Storage storage = Storage.of(Map.of());
    ResultsTable results = ResultsTable.of(storage.readUtf8(Storage.uri(table)), table);
    List<ScaledNetwork> networks = results.networks();
    LawAnalysis analysis = LawAnalysis.of(networks, settings(results));
    BudgetWords.laws(analysis).forEach(phiscale.console()::print);
    if (output != null) {
      URI folder = Storage.uri(output);
      ReportWriter.writeLaw(
          analysis, (name, bytes) -> storage.writeAtomically(Storage.resolve(folder, name), bytes));
    }
    if (budget != null) {
      Budget asked = budget(budget);
      Budget.Answer answer = asked.ask(networks, analysis);
      phiscale.console().print(BudgetWords.of(asked, answer));
    }
    return analysis.laws().stream().anyMatch(law -> law.outcome() instanceof LawAnalysis.Fitted)
        ? Phiscale.SUCCESS
        : Phiscale.FAILURE;
  }

  private Budget budget(double flops) {
    try {
      return new Budget(flops);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private LawAnalysis.Settings settings(ResultsTable results) {
    if (classes != null && classes < 2) {
      throw new ParameterException(
          spec.commandLine(),
          "Invalid value for option '--classes': " + classes + " (must be > 1)");
    }
    LawAnalysis.Settings settings =
        LawAnalysis.Settings.of(classes == null ? results.classes(1000) : classes);
    if (form.equals("auto")) {
      return settings;
    }
    return settings.withForm(
        Arrays.stream(LawForm.values())
            .filter(known -> known.label().equalsIgnoreCase(form))
            .findFirst()
            .orElseThrow(
                () ->
                    new ParameterException(
                        spec.commandLine(),
                        "Invalid value for option '--form': "
                            + form
                            + " (must be auto, "
                            + Arrays.stream(LawForm.values())
                                .map(known -> known.label().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", "))
                            + ")")));
  }
}
