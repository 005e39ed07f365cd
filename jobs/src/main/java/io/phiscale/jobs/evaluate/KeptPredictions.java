package io.phiscale.jobs.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What the predictions of an evaluation are of: {@code predictions.json}, written after them and
 * removed before others are written in their place, so that whoever finds it may use them instead
 * of scoring the images again.
 *
 * @param identity the checkpoints and sets by their digests, and every key that changes a score
 * @param millis how long scoring took, by network, weights and set
 */
record KeptPredictions(String identity, Map<String, Long> millis) {
  /** Folder of the Parquet files. */
  static final String PREDICTIONS = "predictions";

  private static final String FILE = "predictions.json";
  private static final JsonMapper JSON = JsonMapper.builder().build();

  KeptPredictions {
    millis = new TreeMap<>(millis);
  }

  private static URI place(URI output) {
    return Storage.resolve(output, FILE);
  }

  /** Forgets those of an output, whose predictions are about to change. */
  static void forget(Storage storage, URI output) throws IOException {
    storage.delete(place(output));
  }

  /** Says what lies in an output. */
  void write(Storage storage, URI output) throws IOException {
    String text;
    try {
      text = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot write as JSON: " + this, e);
    }
    storage.writeUtf8Atomically(place(output), text + "\n");
  }

  /**
   * Those of an output, if they are what is looked for.
   *
   * @throws IOException if the file is there and cannot be read
   */
  static Optional<KeptPredictions> find(Storage storage, URI output, String identity)
      throws IOException {
    URI file = place(output);
    if (!storage.exists(file) || !storage.exists(Storage.resolve(output, PREDICTIONS))) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.readValue(storage.readUtf8(file), KeptPredictions.class))
          .filter(kept -> kept.identity().equals(identity));
    } catch (JsonProcessingException e) {
      throw new IOException(String.format("Cannot read %s: %s", file, e.getOriginalMessage()), e);
    }
  }
}
