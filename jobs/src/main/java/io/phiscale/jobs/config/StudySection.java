package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;
import java.util.List;

/**
 * A study: one network per compound coefficient, trained and evaluated alike.
 *
 * @param phi the compound coefficients, in the order of the table, distinct
 * @param output folder of the runs and of the table
 */
public record StudySection(List<Double> phi, URI output) implements Serializable {

  public StudySection {
    phi = List.copyOf(phi);
    new SectionRules("study")
        .require(!phi.isEmpty(), "phi", phi, "a list of numbers, not empty")
        .require(phi.stream().distinct().count() == phi.size(), "phi", phi, "without repetition")
        .require(
            phi.stream().allMatch(value -> Double.isFinite(value) && Math.abs(value) <= 20),
            "phi",
            phi,
            "within [-20, 20]")
        .verify();
  }
}
