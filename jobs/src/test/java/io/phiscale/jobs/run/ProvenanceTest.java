package io.phiscale.jobs.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.ConfigurationLoader;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ProvenanceTest {
  private static Provenance provenance(Map<String, String> configuration) {
    return new Provenance("run", "commit", Map.of(), "digest", configuration);
  }

  /** A run of a version that did not know a key yet goes on, unless the key is used. */
  @Test
  void aKeyThatTheRunDidNotKnowHadItsDefault() {
    Map<String, String> now = new ConfigurationLoader().load().effectiveValues();
    Map<String, String> before = new TreeMap<>(now);
    before.keySet().removeIf(key -> key.contains("freeze") || key.contains("initial"));
    assertThat(before).hasSizeLessThan(now.size());
    Map<String, String> frozen = new TreeMap<>(now);
    frozen.put("train.freeze", "features");

    assertThat(provenance(before).conflicts(provenance(now))).isEmpty();
    assertThat(provenance(before).conflicts(provenance(frozen)))
        .containsExactly("train.freeze is features, was none");
  }
}
