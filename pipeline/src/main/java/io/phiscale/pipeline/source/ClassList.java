package io.phiscale.pipeline.source;

import io.phiscale.pipeline.shard.LabelSpace;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text file with one class a line, in label order.
 *
 * <pre>{@code
 * airplane
 * police car
 * n01440764 tench, Tinca tinca
 * }</pre>
 *
 * <p>The line is the class's name; of a line that starts with a WordNet id, the id is the name and
 * the rest what people call the class, as in {@code LOC_synset_mapping.txt}.
 */
public final class ClassList {
  private static final Pattern SYNSET = Pattern.compile("(n[0-9]{8})\\s+(\\S.*)");

  private ClassList() {}

  /**
   * The classes of a list. Blank lines at its end do not count.
   *
   * @throws IOException if it is missing, empty, or has a blank line or a class twice; names it
   */
  public static LabelSpace read(Storage storage, URI file) throws IOException {
    return parse(file, storage.readUtf8(file));
  }

  static LabelSpace parse(URI file, String text) throws IOException {
    List<String> names = new ArrayList<>();
    Map<String, String> humanNames = new HashMap<>();
    for (String line : text.stripTrailing().lines().map(String::strip).toList()) {
      Matcher synset = SYNSET.matcher(line);
      if (synset.matches()) {
        names.add(synset.group(1));
        humanNames.put(synset.group(1), synset.group(2));
      } else {
        names.add(line);
      }
    }
    try {
      return new LabelSpace(names, humanNames);
    } catch (IllegalArgumentException e) {
      throw new IOException("Invalid list of classes %s: %s".formatted(file, e.getMessage()), e);
    }
  }
}
