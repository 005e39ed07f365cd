package io.phiscale.jobs.config;

import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Which values are secret, and what is shown in their place. */
final class Secrets {
  static final String REDACTED = "********";

  private static final Pattern SECRET_KEY =
      Pattern.compile("secret|passw(or)?d|passphrase|token|(^|[._-])key($|[._-])");
  private static final Pattern USER_INFO = Pattern.compile("://[^/@\\s]+@");

  private Secrets() {}

  static boolean isSecret(String key) {
    return SECRET_KEY.matcher(key.toLowerCase(Locale.ROOT)).find();
  }

  /** The value as it may be shown: neither a secret nor a user name and password inside a URI. */
  static String shown(String key, String value) {
    if (isSecret(key) && !value.isEmpty()) {
      return REDACTED;
    }
    return USER_INFO.matcher(value).replaceAll("://" + REDACTED + "@");
  }

  static SortedMap<String, String> redacted(Map<String, String> values) {
    SortedMap<String, String> shown = new TreeMap<>();
    values.forEach((key, value) -> shown.put(key, shown(key, value)));
    return shown;
  }
}
