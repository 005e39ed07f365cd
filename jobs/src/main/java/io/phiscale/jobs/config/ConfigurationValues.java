package io.phiscale.jobs.config;

import java.io.Serializable;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What the records were bound from: kept so that overrides can be laid over it, and recorded with
 * each run.
 *
 * @param json every key, resolved, as JSON; holds secrets, so it is never shown
 * @param effective dotted key to the value that is in force, secrets redacted
 */
public record ConfigurationValues(String json, SortedMap<String, String> effective)
    implements Serializable {

  public ConfigurationValues {
    effective = Collections.unmodifiableSortedMap(new TreeMap<>(effective));
  }

  @Override
  public String toString() {
    return effective.toString();
  }
}
