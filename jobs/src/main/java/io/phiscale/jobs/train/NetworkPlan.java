package io.phiscale.jobs.train;

import io.phiscale.jobs.config.NetworkSection;
import io.phiscale.jobs.config.NetworkSection.Scaling;
import io.phiscale.jobs.report.PhiKind;
import io.phiscale.jobs.run.NetworkIdentity;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import java.util.Locale;

/**
 * The network that a configuration asks for, and what tables say about it.
 *
 * @param spec the network
 * @param identity its φ and coefficients
 */
public record NetworkPlan(NetworkSpec spec, NetworkIdentity identity) {

  /**
   * Resolves a configuration.
   *
   * @param network the section
   * @param classesOfData classes of the data set, used where the section names no number
   */
  public static NetworkPlan of(NetworkSection network, int classesOfData) {
    BaseNetwork base = base(network);
    ScalingCoefficients coefficients;
    double published;
    NetworkIdentity identity;
    if (network.scaling() instanceof Scaling.Published row) {
      EfficientNetVariant variant =
          EfficientNetVariant.valueOf(row.variant().toUpperCase(Locale.ROOT));
      coefficients = variant.coefficients();
      published = variant.dropout();
      identity =
          new NetworkIdentity(
              network.nameOr(row.variant()),
              variant.nominalPhi(),
              PhiKind.NOMINAL,
              coefficients.width(),
              coefficients.depth());
    } else if (network.scaling() instanceof Scaling.Chosen chosen) {
      coefficients =
          new ScalingCoefficients(
              chosen.width(), chosen.depth(), network.resolutionPxOr(base.baseResolutionPx()));
      published = base.dropout();
      identity =
          new NetworkIdentity(
              network.nameOr(
                  String.format(
                      "w%s-d%s-r%s",
                      shown(chosen.width()), shown(chosen.depth()), coefficients.resolutionPx())),
              Double.NaN,
              PhiKind.NONE,
              chosen.width(),
              chosen.depth());
    } else {
      double phi = ((Scaling.Compound) network.scaling()).phi();
      NetworkSection.Coefficients constants = network.coefficients();
      coefficients =
          new CompoundScaling(
                  constants.alpha(), constants.beta(), constants.gamma(), base.baseResolutionPx())
              .at(phi);
      published = base.dropout();
      identity =
          new NetworkIdentity(
              network.nameOr("phi-" + shown(phi)),
              phi,
              PhiKind.COMPOUND,
              coefficients.width(),
              coefficients.depth());
    }
    NetworkSpec spec =
        NetworkSpec.of(base, coefficients, network.classesOr(classesOfData))
            .withName(base.name() + "-" + identity.name())
            .withResolutionPx(network.resolutionPxOr(coefficients.resolutionPx()))
            .withDropout(network.dropoutOr(published))
            .withStochasticDepth(network.stochasticDepth())
            .withPadding(Padding.valueOf(network.padding().name()))
            .withBatchNorm(
                new BatchNormConvention(
                    network.batchNorm().epsilon(), network.batchNorm().momentum()));
    return new NetworkPlan(spec, identity);
  }

  /** A number in names: 1 for 1.0. */
  private static String shown(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  /** The network that a configuration scales, at its own resolution. */
  public static BaseNetwork base(NetworkSection network) {
    return switch (network.base()) {
      case EFFICIENTNET_B0 -> BaseNetwork.EFFICIENTNET_B0;
      case TINY -> BaseNetwork.TINY;
      case CUSTOM ->
          BaseNetwork.of(
              "custom",
              network.custom().stemFilters(),
              network.custom().stemStride(),
              network.custom().blocks(),
              network.custom().headFilters(),
              network.custom().resolutionPx(),
              0);
    };
  }
}
