package io.phiscale.jobs.report;

import static java.util.Objects.requireNonNull;

import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.ScaledNetwork;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an evaluation or a study found, and its four written forms. All of them show the same
 * values; the CSV holds them most exactly. None depends on the clock, the locale or the machine:
 * the same report is the same text.
 *
 * @param title headline of the report
 * @param rows one row per network and set of weights, in the order to print; not empty
 * @param curves learning curves, any number, at most one per network name
 * @param provenance where the numbers come from (commit, configuration, data digest, versions), in
 *     the order to print
 * @param notes sentences that a reader must know to judge the numbers
 * @param law how the error falls with size, or why the rows do not say; empty where nobody asked
 * @param details what lies behind the rows, the first set of images first; may be empty
 * @param differences of the best row to others on the same images; may be empty
 * @param reference published results that stand beside the rows in plots
 */
public record EvaluationReport(
    String title,
    List<NetworkResult> rows,
    List<LearningCurve> curves,
    Map<String, String> provenance,
    List<String> notes,
    Optional<LawAnalysis> law,
    List<NetworkDetail> details,
    List<Difference> differences,
    Reference reference) {

  /** Rows, curves, provenance and notes alone. */
  public EvaluationReport(
      String title,
      List<NetworkResult> rows,
      List<LearningCurve> curves,
      Map<String, String> provenance,
      List<String> notes) {
    this(
        title,
        rows,
        curves,
        provenance,
        notes,
        Optional.empty(),
        List.of(),
        List.of(),
        Reference.NONE);
  }

  /** Copies the collections and refuses a report without rows. */
  public EvaluationReport {
    title = Checks.text("report title", title);
    rows = List.copyOf(rows);
    curves = List.copyOf(curves);
    provenance = Collections.unmodifiableMap(new LinkedHashMap<>(provenance));
    notes = List.copyOf(notes);
    details = List.copyOf(details);
    differences = List.copyOf(differences);
    requireNonNull(reference, "reference");
    if (rows.isEmpty()) {
      throw new IllegalArgumentException("Invalid report: no rows (nothing was evaluated)");
    }
    long names = curves.stream().map(LearningCurve::networkName).distinct().count();
    if (names < curves.size()) {
      throw new IllegalArgumentException(
          "Invalid report: two learning curves have the same network name");
    }
  }

  /**
   * A report from the files that {@link ReportWriter} wrote: rows and provenance; curves and notes
   * are in the page alone.
   *
   * @param title what tells it from another one
   * @param csv its {@code report.csv}
   * @param provenance its {@code provenance.json}, or {@code {}}
   * @throws IllegalArgumentException if one of them is something else
   */
  public static EvaluationReport read(String title, String csv, String provenance) {
    return new EvaluationReport(
        title,
        ResultsTable.of(csv, title + "/report.csv").rows(),
        List.of(),
        ProvenanceJson.read(provenance, title + "/provenance.json"),
        List.of());
  }

  /**
   * The same with what the rows say about scaling, if they are of more than one network: takes
   * seconds, as intervals are bootstrapped.
   */
  public EvaluationReport withLaw() {
    if (rows.stream().map(NetworkResult::name).distinct().count() < 2) {
      return this;
    }
    NetworkResult best = Headline.of(this).best();
    return new EvaluationReport(
        title,
        rows,
        curves,
        provenance,
        notes,
        Optional.of(scaling(rows, best.weights())),
        details,
        differences,
        reference);
  }

  /** The same with what lies behind the rows. */
  public EvaluationReport withDetails(
      List<NetworkDetail> newDetails, List<Difference> newDifferences) {
    return new EvaluationReport(
        title, rows, curves, provenance, notes, law, newDetails, newDifferences, reference);
  }

  /** The same with published results beside the rows. */
  public EvaluationReport withReference(Reference newReference) {
    return new EvaluationReport(
        title, rows, curves, provenance, notes, law, details, differences, newReference);
  }

  private static LawAnalysis scaling(List<NetworkResult> rows, Weights weights) {
    List<NetworkResult> alike = rows.stream().filter(row -> row.weights() == weights).toList();
    return LawAnalysis.of(
        alike.stream()
            .map(
                row ->
                    new ScaledNetwork(
                        row.name(),
                        row.scaling().phi(),
                        row.multiplyAdds(),
                        row.parameters(),
                        row.training().images(),
                        1 - row.score().top1()))
            .toList(),
        LawAnalysis.Settings.of(alike.get(0).score().classes()));
  }

  /**
   * The rows as CSV (RFC 4180: CRLF after every line, fields quoted where they must be), UTF-8
   * text. The first nine columns are timm's results columns in timm's units: {@code model}, {@code
   * top1}, {@code top1_err}, {@code top5}, {@code top5_err} (percent), {@code param_count}
   * (millions), {@code img_size} (px), {@code crop_pct} (fraction), {@code interpolation}. Then
   * {@code phi}, {@code phi_kind} (compound, nominal, none), {@code width}, {@code depth}, {@code
   * parameters}, {@code macs} (exact), {@code weights} (raw, EMA), {@code images}, {@code classes},
   * {@code top1_low}, {@code top1_high} (95% Wilson interval, percent), {@code loss} (nats), {@code
   * train_images}, {@code epochs}, {@code seed}, {@code train_seconds}, {@code eval_seconds},
   * {@code train_images_per_second}, {@code latency_ms}, {@code inference_images_per_second},
   * {@code native_mib}, {@code cost_per_million}, of a study {@code axis} (compound, depth, width,
   * resolution, search), {@code checkpoint}. A field is empty where its value is undefined. {@code
   * top5} is top-k with k = min(5, classes).
   */
  public String toCsv() {
    return CsvTable.of(this);
  }

  /** Title, φ table, notes and provenance as GitHub-flavoured Markdown. */
  public String toMarkdown() {
    return MarkdownTable.of(this);
  }

  /** The φ table alone, with the columns that a paper or a README has room for, as Markdown. */
  public String toMarkdownTable() {
    return MarkdownTable.brief(this);
  }

  /**
   * The φ table for a terminal: ASCII but for what the caller's names hold, aligned, no line longer
   * than 120 characters.
   */
  public String toConsoleTable() {
    return ConsoleTable.of(this);
  }

  /**
   * One self-contained HTML page: φ table, plots, learning curves and provenance, without anything
   * from the network.
   */
  public String toHtml() {
    return HtmlPage.of(this);
  }
}
