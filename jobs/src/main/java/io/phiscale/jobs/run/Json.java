package io.phiscale.jobs.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** How records are written as JSON and read back: strictly, since a guess would hide damage. */
final class Json {
  /** Field of {@code checkpoint.json} that holds the digest of the others. */
  private static final String SEAL = "sha256";

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

  /** A text that is not the JSON it should be; the message names the file. */
  static final class InvalidJsonException extends IOException {
    private static final long serialVersionUID = 1L;

    InvalidJsonException(URI file, JsonProcessingException cause) {
      super(String.format("Cannot read %s: %s", file, cause.getOriginalMessage()), cause);
    }
  }

  /**
   * {@code checkpoint.json}: indented, with a digest of itself as its last field, so that a changed
   * digit is found.
   */
  static String sealed(CheckpointInfo info) {
    ObjectNode tree = MAPPER.valueToTree(info);
    tree.put(SEAL, digest(tree));
    return pretty(tree);
  }

  /** SHA-256 of the fields on one line, hex: of what it says, not of its layout. */
  private static String digest(ObjectNode fields) {
    return HexFormat.of()
        .formatHex(StateFile.sha256().digest(line(fields).getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Reads {@code checkpoint.json} of this version or one before.
   *
   * @throws DamagedCheckpointException naming the file and what is wrong with it
   * @throws IOException if it is of a later version
   */
  static CheckpointInfo readCheckpointInfo(String json, URI file) throws IOException {
    try {
      if (!(MAPPER.readTree(json) instanceof ObjectNode info)) {
        throw new DamagedCheckpointException(
            String.format("Cannot read checkpoint %s: it is no JSON object", file));
      }
      if (info.remove(SEAL) instanceof TextNode seal && !seal.textValue().equals(digest(info))) {
        throw new DamagedCheckpointException(
            String.format(
                "Cannot read checkpoint %s: its SHA-256 is %s, not %s as it says",
                file, digest(info), seal.textValue()));
      }
      int version = info.path("schemaVersion").asInt();
      if (version > CheckpointInfo.SCHEMA_VERSION) {
        throw new IOException(
            String.format(
                "Cannot read %s: Invalid checkpoint schema version: %s (this Phiscale reads version"
                    + " %s)",
                file, version, CheckpointInfo.SCHEMA_VERSION));
      }
      if (version == 1 && !info.has("origin")) {
        info.set("origin", MAPPER.valueToTree(Origin.DRAWN));
      }
      if ((version == 1 || version == 2) && !info.has("outerState")) {
        info.put("outerState", 0);
        info.put("schemaVersion", CheckpointInfo.SCHEMA_VERSION);
      }
      return MAPPER.treeToValue(info, CheckpointInfo.class);
    } catch (JsonProcessingException e) {
      throw new DamagedCheckpointException(
          String.format("Cannot read checkpoint %s: %s", file, e.getOriginalMessage()), e);
    }
  }

  /**
   * Reads a line of metrics of this version or one before.
   *
   * @throws IOException naming the file and what is wrong with it
   */
  static RoundMetrics readRoundMetrics(String json, URI file) throws IOException {
    try {
      if (MAPPER.readTree(json) instanceof ObjectNode round) {
        if (!round.has("accuracy")) {
          round.put("accuracy", Double.NaN).put("localSteps", 0).put("unixSeconds", 0.0);
        }
        if (!round.has("straggleSeconds")) {
          round.put("straggleSeconds", Double.NaN);
        }
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
      throw new InvalidJsonException(file, e);
    }
  }
}
