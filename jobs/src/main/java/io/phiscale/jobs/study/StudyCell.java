package io.phiscale.jobs.study;

import io.phiscale.jobs.config.NetworkSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.config.StudySection.Axis;
import io.phiscale.jobs.report.StudyAxis;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.NetworkCounts;

/**
 * One network of a study, trained once: an ordinary run in {@code STUDY/NAME}.
 *
 * @param setting what is trained, without the seed: {@code depth-phi-1}, {@code phi-2-data0.5}
 * @param axis what grew
 * @param phi the compound coefficient whose multiply-adds it has
 * @param constants α, β, γ
 * @param coefficients width, depth and resolution
 * @param counts of the network
 * @param targetMultiplyAdds of the compound network at φ, which is its own on the compound axis
 * @param seed of the run
 * @param dataFraction share of the training images that was asked for
 * @param imagesPerEpoch training images in it
 * @param budget that was asked for, as in the name; empty: {@code train.epochs}
 * @param configuration of the run
 */
public record StudyCell(
    String setting,
    Axis axis,
    double phi,
    NetworkSection.Coefficients constants,
    ScalingCoefficients coefficients,
    NetworkCounts counts,
    long targetMultiplyAdds,
    long seed,
    double dataFraction,
    long imagesPerEpoch,
    String budget,
    PhiscaleConfiguration configuration) {

  /** What a training step costs in forward passes, in FLOPs: a multiply-add is two of them. */
  static final long FLOPS_PER_MULTIPLY_ADD = 6;

  /**
   * Its name in tables, and its folder. Made of what it is alone, not of what else the study has:
   * the setting, and the seed where it is not 0.
   */
  public String name() {
    return seed == 0 ? setting : setting + "-seed" + seed;
  }

  /** Passes over its training images. */
  public int epochs() {
    return configuration.train().epochs();
  }

  /** Images that it trains on, repeats counted. */
  public long images() {
    return imagesPerEpoch * epochs();
  }

  /** What its training costs: 6 · multiply-adds · images. */
  public double flops() {
    return (double) FLOPS_PER_MULTIPLY_ADD * counts.multiplyAdds() * images();
  }

  /** What the study varied to get it, as reports say it. */
  public StudyAxis studyAxis() {
    return configuration.study().search().isEmpty()
        ? StudyAxis.valueOf(axis.name())
        : StudyAxis.SEARCH;
  }

  /** By how much its multiply-adds miss those of the compound network, as a fraction of them. */
  public double offTarget() {
    return (double) (counts.multiplyAdds() - targetMultiplyAdds) / targetMultiplyAdds;
  }

  /** Data and budget, which cells that are compared have in common. */
  String conditions() {
    return dataFraction + "/" + budget;
  }
}
