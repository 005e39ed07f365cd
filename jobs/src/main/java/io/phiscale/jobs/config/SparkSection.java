package io.phiscale.jobs.config;

import java.io.Serializable;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The Spark session.
 *
 * @param master master URL; empty: that of {@code spark-submit}, else local
 * @param appName name in the Spark UI; not empty
 * @param deadline longest time in which no task of a job that is not training ends
 * @param properties any Spark properties
 */
public record SparkSection(
    String master, String appName, Duration deadline, Map<String, String> properties)
    implements Serializable {

  public SparkSection {
    properties = Collections.unmodifiableSortedMap(new TreeMap<>(properties));
    new SectionRules("spark")
        .notBlank("app-name", appName)
        .require(deadline.compareTo(Duration.ZERO) > 0, "deadline", deadline, "> 0")
        .verify();
  }

  /**
   * The configured master, or {@code submitted} (that of {@code spark-submit}, may be null or
   * empty), or {@code local[workers]}.
   */
  public String masterOr(String submitted, int workers) {
    if (!master.isEmpty()) {
      return master;
    }
    return submitted == null || submitted.isEmpty() ? "local[" + workers + "]" : submitted;
  }

  @Override
  public String toString() {
    SortedMap<String, String> shown = Secrets.redacted(properties);
    return "SparkSection[master=%s, appName=%s, deadline=%s, properties=%s]"
        .formatted(master, appName, deadline, shown);
  }
}
