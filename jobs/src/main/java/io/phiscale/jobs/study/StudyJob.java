package io.phiscale.jobs.study;

import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.evaluate.Evaluation;
import io.phiscale.jobs.evaluate.MinivalScoring;
import io.phiscale.jobs.report.EvaluationReport;
import io.phiscale.jobs.report.LearningCurve;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.train.NetworkPlan;
import io.phiscale.jobs.train.TrainJob;
import io.phiscale.jobs.train.TrainingListener;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.apache.spark.sql.SparkSession;

/**
 * Trains and evaluates one network per value of {@code study.phi}. A cell is an ordinary run in
 * {@code STUDY/phi-N}: started again, a study resumes the cell it was in and trains no finished
 * one.
 */
public final class StudyJob {
  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration all of it
   */
  public StudyJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  /**
   * What a study gives.
   *
   * @param report the table
   * @param page where the HTML page lies
   */
  public record Result(EvaluationReport report, URI page) {}

  /**
   * Runs the cells in order.
   *
   * @param listeners makes a cell's listener from its name and place among all, "2/3"
   */
  public Result run(BiFunction<String, String, TrainingListener> listeners)
      throws IOException, InterruptedException {
    URI output = Storage.uri(configuration.study().output().toString());
    ShardManifest manifest =
        ShardManifest.read(
            storage,
            Storage.uri(configuration.data().shards().toString()),
            configuration.data().version());
    List<Double> grid = configuration.study().phi();
    List<PhiscaleConfiguration> cells = new ArrayList<>();
    for (double phi : grid) {
      PhiscaleConfiguration scaled =
          configuration.override(unsetVariant(Map.of("network.phi", Double.toString(phi))));
      String name = NetworkPlan.of(scaled.network(), manifest.labels().size()).identity().name();
      URI folder = Storage.resolve(output, name);
      cells.add(
          scaled.override(
              Map.of(
                  "train.output", folder.toString(),
                  "evaluate.checkpoint", evaluated(folder),
                  "evaluate.output", Storage.resolve(folder, "evaluation").toString())));
    }
    List<Evaluation> evaluations = new ArrayList<>();
    List<LearningCurve> curves = new ArrayList<>();
    for (int i = 0; i < cells.size(); i++) {
      PhiscaleConfiguration cell = cells.get(i);
      String name = NetworkPlan.of(cell.network(), manifest.labels().size()).identity().name();
      TrainJob.Result trained =
          new TrainJob(session, cell, new MinivalScoring(session, cell))
              .run(listeners.apply(name, (i + 1) + "/" + cells.size()));
      curves.add(ReportFiles.curve(name, trained.metrics()));
      evaluations.add(new EvaluateJob(session, cell).evaluate());
    }
    EvaluationReport report =
        ReportFiles.report(
            configuration, manifest.contentDigest(), Evaluation.of(evaluations), curves);
    return new Result(report, ReportFiles.write(storage, output, report));
  }

  /** The cell's newest checkpoint, or what {@code evaluate.checkpoint} says: newest or best. */
  private String evaluated(URI folder) {
    String asked = configuration.effectiveValues().get("evaluate.checkpoint");
    return EvaluateSection.CHECKPOINT_WORDS.contains(asked) ? asked : folder.toString();
  }

  private static Map<String, String> unsetVariant(Map<String, String> values) {
    Map<String, String> all = new TreeMap<>(values);
    all.put("network.variant", "null");
    return all;
  }
}
