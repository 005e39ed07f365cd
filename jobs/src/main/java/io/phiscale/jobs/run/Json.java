package io.phiscale.jobs.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;

/** How records are written as JSON and read back: strictly, since a guess would hide damage. */
final class Json {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
          .build();

  private Json() {}

  /** One line, for JSON lines. */
  static String line(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("Cannot write as JSON: " + value, e);
    }
  }

  /** Indented, for people. */
  static String pretty(Object value) {
    try {
      return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("Cannot write as JSON: " + value, e);
    }
  }

  /**
   * Reads {@code checkpoint.json} of this version or one before.
   *
   * @throws IOException naming the file and what is wrong with it
   */
  static CheckpointInfo readCheckpointInfo(String json, URI file) throws IOException {
    try {
      if (MAPPER.readTree(json) instanceof ObjectNode info && info.path("schemaVersion").isInt()) {
        int version = info.path("schemaVersion").asInt();
        if (version == 1 && !info.has("origin")) {
          info.set("origin", MAPPER.valueToTree(Origin.DRAWN));
        }
        if ((version == 1 || version == 2) && !info.has("outerState")) {
          info.put("outerState", 0);
          info.put("schemaVersion", CheckpointInfo.SCHEMA_VERSION);
          return MAPPER.treeToValue(info, CheckpointInfo.class);
        }
      }
    } catch (JsonProcessingException e) {
      throw new IOException(String.format("Cannot read %s: %s", file, e.getOriginalMessage()), e);
    }
    return read(json, CheckpointInfo.class, file);
  }

  /**
   * Reads a line of metrics of this version or one before.
   *
   * @throws IOException naming the file and what is wrong with it
   */
  static RoundMetrics readRoundMetrics(String json, URI file) throws IOException {
    try {
      if (MAPPER.readTree(json) instanceof ObjectNode round && !round.has("accuracy")) {
        round.put("accuracy", Double.NaN).put("localSteps", 0).put("unixSeconds", 0.0);
        return MAPPER.treeToValue(round, RoundMetrics.class);
      }
    } catch (JsonProcessingException e) {
      throw new IOException(String.format("Cannot read %s: %s", file, e.getOriginalMessage()), e);
    }
    return read(json, RoundMetrics.class, file);
  }

  /**
   * Reads a record.
   *
   * @throws IOException naming the file and what is wrong with it
   */
  static <T> T read(String json, Class<T> type, URI file) throws IOException {
    try {
      return MAPPER.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new IOException(String.format("Cannot read %s: %s", file, e.getOriginalMessage()), e);
    }
  }
}
