package io.phiscale.jobs.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Locale;

/** How numbers are written: once exactly, for machines, and once rounded, for readers. */
final class Figures {
  private static final String[] SI_PREFIXES = {"", "k", "M", "G", "T", "P", "E"};

  private Figures() {}

  /** The value with at most {@code decimals} decimals, without trailing zeros; empty for NaN. */
  static String number(double value, int decimals) {
    if (Double.isNaN(value)) {
      return "";
    }
    BigDecimal rounded =
        BigDecimal.valueOf(value).setScale(decimals, RoundingMode.HALF_UP).stripTrailingZeros();
    return rounded.signum() == 0 ? "0" : rounded.toPlainString();
  }

  /** The value with exactly {@code decimals} decimals; empty for NaN. */
  static String fixed(double value, int decimals) {
    return Double.isNaN(value)
        ? ""
        : BigDecimal.valueOf(value).setScale(decimals, RoundingMode.HALF_UP).toPlainString();
  }

  /** A fraction in percent with exactly {@code decimals} decimals; empty for NaN. */
  static String percent(double fraction, int decimals) {
    return Double.isNaN(fraction)
        ? ""
        : BigDecimal.valueOf(fraction)
            .movePointRight(2)
            .setScale(decimals, RoundingMode.HALF_UP)
            .toPlainString();
  }

  /** Three significant digits and an SI prefix: {@code 5.29 M}, {@code 386 M}, {@code 950}. */
  static String si(long value) {
    if (value < 1000) {
      return Long.toString(value);
    }
    BigDecimal rounded = BigDecimal.valueOf(value).round(new MathContext(3, RoundingMode.HALF_UP));
    int exponent = rounded.precision() - rounded.scale() - 1;
    int prefix = exponent / 3;
    return rounded
            .movePointLeft(3 * prefix)
            .setScale(2 - exponent % 3, RoundingMode.HALF_UP)
            .toPlainString()
        + " "
        + SI_PREFIXES[prefix];
  }

  /** {@link #si} without trailing zeros, for ticks: {@code 500 M}, {@code 1.5 G}. */
  static String siShort(long value) {
    String text = si(value);
    return text.contains(".") ? text.replaceFirst("\\.?0+ ", " ") : text;
  }

  /** Digits in groups of three: {@code 5,288,548}. */
  static String grouped(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /** Seconds with at most three decimals. */
  static String seconds(Duration time) {
    return number(time.toMillis() / 1000.0, 3);
  }

  /** The two largest units that matter: {@code 480 ms}, {@code 4.2 s}, {@code 3 min 05 s}. */
  static String time(Duration time) {
    long millis = time.toMillis();
    if (millis < 1000) {
      return millis + " ms";
    }
    if (millis < 9_950) {
      return fixed(millis / 1000.0, 1) + " s";
    }
    long seconds = Math.round(millis / 1000.0);
    if (seconds < 60) {
      return seconds + " s";
    }
    if (seconds < 3600) {
      return String.format(Locale.ROOT, "%d min %02d s", seconds / 60, seconds % 60);
    }
    long minutes = Math.round(seconds / 60.0);
    return String.format(Locale.ROOT, "%d h %02d min", minutes / 60, minutes % 60);
  }

  /** Images per second: whole and in groups of three above 100, one decimal below. */
  static String rate(double imagesPerSecond) {
    return imagesPerSecond >= 100
        ? grouped(Math.round(imagesPerSecond))
        : fixed(imagesPerSecond, 1);
  }
}
