package io.phiscale.jobs.support;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.SparkContexts;
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
    return SparkContexts.open(configuration, 2);
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
