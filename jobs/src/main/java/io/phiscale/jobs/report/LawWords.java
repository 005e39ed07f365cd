package io.phiscale.jobs.report;

import io.phiscale.jobs.law.Coefficient;
import io.phiscale.jobs.law.Interval;
import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.LawAnalysis.AxisLaw;
import io.phiscale.jobs.law.LawAnalysis.Extrapolation;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import io.phiscale.jobs.law.LawAnalysis.Refused;
import io.phiscale.jobs.law.LawAnalysis.Surface;
import io.phiscale.jobs.law.LawAnalysis.Tested;
import io.phiscale.jobs.law.LawFit;
import io.phiscale.jobs.law.Observation;
import io.phiscale.jobs.law.Shortage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Laws in sentences. */
final class LawWords {
  private static final int FIGURES = 3;

  private LawWords() {}

  /** All that a law says over one axis, or why there is none. */
  static List<String> of(AxisLaw law) {
    if (law.outcome() instanceof Refused refused) {
      return List.of(
          String.format(
              "No law over %s (%s): %s.", law.axis().label(), law.basis(), refused.reason()));
    }
    Fitted fitted = (Fitted) law.outcome();
    LawFit fit = fitted.fit();
    return List.of(
        String.format(
            "Law over %s (%s): %s, %s with x = %s / %s (ε: share of wrong first guesses).",
            law.axis().label(),
            law.basis(),
            fit.form().label(),
            fit.form().formula(),
            law.axis().label(),
            Figures.si(Math.round(fit.reference()))),
        coefficients(fit)
            + String.format(
                "; residuals %s%% of the error.", Figures.percent(fit.residualRms(), 2)),
        extrapolation(fitted.extrapolation()));
  }

  /** Name, value and interval of each coefficient: {@code a = 0.301 [0.28, 0.33], ...}. */
  static String coefficients(LawFit fit) {
    return fit.coefficients().stream().map(LawWords::coefficient).collect(Collectors.joining(", "));
  }

  private static String coefficient(Coefficient coefficient) {
    return String.format(
        "%s = %s %s",
        symbol(coefficient.name()), figures(coefficient.value()), interval(coefficient.interval()));
  }

  /** The name as the formulas write it. */
  static String symbol(String name) {
    return switch (name) {
      case "alpha" -> "α";
      case "beta" -> "β";
      case "gamma" -> "γ";
      case "floor" -> "ε∞";
      default -> name;
    };
  }

  static String interval(Interval interval) {
    return "[" + figures(interval.low()) + ", " + figures(interval.high()) + "]";
  }

  /** Three significant digits; what is below 1e-6 is 0 for every purpose here. */
  static String figures(double value) {
    if (Math.abs(value) < 1e-6) {
      return "0";
    }
    int decimals = FIGURES - 1 - (int) Math.floor(Math.log10(Math.abs(value)));
    return Figures.number(value, Math.max(0, Math.min(decimals, 8)));
  }

  static String extrapolation(Extrapolation extrapolation) {
    return extrapolation instanceof Tested tested
        ? heldOut(tested.heldOut())
        : "Not tested on the largest network: " + ((Refused) extrapolation).reason() + ".";
  }

  static String heldOut(LawFit.HeldOut held) {
    return String.format(
        "Fitted to the other %s, it predicts an error of %s%% for %s (95%% interval %s–%s%%);"
            + " measured %s%%, so it is off by %s%s%% of the error.",
        held.fittedTo(),
        Figures.percent(held.predicted(), 2),
        held.held().name(),
        Figures.percent(held.interval().low(), 2),
        Figures.percent(held.interval().high(), 2),
        Figures.percent(held.held().error(), 2),
        held.relativeError() < 0 ? "−" : "+",
        Figures.percent(Math.abs(held.relativeError()), 1));
  }

  /** The error over multiply-adds and images. */
  private static String surface(Surface surface) {
    return "Over size and images together, ε = ε∞ + A·n^−a + B·d^−b: "
        + surface.fit().coefficients().stream()
            .map(LawWords::coefficient)
            .collect(Collectors.joining(", "))
        + ".";
  }

