package io.phiscale.jobs.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.phiscale.jobs.law.Coefficient;
import io.phiscale.jobs.law.Interval;
import io.phiscale.jobs.law.LawAnalysis;
import io.phiscale.jobs.law.LawAnalysis.AxisLaw;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import io.phiscale.jobs.law.LawAnalysis.Refused;
import io.phiscale.jobs.law.LawAnalysis.Surface;
import io.phiscale.jobs.law.LawAnalysis.Tested;
import io.phiscale.jobs.law.LawFit;
import io.phiscale.jobs.law.Observation;
import java.util.List;
import java.util.Locale;

/** Laws as JSON, for programs: everything that {@link LawTable} has, and the points. */
final class LawJson {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private LawJson() {}

  static String of(LawAnalysis analysis) {
    ObjectNode root = JSON.createObjectNode();
    ObjectNode laws = root.putObject("laws");
    for (AxisLaw law : analysis.laws()) {
      ObjectNode node = laws.putObject(law.axis().name().toLowerCase(Locale.ROOT));
      node.put("basis", law.basis());
      if (law.outcome() instanceof Refused refused) {
        node.put("refused", refused.reason());
      } else {
        fitted(node, (Fitted) law.outcome());
      }
    }
    ObjectNode surface = root.putObject("surface");
    if (analysis.surface() instanceof Surface fitted) {
      coefficients(surface, fitted.fit().coefficients());
    } else {
      surface.put("refused", ((Refused) analysis.surface()).reason());
    }
    ArrayNode frontier = root.putArray("paretoFrontier");
    analysis.frontier().forEach(observation -> point(frontier.addObject(), observation));
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot write laws as JSON", e);
    }
  }

  private static void fitted(ObjectNode node, Fitted fitted) {
    LawFit fit = fitted.fit();
    node.put("form", fit.form().label());
    node.put("formula", fit.form().formula());
    node.put("reference", fit.reference());
    coefficients(node, fit.coefficients());
    node.put("residualRms", fit.residualRms());
    ArrayNode points = node.putArray("points");
    for (int i = 0; i < fit.observations().size(); i++) {
      Observation observation = fit.observations().get(i);
      ObjectNode point = points.addObject();
      point(point, observation);
      point.put("fitted", fit.errorAt(observation.scale()));
      interval(point, fit.curveInterval(observation.scale()));
      point.put("residual", fit.residuals().get(i));
    }
    ObjectNode heldOut = node.putObject("heldOut");
    if (fitted.extrapolation() instanceof Tested tested) {
      point(heldOut, tested.heldOut().held());
      heldOut.put("predicted", tested.heldOut().predicted());
      interval(heldOut, tested.heldOut().interval());
      heldOut.put("fittedTo", tested.heldOut().fittedTo());
    } else {
      heldOut.put("refused", ((Refused) fitted.extrapolation()).reason());
    }
  }

  private static void coefficients(ObjectNode node, List<Coefficient> coefficients) {
    ObjectNode all = node.putObject("coefficients");
    for (Coefficient coefficient : coefficients) {
      ObjectNode one = all.putObject(coefficient.name());
      one.put("value", coefficient.value());
      interval(one, coefficient.interval());
    }
  }

  private static void point(ObjectNode node, Observation observation) {
    node.put("name", observation.name());
    node.put("scale", observation.scale());
    node.put("error", observation.error());
  }

  private static void interval(ObjectNode node, Interval interval) {
    node.put("low", interval.low());
    node.put("high", interval.high());
  }
}
