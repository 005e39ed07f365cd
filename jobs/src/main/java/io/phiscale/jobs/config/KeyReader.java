package io.phiscale.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.math.BigDecimal;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Reads single keys as types. What cannot be read becomes a problem, and the default stands in for
 * it, so that reading goes on and all problems come out together. Remembers every value read.
 */
final class KeyReader {
  private static final Pattern SCHEME = Pattern.compile("^[A-Za-z][A-Za-z0-9+.-]+:.*");

  private final Config config;
  private final Config defaults;
  private final List<ConfigurationProblem> problems;
  private final SortedMap<String, String> effective = new TreeMap<>();

  KeyReader(Config config, Config defaults, List<ConfigurationProblem> problems) {
    this.config = config;
    this.defaults = defaults;
    this.problems = problems;
  }

  /** Dotted key to value, of all keys read so far; secrets are in it. */
  SortedMap<String, String> effective() {
    return effective;
  }

  /** Where {@code key} was written by the user; empty when it has its default. */
  String origin(String key) {
    if (!config.hasPathOrNull(key)) {
      return "";
    }
    ConfigValue value = value(config, key).orElse(null);
    return value == null || isDefault(value) ? "" : Origins.of(value);
  }

  boolean isSet(String key) {
    return value(config, key).map(value -> value.valueType() != ConfigValueType.NULL).orElse(false);
  }

  void problem(String key, String message) {
    problems.add(new ConfigurationProblem(origin(key), message));
  }

  /** The text, or empty where the key is null. */
  String text(String key) {
    return scalar(key, "a text", Function.identity()).orElse("");
  }

  long integer(String key) {
    return scalar(key, "a whole number", value -> new BigDecimal(value).longValueExact())
        .orElse(0L);
  }

  int int32(String key) {
    return scalar(key, "a whole number", value -> new BigDecimal(value).intValueExact()).orElse(0);
  }

  int int32(String key, int whenNull) {
    return scalar(key, "a whole number", value -> new BigDecimal(value).intValueExact())
        .orElse(whenNull);
  }

  double number(String key, double whenNull) {
    return scalar(key, "a number", Double::parseDouble).orElse(whenNull);
  }

  double number(String key) {
    return number(key, Double.NaN);
  }

  /** As {@link #number(String, double)}, and what stands in for null is what was effective. */
  double numberOrUsual(String key, double usual) {
    if (isSet(key)) {
      return number(key, usual);
    }
    effective.put(key, String.valueOf(usual));
    return usual;
  }

  boolean flag(String key) {
    return scalar(
            key,
            "true or false",
            value ->
                switch (value) {
                  case "true" -> true;
                  case "false" -> false;
                  default -> throw new IllegalArgumentException(value);
                })
        .orElse(false);
  }

  <E extends Enum<E>> E choice(String key, Class<E> type) {
    Map<String, E> names = names(type);
    return scalar(
            key,
            "one of " + String.join(", ", names.keySet()),
            value ->
                Optional.ofNullable(names.get(value)).orElseThrow(IllegalArgumentException::new))
        .orElse(type.getEnumConstants()[0]);
  }

  private static <E extends Enum<E>> Map<String, E> names(Class<E> type) {
    return Arrays.stream(type.getEnumConstants())
        .collect(
            Collectors.toMap(
                KeyReader::kebab, Function.identity(), (first, second) -> first, TreeMap::new));
  }

  Duration duration(String key) {
    return typed(key, "a duration such as 10 minutes", from -> from.getDuration(key));
  }

  long bytes(String key) {
    return typed(key, "a size such as 128 MiB", from -> from.getBytes(key));
  }

  /** A URI as written; a path without a scheme is a local file, made absolute. Empty when null. */
  URI location(String key) {
    return scalar(key, "a path or a URI", KeyReader::parseLocation).orElse(URI.create(""));
  }

  /** As {@link #location(String)}, but {@code followed} stands in for null. */
  URI location(String key, String followed) {
    if (isSet(key)) {
      return location(key);
    }
    effective.put(key, followed);
    return parseLocation(followed);
  }

  List<Double> numbers(String key) {
    return list(key, "a list of numbers such as [0, 1, 2]", Double::valueOf);
  }

  List<Integer> integers(String key) {
    return list(
        key,
        "a list of whole numbers such as [1, 5]",
        value -> new BigDecimal(value).intValueExact());
  }

  List<Long> wholeNumbers(String key) {
    return list(
        key,
        "a list of whole numbers such as [0, 1, 2]",
        value -> new BigDecimal(value).longValueExact());
  }

  <E extends Enum<E>> List<E> choices(String key, Class<E> type) {
    Map<String, E> names = names(type);
    return list(
        key,
        "a list of " + String.join(", ", names.keySet()),
        value -> Optional.ofNullable(names.get(value)).orElseThrow(IllegalArgumentException::new));
  }

  List<String> texts(String key) {
    return list(key, "a list of texts", Function.identity());
  }

  /** Places as {@link #location(String)} reads one. */
  List<URI> locations(String key) {
    return list(key, "a list of paths or URIs", KeyReader::parseLocation);
  }

  /** Texts that a function understands; it throws IllegalArgumentException for others. */
  <T> List<T> parsed(String key, String expected, Function<String, T> parse) {
    return list(key, expected, parse);
  }

