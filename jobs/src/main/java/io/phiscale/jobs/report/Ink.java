package io.phiscale.jobs.report;

import java.util.List;

/**
 * A role of colour in the plots. Inside the page it is a CSS variable, so that one drawing serves
 * the light and the dark theme; in a file of its own it is the light theme's colour.
 *
 * <p>Marks keep a contrast of at least 3:1 and text of 4.5:1 against {@link #SURFACE}; the eight
 * series are Okabe and Ito's colour-blind safe palette, darkened where it is too pale for white.
 */
enum Ink {
  SURFACE("surface", "#ffffff"),
  TEXT("text", "#1b1f24"),
  MUTED("muted", "#59626d"),
  GRID("grid", "#e4e7eb"),
  AXIS("axis", "#9aa3ad"),
  TREND("trend", "#7a838d"),
  BAND("band", "#dce8f3"),
  RAW("raw", "#b8500c"),
  EMA("ema", "#0a66b0"),
  SERIES_1("series-1", "#0a66b0"),
  SERIES_2("series-2", "#b8500c"),
  SERIES_3("series-3", "#0b7f5c"),
  SERIES_4("series-4", "#a83f82"),
  SERIES_5("series-5", "#86690a"),
  SERIES_6("series-6", "#2a87bd"),
  SERIES_7("series-7", "#5b4bb0"),
  SERIES_8("series-8", "#4f5862");

  private static final List<Ink> SERIES =
      List.of(SERIES_1, SERIES_2, SERIES_3, SERIES_4, SERIES_5, SERIES_6, SERIES_7, SERIES_8);

  /** How many inks tell series apart. */
  static final int SERIES_COUNT = SERIES.size();

  private final String variable;
  private final String lightColour;

  Ink(String variable, String lightColour) {
    this.variable = variable;
    this.lightColour = lightColour;
  }

  static Ink series(int index) {
    return SERIES.get(index % SERIES_COUNT);
  }

  static Ink of(Weights weights) {
    return switch (weights) {
      case RAW -> RAW;
      case EMA -> EMA;
    };
  }

  static Ink of(StudyAxis axis) {
    return switch (axis) {
      case COMPOUND -> SERIES_1;
      case DEPTH -> SERIES_2;
      case WIDTH -> SERIES_3;
      case RESOLUTION -> SERIES_4;
      case SEARCH -> SERIES_5;
    };
  }

  String cssVariable() {
    return "var(--" + variable + ")";
  }

  String lightColour() {
    return lightColour;
  }
}
