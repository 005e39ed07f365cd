package io.phiscale.jobs.study;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.Evaluation;
import io.phiscale.jobs.report.EvaluationReport;
import io.phiscale.jobs.report.LearningCurve;
import io.phiscale.jobs.report.LearningPoint;
import io.phiscale.jobs.report.ReportWriter;
import io.phiscale.jobs.run.Provenance;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Assembles and writes the tables and the HTML page of an evaluation or a study. */
public final class ReportFiles {
  private ReportFiles() {}

  /** A learning curve from a run's metrics, without rounds whose images were all damaged. */
  public static LearningCurve curve(String network, List<RoundMetrics> rounds) {
    return new LearningCurve(
        network,
        rounds.stream()
            .filter(round -> !Double.isNaN(round.loss()))
            .map(
                round ->
                    new LearningPoint(
                        round.round(),
                        round.epoch(),
                        round.images(),
                        round.loss(),
                        round.learningRate(),
                        round.imagesPerSecond()))
            .toList());
  }

  /** A report with the provenance of this run and the law of its rows. */
  public static EvaluationReport report(
      PhiscaleConfiguration configuration,
      String manifestDigest,
      Evaluation evaluation,
      List<LearningCurve> curves) {
    Provenance provenance = Provenance.of(configuration, manifestDigest);
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("commit", provenance.commit());
    facts.putAll(provenance.versions());
    facts.put("data manifest digest", manifestDigest);
    facts.putAll(provenance.configuration());
    return new EvaluationReport(configuration.name(), evaluation.rows(), curves, facts, List.of())
        .withDetails(evaluation.details(), evaluation.differences())
        .withReference(evaluation.reference(configuration.evaluate().report().published()))
        .withLaw();
  }

  /**
   * Writes a report below a folder.
   *
   * @return where the HTML page lies
   */
  public static URI write(Storage storage, URI folder, EvaluationReport report) throws IOException {
    ReportWriter.write(
        report, (name, bytes) -> storage.writeAtomically(Storage.resolve(folder, name), bytes));
    return Storage.resolve(folder, "report.html");
  }
}
