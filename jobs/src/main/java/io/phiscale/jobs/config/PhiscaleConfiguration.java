package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The whole configuration of a run. Made by {@link ConfigurationLoader} only; every key and its
 * default stands in {@code phiscale-defaults.conf}.
 *
 * @param name of the experiment; names its folder under {@code runs} unless outputs are configured
 * @param data images and shards
 * @param network what is trained
 * @param train how
 * @param evaluate how it is measured
 * @param study which networks are compared
 * @param storage object storage
 * @param spark the Spark session
 * @param values what all this was bound from
 */
public record PhiscaleConfiguration(
    String name,
    DataSection data,
    NetworkSection network,
    TrainSection train,
    EvaluateSection evaluate,
    StudySection study,
    StorageSection storage,
    SparkSection spark,
    ConfigurationValues values)
    implements Serializable {

  public PhiscaleConfiguration {
    new SectionRules("")
        .require(
            name.matches("[A-Za-z0-9][A-Za-z0-9._-]*"),
            "name",
            "\"" + name + "\"",
            "letters, digits, '.', '_' and '-', as it names a folder")
        .verify();
  }

  /** Dotted key to the value in force, sorted by key, secrets redacted: recorded with each run. */
  public SortedMap<String, String> effectiveValues() {
    return values.effective();
  }

  /** SHA-256 of {@link #effectiveValues}, hexadecimal: equal configurations have equal digests. */
  public String digest() {
    MessageDigest sha256;
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
    effectiveValues()
        .forEach(
            (key, value) ->
                sha256.update((key + "=" + value + "\n").getBytes(StandardCharsets.UTF_8)));
    return HexFormat.of().formatHex(sha256.digest());
  }

  /**
   * This configuration with other values for some keys, given as for {@code --set}: {@code
   * network.phi} to {@code 1.5}. A value {@code null} unsets a key. Defaults that follow another
   * key ({@code evaluate.checkpoint} follows {@code train.output}) follow the new value; values
   * that a file computed by {@code ${...}} stay as computed.
   *
   * @throws ConfigurationException for unknown keys and for values that are out of range
   */
  public PhiscaleConfiguration override(Map<String, String> overrides) {
    return ConfigurationLoader.over(values.json(), overrides);
  }

  /**
   * All properties for the Spark session: {@code spark.properties}, the Hadoop properties of {@code
   * storage} as {@code spark.hadoop.*}, and the S3A committers where an output lies on {@code s3a},
   * so that a failed job leaves nothing that looks whole. Holds secrets.
   */
  public SortedMap<String, String> sparkProperties() {
    SortedMap<String, String> properties = new TreeMap<>();
    storage
        .hadoopProperties()
        .forEach((key, value) -> properties.put("spark.hadoop." + key, value));
    boolean s3a =
        Stream.of(data.shards(), train.output(), evaluate.output(), study.output())
            .map(URI::getScheme)
            .anyMatch("s3a"::equalsIgnoreCase);
    if (s3a) {
      properties.put(
          "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a",
          "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory");
      properties.put(
          "spark.sql.sources.commitProtocolClass",
          "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol");
      properties.put(
          "spark.sql.parquet.output.committer.class",
          "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter");
    }
    properties.putAll(spark.properties());
    return Collections.unmodifiableSortedMap(properties);
  }
}
