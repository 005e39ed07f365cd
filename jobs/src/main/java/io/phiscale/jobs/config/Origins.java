package io.phiscale.jobs.config;

import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigValue;
import java.util.regex.Pattern;

/** Where a value was written: {@code file:line} or {@code --set}. */
final class Origins {
  private static final Pattern LINE = Pattern.compile(": (\\d+)(-\\d+)?$");

  private Origins() {}

  static String of(ConfigValue value) {
    return of(value.origin());
  }

  static String of(ConfigOrigin origin) {
    return LINE.matcher(origin.description()).replaceFirst(":$1");
  }
}
