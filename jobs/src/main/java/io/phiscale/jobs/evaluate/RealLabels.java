package io.phiscale.jobs.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.phiscale.jobs.report.NetworkDetail;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * All right labels of images (ImageNet ReaL; Beyer et al., arXiv 2006.07159). Two forms: an array
 * of arrays, whose n-th entry is of the n-th validation image ({@code
 * ILSVRC2012_val_0000000n.JPEG}), as the paper's {@code real.json}; or an object from file name to
 * labels. Labels are class indices in the order of the network's classes.
 */
final class RealLabels {
  private static final Pattern NUMBER = Pattern.compile("^ILSVRC2012_val_0*(\\d+)");

  private final URI file;
  private final Map<String, Set<Integer>> byName;

  private RealLabels(URI file, Map<String, Set<Integer>> byName) {
    this.file = file;
    this.byName = byName;
  }

  /**
   * Reads labels.
   *
   * @param classes number of the network's classes
   * @throws IOException naming the file and what is wrong with it
   */
  static RealLabels read(Storage storage, URI file, int classes) throws IOException {
    JsonNode root;
    try {
      root = JsonMapper.builder().build().readTree(storage.readUtf8(file));
    } catch (JsonProcessingException e) {
      throw new IOException(
          String.format("Cannot read labels %s: %s", file, e.getOriginalMessage()), e);
    }
    Map<String, Set<Integer>> byName = new HashMap<>();
    if (root.isArray()) {
      for (int i = 0; i < root.size(); i++) {
        byName.put(Integer.toString(i + 1), labels(file, root.get(i), i + 1 + ". entry", classes));
      }
    } else if (root.isObject()) {
      for (Map.Entry<String, JsonNode> field : root.properties()) {
        byName.put(field.getKey(), labels(file, field.getValue(), field.getKey(), classes));
      }
    } else {
      throw new IOException(
          String.format(
              "Cannot read labels %s: it is neither an array of arrays nor an object", file));
    }
    return new RealLabels(file, byName);
  }

  private static Set<Integer> labels(URI file, JsonNode node, String where, int classes)
      throws IOException {
    Set<Integer> labels = new HashSet<>();
    if (!node.isArray()) {
      throw new IOException(String.format("Cannot read labels %s: %s is no array", file, where));
    }
    for (JsonNode label : node) {
      if (!label.isInt() || label.intValue() < 0 || label.intValue() >= classes) {
        throw new IOException(
            String.format(
                "Cannot read labels %s: %s has label %s (must be in [0, %s))",
                file, where, label, classes));
      }
      labels.add(label.intValue());
    }
    return labels;
  }

  /** Right labels of an image, empty where the file knows it but gives none. */
  private Optional<Set<Integer>> of(String key) {
    String name = key.substring(key.lastIndexOf('/') + 1);
    for (String candidate : List.of(key, name)) {
      if (byName.containsKey(candidate)) {
        return Optional.of(byName.get(candidate));
      }
    }
    Matcher number = NUMBER.matcher(name);
    if (number.find()) {
      return Optional.ofNullable(byName.get(number.group(1)));
    }
    return Optional.empty();
  }

  /**
   * Counts predictions; empty if the file knows none of the images (it is of another set).
   *
   * @throws IOException if it knows some and not all
   */
  Optional<NetworkDetail.Real> count(List<Prediction> predictions) throws IOException {
    long known = 0;
    long images = 0;
    long right = 0;
    String unknown = "";
    for (Prediction prediction : predictions) {
      Optional<Set<Integer>> labels = of(prediction.key());
      if (labels.isEmpty()) {
        unknown = prediction.key();
        continue;
      }
      known++;
      if (!labels.get().isEmpty()) {
        images++;
        right += labels.get().contains(prediction.guess()) ? 1 : 0;
      }
    }
    if (known == 0 || images == 0) {
      return Optional.empty();
    }
    if (known < predictions.size()) {
      throw new IOException(
          String.format(
              "Labels %s know %s of %s images, but not %s",
              file, known, predictions.size(), unknown));
    }
    return Optional.of(new NetworkDetail.Real(images, right));
  }
}
