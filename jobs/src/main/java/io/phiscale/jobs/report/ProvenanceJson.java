package io.phiscale.jobs.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;

/** A report's title and provenance as JSON, so that reports can be compared later. */
final class ProvenanceJson {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private ProvenanceJson() {}

  static String of(EvaluationReport report) {
    ObjectNode root = JSON.createObjectNode();
    root.put("title", report.title());
    ObjectNode facts = root.putObject("provenance");
    report.provenance().forEach(facts::put);
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot write provenance as JSON", e);
    }
  }

  /**
   * The facts of what {@link #of} wrote, in order.
   *
   * @throws IllegalArgumentException naming the file if it is something else
   */
  static Map<String, String> read(String json, String file) {
    try {
      ObjectNode root = JSON.readValue(json, ObjectNode.class);
      Map<String, String> facts =
          JSON.convertValue(
              root.path("provenance"), new TypeReference<LinkedHashMap<String, String>>() {});
      return facts == null ? Map.of() : facts;
    } catch (JsonProcessingException | IllegalArgumentException e) {
      throw new IllegalArgumentException(
          String.format("Cannot read %s: it is no report's provenance", file), e);
    }
  }
}
