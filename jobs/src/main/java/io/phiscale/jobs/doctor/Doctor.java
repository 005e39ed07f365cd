package io.phiscale.jobs.doctor;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.doctor.LookAtExecutor.Findings;
import io.phiscale.jobs.doctor.LookAtExecutor.Place;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Looks at storage, credentials, committer, Spark, executors, native libraries and GPUs, and says
 * what is wrong before a job finds out. Writes one small file to each place that jobs write to, and
 * removes it.
 */
public final class Doctor {
  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration all of it
   */
  public Doctor(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  /** Everything that was looked at, in order. */
  public List<Finding> examine() {
    LookAtStorage look = new LookAtStorage(storage);
    List<Finding> findings = new ArrayList<>();
    List<Place> places = new ArrayList<>();
    places.add(new Place("data.shards", Storage.uri(configuration.data().shards().toString())));
    places.add(new Place("train.output", Storage.uri(configuration.train().output().toString())));
    Place evaluation =
        new Place("evaluate.output", Storage.uri(configuration.evaluate().output().toString()));
    if (configuration.data().source().isConfigured()) {
      findings.add(
          look.read(
              "data.source.train", Storage.uri(configuration.data().source().train().toString())));
    }
    List<Place> all = new ArrayList<>(places);
    all.add(evaluation);
    Map<URI, URI> before = new LinkedHashMap<>();
    for (Place place : all) {
      remember(look, place.folder(), before);
    }
    for (Place place : all) {
      Finding written = look.write(place.key(), place.folder(), "driver");
      findings.add(written);
      if (written.outcome() == Finding.Outcome.FAILED) {
        // An executor would only find the same.
        places.remove(place);
      }
    }
    findings.add(shards());
    committer(all).ifPresent(findings::add);
    findings.addAll(spark(look, places));
    findings.add(gpu());
    before.forEach((folder, stays) -> cleaned(look, folder, stays).ifPresent(findings::add));
    return findings;
  }

  private static void remember(LookAtStorage look, URI folder, Map<URI, URI> before) {
    try {
      before.put(folder, look.existing(folder));
    } catch (IOException e) {
      // The write that follows fails of the same cause, and says what it is; nothing is to be
      // cleaned.
      before.remove(folder);
    }
  }

  private static Optional<Finding> cleaned(LookAtStorage look, URI folder, URI stays) {
    try {
      look.removeEmpty(folder, stays);
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(
          Finding.warning("clean up", e.getMessage(), "remove the empty folder " + folder));
    }
  }

  private Finding shards() {
    URI root = Storage.uri(configuration.data().shards().toString());
    try {
      if (!storage.exists(ShardManifest.location(root))) {
        return Finding.ok("data set", "none in " + root + " yet: shard makes it");
      }
      ShardManifest manifest = ShardManifest.read(storage, root, configuration.data().version());
      return Finding.ok(
          "data set",
          String.format(
              Locale.ROOT,
              "%s: %,d classes, %,d training images",
              manifest.name(),
              manifest.labels().size(),
              manifest.split("train").images()));
    } catch (IOException e) {
      return Finding.failed("data set", e.getMessage(), "delete the folder and shard anew");
    }
  }

  private Optional<Finding> committer(List<Place> places) {
    if (places.stream().noneMatch(place -> "s3a".equals(place.folder().getScheme()))) {
      return Optional.empty();
    }
    String name = storage.configuration().get("fs.s3a.committer.name", "file");
    return Optional.of(
        name.equals("magic")
            ? Finding.ok("committer", "magic")
            : Finding.failed(
                "committer",
                "fs.s3a.committer.name = "
                    + name
                    + ": files appear one by one while they are written",
                "remove it from storage.properties: magic is the default here"));
  }

  /** One task per core, so that every executor that can be had is asked. */
  private List<Finding> spark(LookAtStorage look, List<Place> places) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    int tasks = Math.max(spark.defaultParallelism(), configuration.train().workers());
    List<Finding> findings = new ArrayList<>();
    List<Findings> all =
        SparkJobs.run(
            spark,
            "Doctor: look at every executor",
            configuration.spark().deadline(),
            "spark.deadline",
            spark
                    .parallelize(IntStream.range(0, tasks).boxed().toList(), tasks)
                    .mapPartitions(new LookAtExecutor(look, places))
                ::collect);
    Map<String, Findings> executors = new LinkedHashMap<>();
    all.forEach(found -> executors.putIfAbsent(found.executor(), found));
    findings.add(workers(spark, executors.size()));
    Map<Finding, List<String>> who = new LinkedHashMap<>();
    executors.forEach(
        (id, found) ->
            found
                .all()
                .forEach(
                    finding ->
                        who.computeIfAbsent(finding, same -> new ArrayList<>())
                            .add(id + " on " + found.host())));
    who.forEach(
        (finding, ids) ->
            findings.add(
                new Finding(
                    finding.subject(),
                    finding.outcome(),
                    finding.detail()
                        + (ids.size() == executors.size()
                            ? " (every executor)"
                            : " (executor " + String.join(", ", ids) + ")"),
                    finding.advice())));
    return findings;
  }

  private Finding workers(JavaSparkContext spark, int executors) {
    int cpus = Math.max(1, session.sparkContext().conf().getInt("spark.task.cpus", 1));
    int slots = spark.defaultParallelism() / cpus;
    int workers = configuration.train().workers();
    String detail =
        String.format(
            "Spark %s, master %s, %s, %s tasks at a time, train.workers = %s",
            spark.version(),
            spark.master(),
            executors == 1 ? "1 executor" : executors + " executors",
            slots,
            workers);
    return slots < workers
        ? Finding.warning(
            "Spark",
            detail,
            "workers take turns: set train.workers to "
                + slots
                + ", or give Spark more cores (spark.executor.instances, spark.executor.cores)")
        : Finding.ok("Spark", detail);
  }

  private Finding gpu() {
    String amount = session.sparkContext().conf().get("spark.task.resource.gpu.amount", "");
    boolean cpu = Nd4j.getEnvironment().isCPU();
    if (amount.isEmpty()) {
      return cpu
          ? Finding.ok("GPU", "not asked for; ND4J computes on the CPU")
          : Finding.warning(
              "GPU",
              "ND4J computes with CUDA, and Spark does not know of GPUs",
              "set spark.task.resource.gpu.amount and a discovery script, so that tasks do not share"
                  + " one");
    }
    return cpu
        ? Finding.failed(
            "GPU",
            "spark.task.resource.gpu.amount = " + amount + ", and ND4J's back end is the CPU's",
            "build with ./mvnw package -Pcuda")
        : Finding.ok("GPU", amount + " per task");
  }
}
