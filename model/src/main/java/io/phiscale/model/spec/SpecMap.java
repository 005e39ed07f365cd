package io.phiscale.model.spec;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Typed reads of a map that came from JSON, with errors that name the key. */
final class SpecMap {

  private final String what;
  private final Map<?, ?> map;
  private final Set<Object> read = new HashSet<>();

  SpecMap(String what, Map<?, ?> map) {
    this.what = what;
    this.map = map;
  }

  String text(String key) {
    return value(key, String.class, "a string");
  }

  double number(String key) {
    return value(key, Number.class, "a number").doubleValue();
  }

  int wholeNumber(String key) {
    double number = number(key);
    if (number != Math.rint(number) || Math.abs(number) > Integer.MAX_VALUE) {
      throw invalid(key, "a whole number");
    }
    return (int) number;
  }

  Map<?, ?> map(String key) {
    return value(key, Map.class, "an object");
  }

  List<String> texts(String key) {
    return ((List<?>) value(key, List.class, "a list of strings"))
        .stream()
            .map(
                item -> {
                  if (item instanceof String text) {
                    return text;
                  }
                  throw invalid(key, "a list of strings");
                })
            .toList();
  }

  void checkAllRead() {
    Set<String> unknown = new TreeSet<>();
    for (Object key : map.keySet()) {
      if (!read.contains(key)) {
        unknown.add(String.valueOf(key));
      }
    }
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid %s: unknown keys %s (valid keys: %s)", what, unknown, new TreeSet<>(read)));
    }
  }

  private <T> T value(String key, Class<T> type, String expected) {
    read.add(key);
    Object value = map.get(key);
    if (!type.isInstance(value)) {
      throw invalid(key, expected);
    }
    return type.cast(value);
  }

  private IllegalArgumentException invalid(String key, String expected) {
    return new IllegalArgumentException(
        String.format("Invalid %s: %s is %s (must be %s)", what, key, map.get(key), expected));
  }
}
