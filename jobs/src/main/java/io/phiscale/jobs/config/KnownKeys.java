package io.phiscale.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/** The keys that exist: those of the defaults, and everything below the free-form sections. */
final class KnownKeys {
  /** Sections whose keys belong to others: Hadoop and Spark. */
  static final Set<String> FREE_FORM = Set.of("storage.properties", "spark.properties");

  private final SortedSet<String> leaves = new TreeSet<>();
  private final SortedSet<String> sections = new TreeSet<>();

  KnownKeys(Config defaults) {
    collect("", defaults.root());
  }

  SortedSet<String> leaves() {
    return leaves;
  }

  /**
   * Appends every key of {@code config} that does not exist, or is a section where it must not be.
   */
  void check(Config config, List<ConfigurationProblem> problems) {
    check("", config.root(), problems);
  }

  /** The existing key that is nearest to {@code key}: same last words first, then edit distance. */
  String nearest(String key) {
    String wanted = key.toLowerCase(Locale.ROOT).replace('_', '-');
    return leaves.stream()
        .min(
            Comparator.<String>comparingInt(known -> known.endsWith("." + wanted) ? 0 : 1)
                .thenComparingInt(known -> EditDistance.between(wanted, known))
                .thenComparing(Comparator.naturalOrder()))
        .orElseThrow();
  }

  private void collect(String prefix, ConfigObject object) {
    for (Map.Entry<String, ConfigValue> entry : object.entrySet()) {
      String key = prefix + entry.getKey();
      if (entry.getValue() instanceof ConfigObject child && !FREE_FORM.contains(key)) {
        sections.add(key);
        collect(key + ".", child);
      } else {
        leaves.add(key);
      }
    }
  }

  private void check(String prefix, ConfigObject object, List<ConfigurationProblem> problems) {
    for (String name : new TreeSet<>(object.keySet())) {
      ConfigValue value = object.get(name);
      String key = prefix + name;
      boolean section = value instanceof ConfigObject;
      if (FREE_FORM.contains(key) || sections.contains(key)) {
        if (section && !FREE_FORM.contains(key)) {
          check(key + ".", (ConfigObject) value, problems);
        } else if (!section) {
          problems.add(
              new ConfigurationProblem(
                  Origins.of(value),
                  "Invalid %s: %s (must be a section: %s { ... })"
                      .formatted(key, shown(key, value), key)));
        }
      } else if (leaves.contains(key)) {
        if (section) {
          problems.add(
              new ConfigurationProblem(
                  Origins.of(value), "Invalid %s: a section (must be a value)".formatted(key)));
        }
      } else if (section && !((ConfigObject) value).isEmpty()) {
        check(key + ".", (ConfigObject) value, problems);
      } else {
        problems.add(
            new ConfigurationProblem(
                Origins.of(value),
                "Unknown key %s (did you mean %s?)".formatted(key, nearest(key))));
      }
    }
  }

  private static String shown(String key, ConfigValue value) {
    return value.valueType() == ConfigValueType.NULL
        ? "null"
        : Secrets.shown(key, String.valueOf(value.unwrapped()));
  }

  /** Whether {@code key} can be written as a path: {@code a.b-c}, {@code a."b.c"}. */
  static boolean isPath(String key) {
    try {
      return !ConfigUtil.splitPath(key).isEmpty();
    } catch (com.typesafe.config.ConfigException e) {
      return false;
    }
  }
}
