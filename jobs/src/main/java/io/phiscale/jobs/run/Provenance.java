package io.phiscale.jobs.run;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.model.train.Predictor;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.hadoop.util.VersionInfo;
import org.apache.spark.package$;

/**
 * Where a result comes from: {@code run.json}.
 *
 * @param name the experiment's name
 * @param commit git commit that Phiscale was built from, "-dirty" appended where files had changed
 * @param versions of Phiscale, Java, Spark, Hadoop, and the back end that computes
 * @param manifestDigest digest of the shards
 * @param configuration every effective value by its key, secrets redacted
 */
public record Provenance(
    String name,
    String commit,
    Map<String, String> versions,
    String manifestDigest,
    Map<String, String> configuration) {

  /** Keys that may differ between the start of a run and its resumption. */
  private static final List<String> FREE_KEYS =
      List.of(
          "train.workers",
          "train.epochs",
          "train.deadline",
          "train.max-skipped-fraction",
          "train.loader.",
          "train.checkpoint.",
          "train.metrics.",
          "train.resume",
          "train.output",
          "data.source.",
          "data.shards",
          "data.version",
          "network.name",
          "evaluate.",
          "study.",
          "storage.",
          "spark.",
          "name");

  public Provenance {
    versions = new TreeMap<>(versions);
    configuration = new TreeMap<>(configuration);
  }

  /** The provenance of a run that starts now. */
  public static Provenance of(PhiscaleConfiguration configuration, String manifestDigest) {
    BuildInfo build = BuildInfo.current();
    SortedMap<String, String> versions = new TreeMap<>();
    versions.put("phiscale", build.version());
    versions.put("java", Runtime.version().toString());
    versions.put("spark", package$.MODULE$.SPARK_VERSION());
    versions.put("hadoop", VersionInfo.getVersion());
    versions.put(
        "backend",
        Predictor.backend(configuration.train().kernels().name().toLowerCase(Locale.ROOT)));
    return new Provenance(
        configuration.name(),
        build.commit(),
        versions,
        manifestDigest,
        configuration.effectiveValues());
  }

  /**
   * What stands in the way of continuing a run with another configuration: one line per key whose
   * value changes what is computed.
   */
  public List<String> conflicts(Provenance resumed) {
    List<String> conflicts = new ArrayList<>();
    if (!manifestDigest.equals(resumed.manifestDigest)) {
      conflicts.add(
          String.format(
              "the shards' digest is %s, was %s (data.version reads an earlier version)",
              resumed.manifestDigest, manifestDigest));
    }
    TreeMap<String, String> keys = new TreeMap<>(configuration);
    keys.putAll(resumed.configuration);
    // A key that did not exist when the run began: it did what the default does now.
    Map<String, String> defaults = new ConfigurationLoader().load().effectiveValues();
    for (String key : keys.keySet()) {
      String before = configuration.getOrDefault(key, defaults.get(key));
      String now = resumed.configuration.get(key);
      if (FREE_KEYS.stream().noneMatch(key::startsWith) && !String.valueOf(before).equals(now)) {
        conflicts.add(String.format("%s is %s, was %s", key, now, before));
      }
    }
    return conflicts;
  }
}
