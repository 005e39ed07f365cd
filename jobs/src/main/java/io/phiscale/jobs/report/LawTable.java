package io.phiscale.jobs.report;

import io.phiscale.jobs.law.Coefficient;
import io.phiscale.jobs.law.Interval;
import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.LawAnalysis.AxisLaw;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import io.phiscale.jobs.law.LawAnalysis.Refused;
import io.phiscale.jobs.law.LawAnalysis.Surface;
import io.phiscale.jobs.law.LawAnalysis.Tested;
import io.phiscale.jobs.law.LawFit;
import java.util.List;
import java.util.Locale;

/**
 * Laws as RFC 4180 CSV, one line for each number: {@code axis} (multiply_adds, parameters, images,
 * surface), {@code form}, {@code quantity}, {@code value}, {@code low}, {@code high} (95%), {@code
 * note}. Quantities: the coefficients by name, {@code reference} (where x is 1), {@code
 * residual_rms}, {@code aicc}, {@code held_out_error} and {@code predicted_error} of the largest
 * network; {@code refused} where there is no law, with the reason as its note.
 */
final class LawTable {
  private LawTable() {}

  static String of(LawAnalysis analysis) {
    StringBuilder csv = new StringBuilder();
    line(csv, "axis", "form", "quantity", "value", "low", "high", "note");
    for (AxisLaw law : analysis.laws()) {
      String axis = law.axis().name().toLowerCase(Locale.ROOT);
      if (law.outcome() instanceof Refused refused) {
        line(csv, axis, "", "refused", "", "", "", refused.reason());
        continue;
      }
      Fitted fitted = (Fitted) law.outcome();
      LawFit fit = fitted.fit();
      String form = fit.form().label();
      coefficients(csv, axis, form, fit.coefficients(), law.basis());
      line(csv, axis, form, "reference", number(fit.reference()), "", "", law.axis().label());
      line(csv, axis, form, "residual_rms", number(fit.residualRms()), "", "", "log error");
      line(csv, axis, form, "aicc", number(fit.aicc()), "", "", "");
      if (fitted.extrapolation() instanceof Tested tested) {
        LawFit.HeldOut held = tested.heldOut();
        String name = held.held().name();
        line(csv, axis, form, "held_out_error", number(held.held().error()), "", "", name);
        Interval interval = held.interval();
        line(
            csv,
            axis,
            form,
            "predicted_error",
            number(held.predicted()),
            number(interval.low()),
            number(interval.high()),
            name);
      } else {
        String reason = ((Refused) fitted.extrapolation()).reason();
        line(csv, axis, form, "predicted_error", "", "", "", reason);
      }
    }
    if (analysis.surface() instanceof Surface surface) {
      coefficients(csv, "surface", "surface", surface.fit().coefficients(), "");
    } else {
      line(csv, "surface", "", "refused", "", "", "", ((Refused) analysis.surface()).reason());
    }
    return csv.toString();
  }

  private static void coefficients(
      StringBuilder csv, String axis, String form, List<Coefficient> coefficients, String note) {
    for (Coefficient coefficient : coefficients) {
      line(
          csv,
          axis,
          form,
          coefficient.name(),
          number(coefficient.value()),
          number(coefficient.interval().low()),
          number(coefficient.interval().high()),
          note);
    }
  }

  private static void line(StringBuilder csv, String... fields) {
    csv.append(CsvTable.line(List.of(fields)));
  }

  /** Infinite where too few points leave a criterion undefined. */
  private static String number(double value) {
    return Double.isFinite(value) ? Double.toString(value) : "";
  }
}
