package io.phiscale.pipeline.shard;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a sharded data set contains: {@value #FILE_NAME} in the directory of the shards. It is
 * written last, so that a data set with a manifest is whole; shards that no manifest names do not
 * exist.
 *
 * <p>Its JSON has the components below as fields, in that order; a reader refuses unknown fields,
 * missing fields and unknown schema versions.
 *
 * <p>A data set grows by versions. Each keeps the shards of the one before and adds its own behind
 * them; {@value #FILE_NAME} is the newest one's, those before stay as {@code manifest-vN.json}.
 *
 * @param schemaVersion {@value #SCHEMA_VERSION}
 * @param version of the data set, from 1
 * @param name of the data set
 * @param createdBy program and version that wrote it
 * @param seed of the shuffle
 * @param configDigest identifies the configuration of the sharding job
 * @param sourcesDigest SHA-256 of the list of source files ({@link #sourcesLocation}), as
 *     hexadecimal digits; empty where none was kept: such a data set cannot grow
 * @param contentDigest identifies the data: see {@link #contentDigest(LabelSpace, Map)}
 * @param labels the classes in label order
 * @param splits by name, sorted: {@code train}, {@code val}
 */
@JsonPropertyOrder({
  "schemaVersion",
  "version",
  "name",
  "createdBy",
  "seed",
  "configDigest",
  "sourcesDigest",
  "contentDigest",
  "labels",
  "splits"
})
public record ShardManifest(
    int schemaVersion,
    int version,
    String name,
    String createdBy,
    long seed,
    String configDigest,
    String sourcesDigest,
    String contentDigest,
    LabelSpace labels,
    Map<String, ShardSplit> splits)
    implements Serializable {
  /** The file's name. */
  public static final String FILE_NAME = "manifest.json";

  /**
   * The version of the schema that this program writes. It reads version 1 too, whose splits have
   * no statistics, and 2, which has neither version nor list of sources.
   */
  public static final int SCHEMA_VERSION = 3;

  /** In the place of a data set's version: the one there is, or the last of several. */
  public static final int NEWEST = 0;

  private static final int OLDEST_VERSION = 1;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .enable(
              DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES,
              DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES,
              DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES,
              DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES,
              DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  public ShardManifest {
    if (schemaVersion != SCHEMA_VERSION) {
      throw new IllegalArgumentException(
          "Invalid schemaVersion: %s (this program knows %s)"
              .formatted(schemaVersion, SCHEMA_VERSION));
    }
    if (version < 1) {
      throw new IllegalArgumentException("Invalid version: %s (must be > 0)".formatted(version));
    }
    requireNonNull(sourcesDigest, "sourcesDigest");
    if (name.isBlank()) {
      throw new IllegalArgumentException("Invalid name: blank");
    }
    requireNonNull(createdBy, "createdBy");
    requireNonNull(configDigest, "configDigest");
    requireNonNull(labels, "labels");
    splits = Collections.unmodifiableMap(new TreeMap<>(splits));
    for (Map.Entry<String, ShardSplit> split : splits.entrySet()) {
      int counted = split.getValue().imagesPerClass().size();
      if (counted != labels.size()) {
        throw new IllegalArgumentException(
            "Invalid imagesPerClass of split %s: %s counts (there are %s classes)"
                .formatted(split.getKey(), counted, labels.size()));
      }
    }
    String expected = contentDigest(labels, splits);
    if (!expected.equals(contentDigest)) {
      throw new IllegalArgumentException(
          "Invalid contentDigest: %s (the content has %s)".formatted(contentDigest, expected));
    }
  }

  /** The manifest of a data set, with its digest computed. */
  public static ShardManifest of(
      int version,
      String name,
      String createdBy,
      long seed,
      String configDigest,
      String sourcesDigest,
      LabelSpace labels,
      Map<String, ShardSplit> splits) {
    return new ShardManifest(
        SCHEMA_VERSION,
        version,
        name,
        createdBy,
        seed,
        configDigest,
        sourcesDigest,
        contentDigest(labels, splits),
        labels,
        splits);
  }

  /**
   * Identifies the data a network sees and its order, and so neither the time, the program's
   * version nor the files' names: SHA-256, as hexadecimal digits, of lines in UTF-8, each ended by
   * a line feed: {@code class NAME} in label order; for each split, sorted by name, {@code split
   * NAME}, and for each of its files {@code file RECORDS-DIGEST} followed by the row counts of its
   * row groups, separated by blanks.
   */
  public static String contentDigest(LabelSpace labels, Map<String, ShardSplit> splits) {
    MessageDigest digest = ShardRecord.newSha256();
    for (String name : labels.names()) {
      digest.update(("class " + name + "\n").getBytes(UTF_8));
    }
    for (Map.Entry<String, ShardSplit> split : new TreeMap<>(splits).entrySet()) {
      digest.update(("split " + split.getKey() + "\n").getBytes(UTF_8));
      for (ShardFile file : split.getValue().files()) {
        StringBuilder line = new StringBuilder("file ").append(file.recordsDigest());
        file.rowGroups().forEach(group -> line.append(' ').append(group.rows()));
        digest.update(line.append('\n').toString().getBytes(UTF_8));
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Where the manifest of a directory of shards is. */
  public static URI location(URI shardsRoot) {
    return Storage.resolve(shardsRoot, FILE_NAME);
  }

  /** Where the manifest of a version is kept once there is a newer one. */
  public static URI location(URI shardsRoot, int version) {
    return Storage.resolve(shardsRoot, "manifest-v%s.json".formatted(version));
  }

  /** Where the list of source files of a version is, for whoever adds to it. */
  public static URI sourcesLocation(URI shardsRoot, int version) {
    return Storage.resolve(shardsRoot, "sources/v%s.tsv".formatted(version));
  }

  /** The folder of a version's own shards; that of the first version is the directory itself. */
  public static URI folder(URI shardsRoot, int version) {
    return version == 1 ? shardsRoot : Storage.resolve(shardsRoot, "v" + version);
  }

  /**
   * Reads the manifest of a version of a data set.
   *
   * @param version from 1, or {@link #NEWEST}
   * @throws FileNotFoundException if there is none, or not this version
   * @throws IOException if it is invalid; names the file and the field
   */
  public static ShardManifest read(Storage storage, URI shardsRoot, int version)
      throws IOException {
    ShardManifest newest = read(storage, shardsRoot);
    if (version == NEWEST || version == newest.version) {
      return newest;
    }
    if (version < 1 || version > newest.version) {
      throw new FileNotFoundException(
          "No version %s of the data set in %s: it has 1 to %s"
              .formatted(version, shardsRoot, newest.version));
    }
    URI file = location(shardsRoot, version);
    return parse(file, storage.readUtf8(file));
  }

  /**
   * Reads the manifest of a directory of shards, the newest where there are several.
   *
   * @throws FileNotFoundException if there is none: the directory holds no (whole) data set
   * @throws IOException if it is invalid; names the file and the field
   */
  public static ShardManifest read(Storage storage, URI shardsRoot) throws IOException {
    URI file = location(shardsRoot);
    String json;
    try {
      json = storage.readUtf8(file);
    } catch (FileNotFoundException e) {
      // Of a bucket that does not exist, opening a file tells no more than that; this names it.
      storage.exists(shardsRoot);
      FileNotFoundException missing =
          new FileNotFoundException(
              "No data set in %s: it has no %s (shard one first)".formatted(shardsRoot, FILE_NAME));
      missing.initCause(e);
      throw missing;
    }
    return parse(file, json);
  }

  /**
   * Publishes this manifest, and with it the data set. Every shard must have been written. The
   * manifest of the version before, if any, is kept beside it, byte for byte.
   */
  public void write(Storage storage, URI shardsRoot) throws IOException {
    if (version > 1) {
      storage.writeAtomically(
          location(shardsRoot, version - 1), storage.readFully(location(shardsRoot)));
    }
    storage.writeUtf8Atomically(location(shardsRoot), toJson());
  }

  /** The text of {@value #FILE_NAME}: indented JSON with a line feed at its end. */
  public String toJson() {
    DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
    printer.indentObjectsWith(new DefaultIndenter("  ", "\n"));
    try {
      return JSON.writer(printer).writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot write manifest as JSON: " + e.getMessage(), e);
    }
  }

  /**
   * The split with a name.
   *
   * @throws IllegalArgumentException if there is none; lists those there are
   */
  public ShardSplit split(String splitName) {
    ShardSplit split = splits.get(splitName);
    if (split == null) {
      throw new IllegalArgumentException(
          "Invalid split: %s (data set %s has %s)"
              .formatted(splitName, name, String.join(", ", splits.keySet())));
    }
    return split;
  }

  /**
   * All row groups of a split, in the order that {@link EpochOrder} builds on.
   *
   * @param shardsRoot the directory this manifest was read from
   */
  public List<RowGroup> rowGroups(URI shardsRoot, String splitName) {
    List<RowGroup> groups = new ArrayList<>();
    for (ShardFile file : split(splitName).files()) {
      URI uri = Storage.resolve(shardsRoot, file.path());
      for (int ordinal = 0; ordinal < file.rowGroups().size(); ordinal++) {
        ShardFile.RowGroupEntry entry = file.rowGroups().get(ordinal);
        groups.add(new RowGroup(uri, ordinal, entry.rows(), entry.bytes()));
      }
    }
    return groups;
  }

  /**
   * A manifest from its text.
   *
   * @param file for messages
   */
  static ShardManifest parse(URI file, String json) throws IOException {
    try {
      JsonNode tree = JSON.readTree(json);
      JsonNode version = tree.path("schemaVersion");
      if (!version.isInt()) {
        throw new IOException("Invalid manifest %s: no schemaVersion".formatted(file));
      }
      if (version.intValue() < OLDEST_VERSION || version.intValue() > SCHEMA_VERSION) {
        throw new IOException(
            "Invalid manifest %s: schemaVersion %s (this program reads %s to %s)"
                .formatted(file, version, OLDEST_VERSION, SCHEMA_VERSION));
      }
      upgrade(tree, version.intValue());
      return JSON.treeToValue(tree, ShardManifest.class);
    } catch (JsonMappingException e) {
      String cause =
          e.getCause() instanceof IllegalArgumentException ? e.getCause().getMessage() : null;
      throw new IOException(
          "Invalid manifest %s: %s%s"
              .formatted(file, cause == null ? e.getOriginalMessage() : cause, at(e)),
          e);
    } catch (JsonProcessingException e) {
      throw new IOException(
          "Invalid manifest %s: %s (line %s)"
              .formatted(file, e.getOriginalMessage(), e.getLocation().getLineNr()),
          e);
    }
  }

  /**
   * From 1 to 2 splits get statistics, which are unknown; from 2 to 3 the data set gets a version
   * and a list of sources, which is not there.
   */
  private static void upgrade(JsonNode tree, int from) {
    ObjectNode manifest = (ObjectNode) tree;
    manifest.put("schemaVersion", SCHEMA_VERSION);
    if (from < 3 && !manifest.has("version") && !manifest.has("sourcesDigest")) {
      manifest.put("version", 1);
      manifest.put("sourcesDigest", "");
    }
    if (from > 1) {
      return;
    }
    for (JsonNode split : tree.path("splits")) {
      if (split instanceof ObjectNode fields && !fields.has("statistics")) {
        fields.set("statistics", JSON.valueToTree(ImageStatistics.UNKNOWN));
      }
    }
  }

  private static String at(JsonMappingException failure) {
    StringBuilder path = new StringBuilder();
    for (JsonMappingException.Reference reference : failure.getPath()) {
      if (reference.getFieldName() == null) {
        path.append('[').append(reference.getIndex()).append(']');
      } else {
        path.append(path.length() == 0 ? "" : ".").append(reference.getFieldName());
      }
    }
    return path.length() == 0 ? "" : " (at " + path + ")";
  }
}
