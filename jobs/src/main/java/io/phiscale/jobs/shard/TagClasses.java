package io.phiscale.jobs.shard;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which classes the labels of a weakly labelled image mean: those above a confidence, through a
 * table of hashtags where there is one.
 *
 * <p>A line of the table is a hashtag, a tab (or blanks) and a class, as IG-1B-Targeted maps tags
 * to synsets; a tag may have several lines, and then gives its weight to each of the classes. Case
 * and a leading {@code #} do not matter. A class that several tags give has the largest of their
 * weights.
 */
final class TagClasses implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Null: labels are classes. */
  private final HashMap<String, List<String>> classes;

  private final double minConfidence;

  private TagClasses(Map<String, List<String>> classes, double minConfidence) {
    this.classes = classes == null ? null : new HashMap<>(classes);
    this.minConfidence = minConfidence;
  }

  /**
   * Reads the table.
   *
   * @param table empty: labels are classes
   */
  static TagClasses read(Storage storage, URI table, double minConfidence) throws IOException {
    if (table.toString().isEmpty()) {
      return new TagClasses(null, minConfidence);
    }
    Map<String, List<String>> classes = new HashMap<>();
    int number = 0;
    for (String line : storage.readUtf8(Storage.uri(table.toString())).lines().toList()) {
      number++;
      if (line.isBlank()) {
        continue;
      }
      String[] parts = line.contains("\t") ? line.split("\t") : line.strip().split("\\s+");
      if (parts.length != 2 || parts[0].isBlank() || parts[1].isBlank()) {
        throw new IOException(
            String.format(
                "Invalid table of tags %s, line %s: %s (must be TAG, tab, CLASS)",
                table, number, line));
      }
      classes.computeIfAbsent(tag(parts[0]), tag -> new ArrayList<>(1)).add(parts[1].strip());
    }
    if (classes.isEmpty()) {
      throw new IOException(String.format("Invalid table of tags %s: no lines", table));
    }
    return new TagClasses(classes, minConfidence);
  }

  private static String tag(String text) {
    String tag = text.strip().toLowerCase(Locale.ROOT);
    return tag.startsWith("#") ? tag.substring(1) : tag;
  }

  /** Whether there is a table, which then names all classes. */
  boolean isTable() {
    return classes != null;
  }

  /** All classes of the table, sorted. */
  LabelSpace labels() {
    Set<String> names = new TreeSet<>();
    classes.values().forEach(names::addAll);
    return LabelSpace.sorted(names);
  }

  /** The classes of an image with their weights, in the order of its labels. */
  Map<String, Float> of(List<String> labels, List<Float> weights) {
    Map<String, Float> found = new LinkedHashMap<>();
    for (int i = 0; i < labels.size(); i++) {
      String label = labels.get(i) == null ? "" : labels.get(i).strip();
      float weight = weights.get(i);
      // Not "weight < min": a confidence that is no number is below every one.
      if (label.isEmpty() || !(weight > 0 && weight >= minConfidence)) {
        continue;
      }
      List<String> meant =
          classes == null ? List.of(label) : classes.getOrDefault(tag(label), List.of());
      for (String name : meant) {
        found.merge(name, weight, Math::max);
      }
    }
    return found;
  }
}
