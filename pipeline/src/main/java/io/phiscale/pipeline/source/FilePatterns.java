package io.phiscale.pipeline.source;

import io.phiscale.pipeline.storage.Storage;
import io.phiscale.pipeline.storage.StoredFile;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;

/**
 * The files that one location means: a file, a directory, a pattern with {@code *} and {@code ?} in
 * the last name, and before that braces: {@code train-{000000..000146}.tar}, {@code {train,val}/*}.
 */
final class FilePatterns {
  private static final Pattern RANGE = Pattern.compile("([0-9]+)\\.\\.([0-9]+)");
  private static final int MAX_FILES = 10_000_000;

  private FilePatterns() {}

  /**
   * The files of a location, in the order of the braces and else sorted.
   *
   * @param wanted which files of a directory are meant, by name
   * @param layout what the location should hold, for messages
   * @throws IOException if a file is missing, or there is none; names the location
   */
  static List<StoredFile> expand(
      Storage storage, URI location, Predicate<String> wanted, String layout) throws IOException {
    Set<StoredFile> files = new LinkedHashSet<>();
    for (String path : braces(location.getPath())) {
      URI uri = new Path(location.getScheme(), location.getAuthority(), path).toUri();
      String name = path.substring(path.lastIndexOf('/') + 1);
      if (name.contains("*") || name.contains("?")) {
        Pattern glob = glob(name);
        URI folder = new Path(uri).getParent().toUri();
        for (StoredFile file : storage.listRecursively(folder)) {
          String relative = Storage.relativePath(folder, file.uri());
          if (glob.matcher(relative).matches()) {
            files.add(file);
          }
        }
      } else if (storage.isDirectory(uri)) {
        for (StoredFile file : storage.listRecursively(uri)) {
          String relative = Storage.relativePath(uri, file.uri());
          if (!Labelling.isHidden(relative)
              && wanted.test(relative.substring(relative.lastIndexOf('/') + 1))) {
            files.add(file);
          }
        }
      } else {
        files.add(storage.file(uri));
      }
    }
    if (files.isEmpty()) {
      throw new IOException("No files in %s: expected %s".formatted(shown(location), layout));
    }
    return List.copyOf(files);
  }

  /** A location with its braces legible. */
  static String shown(URI location) {
    return location.toString().replace("%7B", "{").replace("%7D", "}");
  }

  /** All texts that braces stand for, as a shell expands them. */
  static List<String> braces(String pattern) {
    int open = pattern.indexOf('{');
    int close = open < 0 ? -1 : pattern.indexOf('}', open);
    if (close < 0) {
      return List.of(pattern);
    }
    String body = pattern.substring(open + 1, close);
    List<String> choices = new ArrayList<>();
    Matcher range = RANGE.matcher(body);
    if (range.matches()) {
      String first = range.group(1);
      long from = Long.parseLong(first);
      long to = Long.parseLong(range.group(2));
      if (to < from || to - from >= MAX_FILES) {
        throw new IllegalArgumentException(
            "Invalid range {%s} in %s (must count upwards, to at most %s files)"
                .formatted(body, pattern, MAX_FILES));
      }
      int digits = first.startsWith("0") ? first.length() : 1;
      for (long number = from; number <= to; number++) {
        choices.add(String.format("%0" + digits + "d", number));
      }
    } else {
      choices.addAll(List.of(body.split(",", -1)));
    }
    List<String> expanded = new ArrayList<>();
    for (String rest : braces(pattern.substring(close + 1))) {
      for (String choice : choices) {
        expanded.add(pattern.substring(0, open) + choice + rest);
      }
    }
    expanded.sort(null);
    return expanded;
  }

  private static Pattern glob(String name) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      switch (name.charAt(i)) {
        case '*' -> regex.append("[^/]*");
        case '?' -> regex.append("[^/]");
        default -> regex.append(Pattern.quote(name.substring(i, i + 1)));
      }
    }
    return Pattern.compile(regex.toString());
  }
}
