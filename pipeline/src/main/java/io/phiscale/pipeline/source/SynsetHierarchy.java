package io.phiscale.pipeline.source;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What is a kind of what among WordNet's synsets: ImageNet's {@code wordnet.is_a.txt}, a line
 * {@code PARENT CHILD} per relation ({@code n00001740 n00001930}: a physical entity is an entity).
 * A synset may have several parents.
 */
public final class SynsetHierarchy {
  private static final Pattern LINE = Pattern.compile("(n[0-9]{8})\\s+(n[0-9]{8})");

  private final Map<String, List<String>> parents;

  private SynsetHierarchy(Map<String, List<String>> parents) {
    this.parents = parents;
  }

  /**
   * Reads a hierarchy.
   *
   * @throws IOException if there is no such file or a line is none; names it
   */
  public static SynsetHierarchy read(Storage storage, URI file) throws IOException {
    Map<String, List<String>> parents = new HashMap<>();
    int number = 0;
    for (String line : storage.readUtf8(file).lines().toList()) {
      number++;
      Matcher relation = LINE.matcher(line.strip());
      if (relation.matches()) {
        parents
            .computeIfAbsent(relation.group(2), child -> new ArrayList<>(1))
            .add(relation.group(1));
      } else if (!line.isBlank()) {
        throw new IOException(
            "Invalid hierarchy %s, line %s: %s (must be PARENT CHILD, two WordNet ids)"
                .formatted(file, number, line));
      }
    }
    if (parents.isEmpty()) {
      throw new IOException("Invalid hierarchy %s: no relations".formatted(file));
    }
    return new SynsetHierarchy(parents);
  }

  /**
   * The target that a synset is, or is a kind of over the fewest steps; of several as near, the one
   * with the smallest id.
   */
  public Optional<String> nearest(String synset, Set<String> targets) {
    Set<String> seen = new HashSet<>();
    Set<String> level = Set.of(synset);
    while (!level.isEmpty()) {
      Optional<String> found = level.stream().filter(targets::contains).sorted().findFirst();
      if (found.isPresent()) {
        return found;
      }
      Set<String> above = new TreeSet<>();
      for (String child : level) {
        for (String parent : parents.getOrDefault(child, List.of())) {
          if (seen.add(parent)) {
            above.add(parent);
          }
        }
      }
      level = above;
    }
    return Optional.empty();
  }
}
