package io.phiscale.jobs.law;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * What a table of networks says about scaling: a law of error against multiply-adds, parameters and
 * training images, each with its interval and the test of predicting the largest from the others,
 * the error over size and images together, and the networks that no other one beats. Where the
 * table says too little, the reason stands in place of the law.
 *
 * <p>Networks that a φ describes are a family of their own: if there are any, size laws are of them
 * alone. A law over size is fitted to networks that saw equally many images, one over images to
 * networks of one size: else it would mix two causes.
 *
 * @param laws one for each {@link Axis}, in its order
 * @param surface the error over multiply-adds and images
 * @param frontier of all networks, by multiply-adds
 */
public record LawAnalysis(List<AxisLaw> laws, SurfaceOutcome surface, List<Observation> frontier) {

  /** The forms that are tried where none is asked for; M4 needs a minute and points near chance. */
  private static final List<LawForm> TRIED =
      List.of(LawForm.POWER, LawForm.OFFSET, LawForm.SATURATING);

  /** Of fits that are compared by what they leave over; the intervals are the best one's. */
  private static final int FEWEST_RESAMPLES = 100;

  public LawAnalysis {
    laws = List.copyOf(laws);
    frontier = List.copyOf(frontier);
  }

  /** What a law is over. */
  public enum Axis {
    /** Of one forward pass of one image. */
    MULTIPLY_ADDS("multiply-adds"),
    /** Trainable ones. */
    PARAMETERS("parameters"),
    /** Seen in training, repeats counted. */
    IMAGES("training images");

    private final String label;

    Axis(String label) {
      this.label = label;
    }

    /** In words. */
    public String label() {
      return label;
    }

    double of(ScaledNetwork network) {
      return switch (this) {
        case MULTIPLY_ADDS -> network.multiplyAdds();
        case PARAMETERS -> network.parameters();
        case IMAGES -> network.images();
      };
    }
  }

  /**
   * A law over one axis, or why there is none.
   *
   * @param axis over what
   * @param basis which networks it is of, in words
   * @param shared what they have in common: images of a law over size, multiply-adds of one over
   *     images; NaN if unknown
   * @param outcome the law or the reason
   */
  public record AxisLaw(Axis axis, String basis, double shared, Outcome outcome) {}

  /** A law, or why there is none. */
  public sealed interface Outcome permits Fitted, Refused {}

  /**
   * A law.
   *
   * @param fit the law, of the form with the smallest {@link LawFit#aicc} unless one was asked for
   * @param extrapolation how well the smaller networks predict the largest
   */
  public record Fitted(LawFit fit, Extrapolation extrapolation) implements Outcome {}

  /**
   * No law.
   *
   * @param reason a sentence
   * @param shortage what of that is too few points; empty where something else is wrong
   */
  public record Refused(String reason, Optional<Shortage> shortage)
      implements Outcome, SurfaceOutcome, Extrapolation {

    static Refused because(RuntimeException cause) {
      return new Refused(
          cause.getMessage(),
          cause instanceof TooFewObservationsException few ? few.shortage() : Optional.empty());
    }
  }

  /** A test on the largest network, or why there is none. */
  public sealed interface Extrapolation permits Tested, Refused {}

  /**
   * A test on the largest network.
   *
   * @param heldOut prediction and observation
   */
  public record Tested(LawFit.HeldOut heldOut) implements Extrapolation {}

  /** Error over size and images, or why it is not known. */
  public sealed interface SurfaceOutcome permits Surface, Refused {}

  /**
   * Error over size and images.
   *
   * @param fit of multiply-adds and images
   */
  public record Surface(ModelDataSurface fit) implements SurfaceOutcome {}

  /**
   * How laws are fitted.
   *
   * @param forms what is tried, the one with the fewest coefficients first; not empty
   * @param classes number of classes, &gt; 1
   * @param resamples of the bootstrap, &gt;= 100
   * @param seed of the bootstrap
   */
  public record Settings(List<LawForm> forms, int classes, int resamples, long seed) {
    public Settings {
      forms = List.copyOf(forms);
      if (forms.isEmpty()) {
        throw new IllegalArgumentException("Invalid forms: [] (must not be empty)");
      }
    }

    /** M1 to M3, {@link LawFit#RESAMPLES} resamples. */
    public static Settings of(int classes) {
      return new Settings(TRIED, classes, LawFit.RESAMPLES, 0);
    }

    /** The same with one form. */
    public Settings withForm(LawForm form) {
      return new Settings(List.of(form), classes, resamples, seed);
    }
  }

