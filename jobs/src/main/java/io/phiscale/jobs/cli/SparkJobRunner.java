package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.DatasetTable;
import io.phiscale.jobs.dataset.SampleJob;
import io.phiscale.jobs.dataset.VerifyJob;
import io.phiscale.jobs.doctor.Doctor;
import io.phiscale.jobs.doctor.Finding;
import io.phiscale.jobs.evaluate.EvaluateJob;
import io.phiscale.jobs.evaluate.Evaluation;
import io.phiscale.jobs.evaluate.MinivalScoring;
import io.phiscale.jobs.report.EvaluationReport;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.SparkContexts;
import io.phiscale.jobs.shard.ExportJob;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.study.CellOutcome;
import io.phiscale.jobs.study.CellTable;
import io.phiscale.jobs.study.ReportFiles;
import io.phiscale.jobs.study.StudyJob;
import io.phiscale.jobs.train.TrainJob;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardSplit;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;

/** Runs the jobs on Spark and prints what they did. */
public final class SparkJobRunner implements JobRunner {

  @Override
  public void shard(PhiscaleConfiguration configuration, Console console) throws Exception {
    try (SparkSession session = open(configuration)) {
      shard(session, configuration, console);
    }
  }

  @Override
  public void addShards(PhiscaleConfiguration configuration, Console console) throws Exception {
    try (SparkSession session = open(configuration)) {
      console.note(
          "Looking for new files in " + shown(configuration.data().source().train()) + " ...");
      print(new ShardJob(session, configuration).increment(), configuration, console);
    }
  }

  @Override
  public void showDataset(PhiscaleConfiguration configuration, int classes, Console console)
      throws IOException {
    Storage storage = DriverStorage.of(configuration);
    URI root = Storage.uri(configuration.data().shards().toString());
    console.print(
        DatasetTable.of(
            ShardManifest.read(storage, root, configuration.data().version()), classes));
    console.print(String.format("%nShards: %s", shown(root)));
  }

  @Override
  public void verifyDataset(PhiscaleConfiguration configuration, Console console)
      throws IOException {
    try (SparkSession session = open(configuration)) {
      VerifyJob.Result result = new VerifyJob(session, configuration).run();
      result.damages().forEach(damage -> console.print(damage.file() + ": " + damage.cause()));
      String read =
          String.format(Locale.ROOT, "%,d images in %,d files", result.images(), result.files());
      if (!result.damages().isEmpty()) {
        throw new IllegalStateException(
            String.format(
                "%s of %s are damaged; %s have the right checksum",
                result.damages().size() == 1
                    ? "1 file or row group"
                    : result.damages().size() + " files or row groups",
                shown(Storage.uri(configuration.data().shards().toString())),
                read));
      }
      console.print("Every checksum is right: " + read);
    }
  }

  @Override
  public void sampleDataset(
      PhiscaleConfiguration configuration,
      SampleJob.Request request,
      String output,
      Console console)
      throws IOException {
    URI page =
        output.isEmpty()
            ? Storage.resolve(
                Storage.uri(configuration.data().shards().toString()),
                (request.show() == SampleJob.Show.AUGMENTED
                        ? "augmented"
                        : "sample-" + request.split())
                    + ".html")
            : Storage.uri(output);
    try (SparkSession session = open(configuration)) {
      int pictures = new SampleJob(session, configuration).run(request, page);
      console.print(String.format("%s pictures: %s", pictures, shown(page)));
    }
  }

  @Override
  public void exportDataset(PhiscaleConfiguration configuration, String output, Console console)
      throws Exception {
    URI place = Storage.uri(output);
    try (SparkSession session = open(configuration)) {
      ExportJob.Result result = new ExportJob(session, configuration).run(place);
      String splits =
          result.images().entrySet().stream()
              .map(
                  split ->
                      String.format(
                          "%s %s in %s",
                          split.getKey(),
                          count(split.getValue(), "image", "images"),
                          count(result.tars().get(split.getKey()), "tar", "tars")))
              .collect(Collectors.joining("; "));
      console.print("Exported: " + splits + System.lineSeparator() + "WebDataset: " + shown(place));
    }
  }

  @Override
  public void train(PhiscaleConfiguration configuration, Console console) throws Exception {
    try (SparkSession session = open(configuration)) {
      TrainJob.Result result =
          new TrainJob(session, configuration, new MinivalScoring(session, configuration))
              .run(new TrainingProgress(console, configuration.name(), configuration));
      console.print(
          String.format(
              Locale.ROOT,
              "Trained %s epochs, %,d images; final loss %.4f%nCheckpoint: %s",
              result.checkpoint().info().progress().epoch(),
              result.checkpoint().info().progress().images(),
              result.metrics().isEmpty()
                  ? Double.NaN
                  : result.metrics().get(result.metrics().size() - 1).loss(),
              shown(
                  result
                      .directory()
                      .checkpoints()
                      .location(result.checkpoint().info().progress().round()))));
    }
  }

  @Override
  public void evaluate(PhiscaleConfiguration configuration, Console console) throws Exception {
    try (SparkSession session = open(configuration)) {
      Evaluation evaluation = new EvaluateJob(session, configuration).evaluate();
      Storage storage = DriverStorage.of(configuration);
      ShardManifest manifest =
          ShardManifest.read(
              storage,
              Storage.uri(configuration.data().shards().toString()),
              configuration.data().version());
      EvaluationReport report =
          ReportFiles.report(configuration, manifest.contentDigest(), evaluation, List.of());
      URI page =
          ReportFiles.write(
              storage, Storage.uri(configuration.evaluate().output().toString()), report);
      console.print(report.toConsoleTable().stripTrailing());
      console.print("Report: " + shown(page));
    }
  }

