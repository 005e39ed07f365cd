package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Option;

/** The options of every command that runs a job. */
final class ConfigurationOptions {
  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = {
        "Lay one value over the configuration; repeatable.",
        "null unsets a key, 0,1,2 is a list."
      })
  private List<String> assignments = new ArrayList<>();

  /** {@code --set}s win over {@code values}, which win over the file. */
  PhiscaleConfiguration load(String file, Map<String, String> values) {
    return load(new ConfigurationLoader(ConfigurationOptions::read).file(file), values);
  }

  /** The defaults alone. */
  PhiscaleConfiguration loadDefaults() {
    return loadDefaults(Map.of());
  }

  /** As {@link #load(String, Map)}, of the defaults alone. */
  PhiscaleConfiguration loadDefaults(Map<String, String> values) {
    return load(new ConfigurationLoader(ConfigurationOptions::read), values);
  }

  private PhiscaleConfiguration load(ConfigurationLoader loader, Map<String, String> values) {
    values.forEach((key, value) -> loader.set(key + "=" + value));
    assignments.forEach(loader::set);
    return loader.load();
  }

  private static String read(URI uri) throws IOException {
    Path path = new Path(uri);
    try (FSDataInputStream in = path.getFileSystem(new Configuration()).open(path)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