  /**
   * Analyses a table.
   *
   * @param networks one for each trained network and seed, in any order; not empty
   */
  public static LawAnalysis of(List<ScaledNetwork> networks, Settings settings) {
    if (networks.isEmpty()) {
      throw new IllegalArgumentException("Cannot fit a law: there are no networks");
    }
    List<ScaledNetwork> family =
        networks.stream().anyMatch(ScaledNetwork::hasPhi)
            ? networks.stream().filter(ScaledNetwork::hasPhi).toList()
            : networks;
    String kind = family.size() < networks.size() ? "networks that a φ describes" : "networks";
    List<AxisLaw> laws = new ArrayList<>();
    for (Axis axis : Axis.values()) {
      ToDoubleFunction<ScaledNetwork> constant =
          axis == Axis.IMAGES ? ScaledNetwork::multiplyAdds : ScaledNetwork::images;
      List<ScaledNetwork> alike = mostAlike(family, constant, axis);
      String basis =
          alike.size() == networks.size()
              ? String.format("all %s networks", networks.size())
              : String.format(
                  "%s of %s networks: %s %s",
                  alike.size(),
                  networks.size(),
                  kind,
                  axis == Axis.IMAGES ? "of one size" : "that saw equally many images");
      double shared = constant.applyAsDouble(alike.get(0));
      laws.add(new AxisLaw(axis, basis, shared, law(alike, axis, settings)));
    }
    return new LawAnalysis(laws, surface(family, settings), frontier(networks));
  }

  /** The law over one axis. */
  public AxisLaw law(Axis axis) {
    return laws.stream().filter(law -> law.axis() == axis).findFirst().orElseThrow();
  }

  /** The largest group of one value; of groups with as many sizes, that of the largest value. */
  private static List<ScaledNetwork> mostAlike(
      List<ScaledNetwork> networks, ToDoubleFunction<ScaledNetwork> constant, Axis axis) {
    Map<Double, List<ScaledNetwork>> groups =
        networks.stream()
            .collect(
                Collectors.groupingBy(
                    network -> constant.applyAsDouble(network), TreeMap::new, Collectors.toList()));
    return groups.entrySet().stream()
        .max(
            Comparator.<Map.Entry<Double, List<ScaledNetwork>>>comparingLong(
                    group -> group.getValue().stream().mapToDouble(axis::of).distinct().count())
                .thenComparing(Map.Entry::getKey))
        .orElseThrow()
        .getValue();
  }

  private static Outcome law(List<ScaledNetwork> networks, Axis axis, Settings settings) {
    List<Observation> observations = new ArrayList<>();
    if (networks.stream().anyMatch(network -> Double.isNaN(axis.of(network)))) {
      return new Refused("the table does not say how many each network has", Optional.empty());
    }
    try {
      for (ScaledNetwork network : networks) {
        observations.add(new Observation(network.name(), axis.of(network), network.error()));
      }
      LawFit best = null;
      RuntimeException refusal = null;
      for (LawForm form : settings.forms()) {
        try {
          LawFit fit =
              LawFit.of(form, observations, settings.classes(), FEWEST_RESAMPLES, settings.seed());
          best = best == null || fit.aicc() < best.aicc() ? fit : best;
        } catch (TooFewObservationsException | IllegalStateException e) {
          // Too few points for a form with more coefficients, or they do not determine it; what the
          // first one lacks is what the table lacks.
          refusal = refusal == null ? e : refusal;
        }
      }
      if (best == null) {
        return Refused.because(refusal);
      }
      LawFit fit =
          LawFit.of(
              best.form(), observations, settings.classes(), settings.resamples(), settings.seed());
      return new Fitted(fit, extrapolation(fit, observations, settings));
    } catch (IllegalArgumentException | IllegalStateException e) {
      return Refused.because(e);
    }
  }

  private static Extrapolation extrapolation(
      LawFit fit, List<Observation> observations, Settings settings) {
    try {
      return new Tested(
          LawFit.holdOut(
              fit.form(), observations, settings.classes(), settings.resamples(), settings.seed()));
    } catch (IllegalArgumentException | IllegalStateException e) {
      return Refused.because(e);
    }
  }

  private static SurfaceOutcome surface(List<ScaledNetwork> networks, Settings settings) {
    try {
      return new Surface(
          ModelDataSurface.of(
              networks.stream()
                  .map(
                      network ->
                          new ModelDataSurface.Point(
                              network.name(),
                              network.multiplyAdds(),
                              network.images(),
                              network.error()))
                  .toList(),
              settings.resamples(),
              settings.seed()));
    } catch (IllegalArgumentException | IllegalStateException e) {
      return Refused.because(e);
    }
  }

  private static List<Observation> frontier(List<ScaledNetwork> networks) {
    return ParetoFrontier.of(
        networks.stream()
            .filter(network -> network.multiplyAdds() > 0)
            .filter(network -> network.error() > 0 && network.error() < 1)
            .map(
                network -> new Observation(network.name(), network.multiplyAdds(), network.error()))
            .toList());
  }
}