  @Override
  public void study(PhiscaleConfiguration configuration, Console console) throws Exception {
    try (SparkSession session = openForCells(configuration)) {
      study(session, configuration, console);
    }
  }

  @Override
  public void forecastStudy(PhiscaleConfiguration configuration, Console console)
      throws IOException {
    try (SparkSession session = openForCells(configuration)) {
      console.note("Timing a few steps of the smallest and the largest networks ...");
      console.print(CellTable.forecast(new StudyJob(session, configuration).forecast()));
    }
  }

  @Override
  public void doctor(PhiscaleConfiguration configuration, Console console) {
    List<Finding> findings;
    try (SparkSession session = open(configuration)) {
      findings = new Doctor(session, configuration).examine();
    }
    for (Finding finding : findings) {
      console.print(
          String.format(
              "%-8s %-22s %s%s",
              finding.outcome().name().toLowerCase(Locale.ROOT),
              finding.subject(),
              finding.detail(),
              finding.advice().isEmpty()
                  ? ""
                  : String.format("%n%-8s %-22s %s", "", "", "-> " + finding.advice())));
    }
    long failed = findings.stream().filter(f -> f.outcome() == Finding.Outcome.FAILED).count();
    if (failed > 0) {
      throw new IllegalStateException(
          failed == 1 ? "1 check failed: see above" : failed + " checks failed: see above");
    }
  }

  @Override
  public void quickstart(PhiscaleConfiguration configuration, Console console) throws Exception {
    try (SparkSession session = open(configuration)) {
      shard(session, configuration, console);
      study(session, configuration, console);
    }
    console.print(
        String.join(
            System.lineSeparator(),
            "",
            "Next:",
            "  jobs/bin/phiscale summary --phi 1 --base tiny --classes 10   what these networks"
                + " are",
            "  jobs/bin/phiscale study --help                               a study of your own",
            "  conf/cifar10.conf, conf/imagenet-phi-study.conf              where to begin"));
  }

  private static void shard(
      SparkSession session, PhiscaleConfiguration configuration, Console console)
      throws IOException {
    console.note("Sharding " + shown(configuration.data().source().train()) + " ...");
    print(new ShardJob(session, configuration).run(), configuration, console);
  }

  private static void print(
      ShardJob.Result result, PhiscaleConfiguration configuration, Console console) {
    ShardManifest manifest = result.manifest();
    StringBuilder text = new StringBuilder();
    if (result instanceof ShardJob.Result.AlreadyThere) {
      text.append("Shards of this configuration are there already:");
    } else if (result instanceof ShardJob.Result.Added added) {
      text.append(
          String.format(
              Locale.ROOT,
              "Added version %d from %s; with it:",
              manifest.version(),
              count(added.sourceFiles(), "new source file", "new source files")));
    } else {
      text.append("Sharded:");
    }
    for (String name : manifest.splits().keySet()) {
      ShardSplit split = manifest.split(name);
      text.append(
          String.format(
              Locale.ROOT,
              " %s %s in %s (%,d rejected);",
              name,
              count(split.images(), "image", "images"),
              count(split.files().size(), "file", "files"),
              split.rejected()));
    }
    text.append(" ").append(count(manifest.labels().size(), "class", "classes"));
    text.append(System.lineSeparator()).append("Shards: ");
    text.append(shown(configuration.data().shards()));
    console.print(text.toString());
  }

  private static String count(long number, String one, String several) {
    return String.format(Locale.ROOT, "%,d %s", number, number == 1 ? one : several);
  }

  private static void study(
      SparkSession session, PhiscaleConfiguration configuration, Console console)
      throws IOException, InterruptedException {
    StudyJob.Result result = new StudyJob(session, configuration).run(new StudyProgress(console));
    result.report().ifPresent(report -> console.print(report.toConsoleTable().stripTrailing()));
    if (result.comparison().isComparison()) {
      console.print(System.lineSeparator() + result.comparison().toText());
    }
    if (!configuration.study().search().isEmpty() && result.report().isPresent()) {
      console.print(System.lineSeparator() + result.comparison().rankingText());
    }
    result.page().ifPresent(page -> console.print("Report: " + shown(page)));
    for (CellOutcome.Failed failed : result.failures()) {
      console.print(
          String.format("Failed: %s: %s", failed.cell().name(), FailureMessage.of(failed.cause())));
    }
    if (!result.failures().isEmpty()) {
      throw new IllegalStateException(
          String.format(
              "%s of %s cells failed (%s); what is finished stays, and the next start tries the others"
                  + " again",
              result.failures().size(),
              result.outcomes().size(),
              result.failures().stream()
                  .map(failed -> failed.cell().name())
                  .collect(Collectors.joining(", "))));
    }
  }

  /** Where Spark runs in this process, it has room for all cells that are to run at a time. */
  private static SparkSession openForCells(PhiscaleConfiguration configuration) {
    int cores = Runtime.getRuntime().availableProcessors();
    return SparkContexts.open(
        configuration, configuration.study().slots(configuration.train().workers(), cores));
  }

  private static SparkSession open(PhiscaleConfiguration configuration) {
    return SparkContexts.open(configuration, configuration.train().workers());
  }

  /** A local path as a path, anything else as its URI. */
  private static String shown(URI uri) {
    return "file".equals(uri.getScheme()) ? uri.getPath() : uri.toString();
  }
}