  /**
   * All laws, the sentences of each together, then why others are missing: what several of them
   * lack is said once.
   */
  static List<List<String>> all(LawAnalysis analysis) {
    List<List<String>> items = new ArrayList<>();
    List<Missing> missing = new ArrayList<>();
    for (AxisLaw law : analysis.laws()) {
      if (law.outcome() instanceof Refused refused) {
        missing.add(new Missing(law.axis().label(), " (" + law.basis() + ")", refused));
      } else {
        items.add(of(law));
      }
    }
    if (analysis.surface() instanceof Surface surface) {
      items.add(List.of(surface(surface)));
    } else {
      missing.add(new Missing("size and images together", "", (Refused) analysis.surface()));
    }
    items.addAll(missing(missing));
    return items;
  }

  /**
   * A law that could not be fitted.
   *
   * @param over what
   * @param basis which networks were there, in brackets after a space; may be empty
   * @param refused why
   */
  private record Missing(String over, String basis, Refused refused) {}

  private static List<List<String>> missing(List<Missing> all) {
    List<Missing> few =
        all.stream().filter(missing -> missing.refused().shortage().isPresent()).toList();
    List<List<String>> items = new ArrayList<>();
    if (few.size() > 1) {
      items.add(tooFew(few));
    }
    grouped(
            all.stream().filter(missing -> few.size() < 2 || !few.contains(missing)).toList(),
            missing -> List.of(missing.basis(), missing.refused().reason()))
        .forEach(
            alike ->
                items.add(
                    List.of(
                        String.format(
                            "No law over %s%s: %s.",
                            listed(alike, "or"),
                            alike.get(0).basis(),
                            alike.get(0).refused().reason()))));
    return items;
  }

  /** That there are too few points, once; then what each form needs, once, and what there is. */
  private static List<String> tooFew(List<Missing> few) {
    List<String> sentences = new ArrayList<>();
    sentences.add("No law over " + listed(few, "or") + ": too few points.");
    for (List<Missing> form :
        grouped(few, missing -> List.of(shortage(missing).what(), shortage(missing).needed()))) {
      String what = shortage(form.get(0)).what();
      sentences.add(
          String.format(
              "%s%s %s; %s.",
              what.substring(0, 1).toUpperCase(Locale.ROOT),
              what.substring(1),
              shortage(form.get(0)).needed(),
              grouped(form, missing -> List.of(missing.basis(), shortage(missing).found())).stream()
                  .map(
                      alike ->
                          String.format(
                              "over %s%s %s",
                              listed(alike, "and"),
                              alike.get(0).basis(),
                              shortage(alike.get(0)).found()))
                  .collect(Collectors.joining(", "))));
    }
    return sentences;
  }

  private static Shortage shortage(Missing missing) {
    return missing.refused().shortage().orElseThrow();
  }

  private static List<List<Missing>> grouped(
      List<Missing> all, Function<Missing, List<String>> alike) {
    return List.copyOf(
        all.stream()
            .collect(Collectors.groupingBy(alike, LinkedHashMap::new, Collectors.toList()))
            .values());
  }

  private static String listed(List<Missing> missing, String last) {
    List<String> words = missing.stream().map(Missing::over).toList();
    int count = words.size();
    return count == 1
        ? words.get(0)
        : String.join(", ", words.subList(0, count - 1)) + " " + last + " " + words.get(count - 1);
  }

  static String frontier(LawAnalysis analysis) {
    return "Pareto frontier (nothing is as good with fewer multiply-adds): "
        + analysis.frontier().stream()
            .map(Observation::name)
            .distinct()
            .collect(Collectors.joining(", "))
        + ".";
  }

  /** The lines for a terminal: the law over multiply-adds, or the first other one. */
  static List<String> brief(LawAnalysis analysis) {
    List<AxisLaw> laws = new ArrayList<>(analysis.laws());
    AxisLaw shown =
        laws.stream()
            .filter(law -> law.outcome() instanceof Fitted)
            .findFirst()
            .orElse(laws.get(0));
    List<String> lines = new ArrayList<>(of(shown));
    if (shown.outcome() instanceof Fitted) {
      lines.add(frontier(analysis));
    }
    return lines;
  }
}
