package io.phiscale.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigSyntax;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Layers a configuration: defaults, then one file, then {@code --set} overrides. Substitutions
 * ({@code ${...}}) see all layers, {@code phiscale.home} and {@code phiscale.data}, and the
 * environment.
 *
 * <pre>{@code
 * PhiscaleConfiguration configuration =
 *     new ConfigurationLoader().file("conf/cifar10.conf").set("train.epochs=5").load();
 * }</pre>
 */
public final class ConfigurationLoader {
  /** The resource with every key and its default. */
  public static final String DEFAULTS = "phiscale-defaults.conf";

  private static final String SURROUNDINGS = "phiscale";
  private static final Pattern SCHEME = Pattern.compile("^[A-Za-z][A-Za-z0-9+.-]+:.*");

  private final TextReader reader;
  private final List<ConfigurationProblem> problems = new ArrayList<>();
  private Config user = ConfigFactory.empty();

  /** Reads the text behind a URI, for files that are not local. */
  @FunctionalInterface
  public interface TextReader {
    /**
     * The whole text, in UTF-8.
     *
     * @throws IOException that names the URI
     */
    String read(URI uri) throws IOException;
  }

  /** Reads local files only. */
  public ConfigurationLoader() {
    this(
        uri -> {
          throw new IOException("Cannot read " + uri + ": only local files can be read here");
        });
  }

  /** Reads local files by itself and all other URIs through {@code reader}. */
  public ConfigurationLoader(TextReader reader) {
    this.reader = Objects.requireNonNull(reader, "reader");
  }

  /**
   * Lays a file over what there is. A local file may {@code include} others beside it.
   *
   * @param location local path, or URI
   * @throws ConfigurationException when it is missing, cannot be read, or is not HOCON
   */
  public ConfigurationLoader file(String location) {
    ConfigParseOptions options =
        ConfigParseOptions.defaults()
            .setSyntax(ConfigSyntax.CONF)
            .setAllowMissing(false)
            .setOriginDescription(location);
    try {
      Config layer;
      if (SCHEME.matcher(location).matches() && !location.startsWith("file:")) {
        layer = ConfigFactory.parseString(reader.read(URI.create(location)), options);
      } else {
        Path path =
            location.startsWith("file:")
                ? Path.of(URI.create(location).getPath())
                : Path.of(location);
        if (!Files.isRegularFile(path)) {
          throw new ConfigurationException(
              "Cannot read configuration " + location + ": no such file");
        }
        layer = ConfigFactory.parseFile(path.toFile(), options);
      }
      user = layer.withFallback(user);
    } catch (IOException | UncheckedIOException e) {
      throw new ConfigurationException(
          "Cannot read configuration " + location + ": " + e.getMessage());
    } catch (ConfigException e) {
      throw new ConfigurationException(List.of(syntaxProblem(e)));
    } catch (IllegalArgumentException e) {
      if (e instanceof ConfigurationException known) {
        throw known;
      }
      throw new ConfigurationException(
          "Cannot read configuration " + location + ": not a path or a URI");
    }
    return this;
  }

  /**
   * Lays one value over what there is.
   *
   * @param assignment {@code key=value}; {@code null} unsets, {@code [0, 1]} or {@code 0,1} is a
   *     list, anything else is taken as it stands
   */
  public ConfigurationLoader set(String assignment) {
    int equals = assignment.indexOf('=');
    String key = equals < 0 ? "" : assignment.substring(0, equals).strip();
    if (!KnownKeys.isPath(key)) {
      String shown = equals < 0 ? assignment : key + "=...";
      problems.add(
          new ConfigurationProblem(
              "--set", "Invalid assignment: %s (must be key=value)".formatted(shown)));
      return this;
    }
    try {
      user =
          ConfigFactory.empty()
              .withValue(key, parse(assignment.substring(equals + 1).strip()))
              .withFallback(user);
    } catch (ConfigException e) {
      problems.add(
          new ConfigurationProblem(
              "--set", "Invalid %s: not a list that can be read".formatted(key)));
    }
    return this;
  }

  /**
   * Resolves and binds the layers.
   *
   * @throws ConfigurationException with all problems of all layers
   */
  public PhiscaleConfiguration load() {
    Config defaults = defaults();
    PhiscaleConfiguration bound = null;
    try {
      Config resolved =
          user.withFallback(unresolvedDefaults()).withFallback(surroundings()).resolve();
      if (!user.root().containsKey(SURROUNDINGS)) {
        resolved = resolved.withoutPath(SURROUNDINGS);
      }
      bound = Binder.bind(resolved, defaults);
    } catch (ConfigurationException e) {
      problems.addAll(e.problems());
    } catch (ConfigException e) {
      problems.add(syntaxProblem(e));
    }
    if (!problems.isEmpty()) {
      throw new ConfigurationException(problems);
    }
    return bound;
  }

  /**
   * Where Phiscale lies: the system property {@code phiscale.home}, the environment's {@code
   * PHISCALE_HOME}, or the working directory.
   */
  public static String home() {
    return Optional.ofNullable(System.getProperty("phiscale.home"))
        .or(() -> Optional.ofNullable(System.getenv("PHISCALE_HOME")))
        .orElse(".");
  }

  /** Every key with a default, or null where it has none. */
  static Config defaults() {
    return unresolvedDefaults().resolve();
  }

  static PhiscaleConfiguration over(String json, Map<String, String> overrides) {
    ConfigurationLoader loader = new ConfigurationLoader();
    loader.user =
        ConfigFactory.parseString(
            json,
            ConfigParseOptions.defaults()
                .setSyntax(ConfigSyntax.JSON)
                .setOriginDescription("configuration"));
    overrides.forEach((key, value) -> loader.set(key + "=" + value));
    return loader.load();
  }

  private static Config unresolvedDefaults() {
    return ConfigFactory.parseResources(
        ConfigurationLoader.class.getClassLoader(),
        DEFAULTS,
        ConfigParseOptions.defaults().setAllowMissing(false).setOriginDescription(DEFAULTS));
  }

  /** What substitutions see besides the configuration: where Phiscale and its bundled data lie. */
  private static Config surroundings() {
    String home = home();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("phiscale.home", home);
    values.put("phiscale.data", System.getProperty("phiscale.data", home + "/jobs/src/quickstart"));
    return ConfigFactory.parseMap(values, "surroundings");
  }

  private static ConfigValue parse(String text) {
    if (text.equals("null")) {
      return ConfigValueFactory.fromAnyRef(null, "--set");
    }
    if (text.startsWith("[") || text.startsWith("\"")) {
      return ConfigFactory.parseString(
              "value=" + text, ConfigParseOptions.defaults().setOriginDescription("--set"))
          .getValue("value")
          .withOrigin(com.typesafe.config.ConfigOriginFactory.newSimple("--set"));
    }
    return ConfigValueFactory.fromAnyRef(text, "--set");
  }

  private static ConfigurationProblem syntaxProblem(ConfigException e) {
    String origin = e.origin() == null ? "" : Origins.of(e.origin());
    String message = e.getMessage();
    if (e.origin() != null) {
      message = message.replace(e.origin().description() + ": ", "");
    }
    return new ConfigurationProblem(origin, message.replace('\n', ' '));
  }
}
