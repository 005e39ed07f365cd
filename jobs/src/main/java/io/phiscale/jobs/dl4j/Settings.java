package io.phiscale.jobs.dl4j;

import java.io.Serializable;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.storage.StorageLevel;
import org.nd4j.shade.jackson.core.JsonProcessingException;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/**
 * What a {@link PhiscaleTrainingMaster} was built with.
 *
 * @param workers replicas that train in parallel; 0: as many as Spark's default parallelism
 * @param examplesPerObject examples in each object of the RDD, or in each file (&gt; 0)
 * @param batchSizePerWorker examples of a local step, at most (&gt; 0)
 * @param averagingFrequency local steps between two averagings (&gt; 0)
 * @param optimizerState what becomes of the updaters' state
 * @param prefetchBatches batches that a worker reads from files ahead of the one it trains on
 * @param seed of the order of the data and of the workers' random numbers
 * @param roundDeadline longest time of a round (&gt; 0)
 * @param storageLevel where Spark keeps the training data during a fit; none: nowhere
 */
record Settings(
    int workers,
    int examplesPerObject,
    int batchSizePerWorker,
    int averagingFrequency,
    OptimizerStatePolicy optimizerState,
    int prefetchBatches,
    long seed,
    Duration roundDeadline,
    StorageLevel storageLevel)
    implements Serializable {
  private static final Pattern STORAGE_LEVEL =
      Pattern.compile("(?:(disk, )?(memory, )?(off-heap, )?(deserialized, )?(\\d{1,3}) replicas)?");

  Settings {
    atLeast("number of workers", workers, 0);
    atLeast("number of examples per object", examplesPerObject, 1);
    atLeast("batch size per worker", batchSizePerWorker, 1);
    atLeast("averaging frequency", averagingFrequency, 1);
    atLeast("number of prefetched batches", prefetchBatches, 0);
    if (optimizerState == null) {
      throw new IllegalArgumentException(
          "Invalid optimizer state policy: null (must be AVERAGE or RESET)");
    }
    if (roundDeadline == null || roundDeadline.toMillis() <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid round deadline: %s (must be > 0)", roundDeadline));
    }
    if (storageLevel == null) {
      storageLevel = StorageLevel.NONE();
    }
  }

  private static void atLeast(String what, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be >= %s)", what, value, least));
    }
  }

  /** Objects of a worker in a full round: of as many examples as its local steps take, or one. */
  int objectsPerWorker() {
    return (int)
        Math.max(
            1,
            Math.min(
                Integer.MAX_VALUE,
                (long) averagingFrequency * batchSizePerWorker / examplesPerObject));
  }

  /**
   * Batch size of local steps of nearly equal size, so that none is so small that its batch-norm
   * statistics are meaningless.
   *
   * @param objects the worker's objects in the round
   */
  int evenBatchSize(long objects) {
    long examples = Math.max(1, objects * examplesPerObject);
    long steps = -Math.floorDiv(-examples, (long) batchSizePerWorker);
    return (int) -Math.floorDiv(-examples, steps);
  }

  String write(ObjectMapper mapper) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("workers", workers);
    values.put("examplesPerObject", examplesPerObject);
    values.put("batchSizePerWorker", batchSizePerWorker);
    values.put("averagingFrequency", averagingFrequency);
    values.put("optimizerState", optimizerState.name());
    values.put("prefetchBatches", prefetchBatches);
    values.put("seed", seed);
    values.put("roundDeadline", roundDeadline.toString());
    values.put("storageLevel", text(storageLevel));
    try {
      return mapper.writeValueAsString(values);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException("Cannot write the training master's settings", e);
    }
  }

  private static String text(StorageLevel level) {
    return Stream.of(
            level.useDisk() ? "disk" : "",
            level.useMemory() ? "memory" : "",
            level.useOffHeap() ? "off-heap" : "",
            level.deserialized() ? "deserialized" : "",
            level.isValid() ? level.replication() + " replicas" : "")
        .filter(word -> !word.isEmpty())
        .collect(Collectors.joining(", "));
  }

  static Settings read(ObjectMapper mapper, String text) {
    JsonNode node;
    try {
      node = mapper.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "Cannot read the training master's settings: " + e.getOriginalMessage(), e);
    }
    TreeSet<String> unknown = new TreeSet<>();
    node.fieldNames().forEachRemaining(unknown::add);
    Reader reader = new Reader(node, unknown);
    Settings settings =
        new Settings(
            reader.integer("workers"),
            reader.integer("examplesPerObject"),
            reader.integer("batchSizePerWorker"),
            reader.integer("averagingFrequency"),
            reader.policy("optimizerState"),
            reader.integer("prefetchBatches"),
            reader.value("seed").asLong(),
            reader.duration("roundDeadline"),
            reader.storageLevel("storageLevel"));
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          String.format("Cannot read the training master's settings: unknown %s", unknown));
    }
    return settings;
  }

  /** Takes values out, and notes what is left. */
  private record Reader(JsonNode node, TreeSet<String> left) {
    JsonNode value(String key) {
      left.remove(key);
      JsonNode value = node.get(key);
      if (value == null || !value.isValueNode()) {
        throw new IllegalArgumentException(
            String.format("Cannot read the training master's settings: no value of %s", key));
      }
      return value;
    }

    int integer(String key) {
      JsonNode value = value(key);
      if (!value.canConvertToInt()) {
        throw invalid(key, value, "an integer");
      }
      return value.asInt();
    }

    OptimizerStatePolicy policy(String key) {
      JsonNode value = value(key);
      try {
        return OptimizerStatePolicy.valueOf(value.asText());
      } catch (IllegalArgumentException e) {
        throw invalid(key, value, "AVERAGE or RESET");
      }
    }

    StorageLevel storageLevel(String key) {
      String text = value(key).asText();
      Matcher level = STORAGE_LEVEL.matcher(text);
      if (!level.matches()) {
        throw invalid(key, node.get(key), "empty, or as \"disk, memory, 1 replicas\"");
      }
      return level.group(5) == null
          ? StorageLevel.NONE()
          : StorageLevel.apply(
              level.group(1) != null,
              level.group(2) != null,
              level.group(3) != null,
              level.group(4) != null,
              Integer.parseInt(level.group(5)));
    }

    Duration duration(String key) {
      JsonNode value = value(key);
      try {
        return Duration.parse(value.asText());
      } catch (DateTimeParseException e) {
        throw invalid(key, value, "a duration such as PT1H");
      }
    }

    private static IllegalArgumentException invalid(String key, JsonNode value, String valid) {
      return new IllegalArgumentException(
          String.format("Invalid %s: %s (must be %s)", key, value.asText(), valid));
    }
  }
}
