package io.phiscale.jobs.law;

import io.phiscale.jobs.law.LawAnalysis.Axis;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import io.phiscale.jobs.law.LawAnalysis.Refused;
import io.phiscale.jobs.law.LawAnalysis.Surface;
import java.util.ArrayList;
import java.util.List;

/**
 * What to train with a budget of FLOPs. A training step costs three forward passes, a multiply-add
 * is two FLOPs: 6 · multiply-adds · images.
 *
 * @param flops of the whole training, &gt; 0
 */
public record Budget(double flops) {
  private static final double FLOPS_PER_MULTIPLY_ADD = 6;

  /** Steps of φ in which the best one is looked for. */
  private static final double PHI_STEP = 0.1;

  public Budget {
    if (!(flops > 0 && Double.isFinite(flops))) {
      throw new IllegalArgumentException(
          String.format("Invalid budget: %s FLOPs (must be > 0 and finite)", flops));
    }
  }

  /** What a table says about a budget. */
  public sealed interface Answer permits Optimal, OneAmount {}

  /**
   * The compute-optimal network: the budget could be spent on a larger one and fewer images, or on
   * a smaller one and more, and either would err more often.
   *
   * @param optimum network, images and fitted error
   * @param phi its compound coefficient; NaN where the table has no two of them
   */
  public record Optimal(ModelDataSurface.Optimum optimum, double phi) implements Answer {}

  /**
   * The table's networks all saw equally many images, so it cannot say what other amounts would do:
   * the largest network that the budget trains on that many.
   *
   * @param images of the table
   * @param multiplyAdds of the network
   * @param phi its compound coefficient; NaN where the table has no two of them
   * @param error by the law over multiply-adds
   * @param interval 95%, of one more network
   */
  public record OneAmount(
      double images, double multiplyAdds, double phi, double error, Interval interval)
      implements Answer {}

  /**
   * Asks a table.
   *
   * @param networks the table
   * @param analysis of it
   * @throws TooFewObservationsException if it cannot say; the message says why
   */
  public Answer ask(List<ScaledNetwork> networks, LawAnalysis analysis) {
    PhiLine line = PhiLine.of(networks);
    if (analysis.surface() instanceof Surface surface) {
      ModelDataSurface.Optimum optimum = surface.fit().optimum(flops, candidates(networks, line));
      return new Optimal(optimum, line.phi(optimum.candidate().multiplyAdds()));
    }
    if (!(analysis.law(Axis.MULTIPLY_ADDS).outcome() instanceof Fitted law)) {
      String reason = ((Refused) analysis.law(Axis.MULTIPLY_ADDS).outcome()).reason();
      throw new TooFewObservationsException(
          String.format("Cannot say what is best for %.4g FLOPs: %s", flops, reason));
    }
    double images = analysis.law(Axis.MULTIPLY_ADDS).shared();
    if (!(images > 0)) {
      throw new TooFewObservationsException(
          String.format(
              "Cannot say what is best for %.4g FLOPs: the table does not say how many images its"
                  + " networks saw (column train_images)",
              flops));
    }
    double multiplyAdds = flops / (FLOPS_PER_MULTIPLY_ADD * images);
    return new OneAmount(
        images,
        multiplyAdds,
        line.phi(multiplyAdds),
        law.fit().errorAt(multiplyAdds),
        law.fit().predictionInterval(multiplyAdds));
  }

  /** Every φ within reach, or the table's own networks where it has no two φ. */
  private static List<ModelDataSurface.Candidate> candidates(
      List<ScaledNetwork> networks, PhiLine line) {
    List<ModelDataSurface.Candidate> candidates = new ArrayList<>();
    if (Double.isNaN(line.slope())) {
      networks.forEach(
          network ->
              candidates.add(
                  new ModelDataSurface.Candidate(
                      network.name(), network.multiplyAdds(), network.multiplyAdds())));
      return candidates;
    }
    double least = networks.stream().mapToDouble(ScaledNetwork::multiplyAdds).min().orElseThrow();
    double most = networks.stream().mapToDouble(ScaledNetwork::multiplyAdds).max().orElseThrow();
    long from = (long) Math.ceil(line.phi(least / LawFit.FARTHEST) / PHI_STEP);
    long to = (long) Math.floor(line.phi(most * LawFit.FARTHEST) / PHI_STEP);
    for (long step = from; step <= to; step++) {
      double multiplyAdds = line.multiplyAdds(step * PHI_STEP);
      candidates.add(
          new ModelDataSurface.Candidate(
              String.format("phi-%.1f", step * PHI_STEP), multiplyAdds, multiplyAdds));
    }
    return candidates;
  }

  /**
   * log2 of the multiply-adds as a straight line over φ, by least squares: what compound scaling
   * means, but for the rounding of channels, layers and pixels.
   */
  private record PhiLine(double intercept, double slope) {
    static PhiLine of(List<ScaledNetwork> networks) {
      List<ScaledNetwork> scaled = networks.stream().filter(ScaledNetwork::hasPhi).toList();
      if (scaled.stream().mapToDouble(ScaledNetwork::phi).distinct().count() < 2) {
        return new PhiLine(Double.NaN, Double.NaN);
      }
      double meanPhi = scaled.stream().mapToDouble(ScaledNetwork::phi).average().orElseThrow();
      double meanLog =
          scaled.stream().mapToDouble(n -> log2(n.multiplyAdds())).average().orElseThrow();
      double covariance = 0;
      double variance = 0;
      for (ScaledNetwork network : scaled) {
        covariance += (network.phi() - meanPhi) * (log2(network.multiplyAdds()) - meanLog);
        variance += (network.phi() - meanPhi) * (network.phi() - meanPhi);
      }
      double slope = covariance / variance;
      return new PhiLine(meanLog - slope * meanPhi, slope > 0 ? slope : Double.NaN);
    }

    double phi(double multiplyAdds) {
      return (log2(multiplyAdds) - intercept) / slope;
    }

    double multiplyAdds(double phi) {
      return Math.pow(2, intercept + slope * phi);
    }

    private static double log2(double value) {
      return Math.log(value) / Math.log(2);
    }
  }
}