  /** All below {@code key}, nested sections joined by dots. */
  SortedMap<String, String> properties(String key) {
    SortedMap<String, String> properties = new TreeMap<>();
    if (value(config, key).orElse(null) instanceof ConfigObject object) {
      flatten("", object, properties);
    }
    properties.forEach((name, value) -> effective.put(key + "." + name, value));
    return properties;
  }

  static URI parseLocation(String text) {
    try {
      if (text.isEmpty() || SCHEME.matcher(text).matches()) {
        // Patterns: braces are no characters of a URI, and a question mark would end the path.
        return new URI(text.replace("{", "%7B").replace("}", "%7D").replace("?", "%3F"));
      }
      // Not Path.toUri(): that looks at the disk and ends in a slash where a folder exists.
      String absolute = Path.of(text).toAbsolutePath().normalize().toString();
      return URI.create("file://" + new URI(null, null, absolute, null).getRawPath());
    } catch (URISyntaxException | InvalidPathException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  static String kebab(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static void flatten(
      String prefix, ConfigObject object, SortedMap<String, String> properties) {
    object.forEach(
        (name, value) -> {
          if (value instanceof ConfigObject child) {
            flatten(prefix + name + ".", child, properties);
          } else if (value.valueType() != ConfigValueType.NULL) {
            properties.put(prefix + name, String.valueOf(value.unwrapped()));
          }
        });
  }

  private <T> Optional<T> scalar(String key, String expected, Function<String, T> parse) {
    Optional<ConfigValue> value = value(config, key);
    if (value.isEmpty() || value.get() instanceof ConfigObject) {
      // Reported as such when the keys were checked.
      return standIn(key, parse);
    }
    return switch (value.get().valueType()) {
      case NULL -> {
        effective.put(key, "null");
        if (!nullable(key)) {
          problem(key, "Invalid %s: null (must be %s)".formatted(key, expected));
          yield standIn(key, parse);
        }
        yield Optional.empty();
      }
      case STRING, NUMBER, BOOLEAN -> {
        String text = String.valueOf(value.get().unwrapped());
        effective.put(key, text);
        try {
          yield Optional.of(parse.apply(text.strip()));
        } catch (IllegalArgumentException | ArithmeticException e) {
          invalid(key, text, expected);
          yield standIn(key, parse);
        }
      }
      default -> {
        invalid(key, value.get().unwrapped().toString(), expected);
        yield standIn(key, parse);
      }
    };
  }

  private <T> List<T> list(String key, String expected, Function<String, T> parse) {
    Optional<ConfigValue> value = value(config, key);
    List<?> elements;
    if (value.isPresent() && value.get().unwrapped() instanceof List<?> written) {
      elements = written;
    } else if (value.isPresent() && value.get().valueType() == ConfigValueType.STRING) {
      // --set study.phi=0,1,2
      elements = List.of(String.valueOf(value.get().unwrapped()).strip().split("\\s*,\\s*", -1));
    } else if (value.isPresent() && value.get().valueType() == ConfigValueType.NUMBER) {
      elements = List.of(value.get().unwrapped());
    } else {
      if (value.isPresent() && !(value.get() instanceof ConfigObject)) {
        invalid(key, String.valueOf(value.get().unwrapped()), expected);
      }
      elements = defaults.getList(key).unwrapped();
    }
    effective.put(key, elements.toString());
    List<T> parsed = new ArrayList<>();
    for (Object element : elements) {
      try {
        parsed.add(parse.apply(String.valueOf(element)));
      } catch (IllegalArgumentException | ArithmeticException e) {
        invalid(key, elements.toString(), expected);
        return defaults.getList(key).unwrapped().stream().map(String::valueOf).map(parse).toList();
      }
    }
    return List.copyOf(parsed);
  }

  private <T> T typed(String key, String expected, Function<Config, T> get) {
    Optional<ConfigValue> value = value(config, key);
    if (value.isEmpty() || value.get() instanceof ConfigObject) {
      return get.apply(defaults);
    }
    String text = String.valueOf(value.get().unwrapped());
    effective.put(key, text);
    try {
      return get.apply(config);
    } catch (ConfigException e) {
      invalid(key, text, expected);
      return get.apply(defaults);
    }
  }

  private void invalid(String key, String value, String expected) {
    problem(
        key, "Invalid %s: \"%s\" (must be %s)".formatted(key, Secrets.shown(key, value), expected));
  }

  private boolean nullable(String key) {
    return value(defaults, key)
        .map(value -> value.valueType() == ConfigValueType.NULL)
        .orElse(false);
  }

  private <T> Optional<T> standIn(String key, Function<String, T> parse) {
    return value(defaults, key)
        .filter(value -> value.valueType() != ConfigValueType.NULL)
        .map(value -> parse.apply(String.valueOf(value.unwrapped())));
  }

  private static boolean isDefault(ConfigValue value) {
    return value.origin().description().startsWith(ConfigurationLoader.DEFAULTS);
  }

  private static Optional<ConfigValue> value(Config from, String key) {
    ConfigValue value = from.root();
    for (String name : ConfigUtil.splitPath(key)) {
      value = value instanceof ConfigObject object ? object.get(name) : null;
    }
    return Optional.ofNullable(value);
  }
}
