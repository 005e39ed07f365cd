package io.phiscale.jobs.support;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.SparkContexts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.sql.SparkSession;

/** Embedded Spark and configurations for tests. */
public final class LocalSpark {
  private LocalSpark() {}

  /** The bundled Fashion-MNIST archives. */
  public static Path fashionMnist() {
    return Path.of("src", "quickstart", "fashion-mnist").toAbsolutePath();
  }

  /** A session of two local threads (or the configured master); the caller closes it. */
  public static SparkSession open(PhiscaleConfiguration configuration) {
    try {
      Files.createDirectories(Path.of(System.getenv("SPARK_HOME"), "jars"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return SparkContexts.open(configuration, 2);
  }

  /** Values for training that ends within seconds: the tiny network at 16 px, two epochs. */
  public static Map<String, String> tinyTraining() {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("network.base", "custom");
    values.put("network.custom.stem-filters", "8");
    values.put("network.custom.stem-stride", "1");
    values.put(
        "network.custom.blocks",
        "[r1_k3_s11_e1_i8_o8_se0.25, r1_k3_s22_e2_i8_o16_se0.25, r1_k3_s11_e2_i16_o16_se0.25]");
    values.put("network.custom.head-filters", "32");
    values.put("network.custom.resolution", "16");
    values.put("network.batch-norm.momentum", "0.9");
    values.put("train.epochs", "2");
    values.put("train.batch-size", "8");
    values.put("train.averaging.local-steps", "2");
    values.put("train.optimizer.name", "sgd");
    values.put("train.learning-rate.base", "0.05");
    values.put("train.learning-rate.per-images", "0");
    values.put("train.learning-rate.schedule", "constant");
    values.put("train.learning-rate.warmup-epochs", "0");
    values.put("train.ema-decay", "0.9");
    values.put("train.label-smoothing", "0");
    values.put("train.augment.crop-area-min", "0.5");
    values.put("evaluate.crop-fraction", "1");
    values.put("evaluate.batch-size", "16");
    values.put("evaluate.top-k", "[1, 3]");
    return values;
  }

  /** A configuration of defaults, the bundled images and the given values. */
  public static PhiscaleConfiguration configuration(Path folder, Map<String, String> values) {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("name", "test");
    all.put("data.source.layout", "imagenet-tar");
    all.put("data.source.train", fashionMnist().resolve("train.tar").toString());
    all.put("data.source.validation.layout", "class-folders");
    all.put("data.source.validation.uri", fashionMnist().resolve("validation.tar").toString());
    all.put("data.shards", folder.resolve("shards").toUri().toString());
    all.put("data.shard-bytes", "2MiB");
    all.put("data.row-group-bytes", "64KiB");
    all.put("train.output", folder.resolve("train").toUri().toString());
    all.put("evaluate.output", folder.resolve("evaluation").toUri().toString());
    all.put("study.output", folder.resolve("study").toUri().toString());
    all.putAll(values);
    ConfigurationLoader loader = new ConfigurationLoader();
    all.forEach((key, value) -> loader.set(key + "=" + value));
    return loader.load();
  }
}
