package io.phiscale.jobs.law;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A scaling law fitted to observations, with bootstrap intervals.
 *
 * <p>The fit minimises the robust squares of log errors (relative errors count, so the large
 * networks with their small errors are not drowned by the small ones). The same observations and
 * seed give the same numbers.
 */
public final class LawFit {
  /** Bootstrap resamples where nothing else is said. */
  public static final int RESAMPLES = 500;

  /** A law needs scales that differ: the largest at least this times the smallest. */
  public static final double LEAST_SPAN = 3;

  /** How far beyond the largest observed scale a law is asked, at most. */
  public static final double FARTHEST = 100;

  private final LawForm form;
  private final List<Observation> observations;
  private final double chance;
  private final double reference;
  private final double[] coefficients;
  private final Bootstrap bootstrap;
  private final long seed;

  private LawFit(
      LawForm form,
      List<Observation> observations,
      double chance,
      double reference,
      double[] coefficients,
      Bootstrap bootstrap,
      long seed) {
    this.form = form;
    this.observations = observations;
    this.chance = chance;
    this.reference = reference;
    this.coefficients = coefficients;
    this.bootstrap = bootstrap;
    this.seed = seed;
  }

  /**
   * Fits a law.
   *
   * @param form which
   * @param observations in any order
   * @param classes number of classes: guessing errs in 1 − 1/classes of the images, &gt; 1
   * @param resamples of the bootstrap, &gt;= 100
   * @param seed of the bootstrap
   * @throws TooFewObservationsException if there are fewer than {@link LawForm#pointsNeeded}
   *     different scales, or they span less than {@link #LEAST_SPAN}
   * @throws IllegalArgumentException if an error is that of guessing or worse
   */
  public static LawFit of(
      LawForm form, List<Observation> observations, int classes, int resamples, long seed) {
    if (classes < 2) {
      throw new IllegalArgumentException(
          String.format("Invalid class count: %s (must be > 1)", classes));
    }
    if (resamples < 100) {
      throw new IllegalArgumentException(
          String.format("Invalid number of resamples: %s (must be >= 100)", resamples));
    }
    List<Observation> sorted =
        observations.stream()
            .sorted(Comparator.comparingDouble(Observation::scale).thenComparing(Observation::name))
            .toList();
    requireEnough(form, sorted);
    double chance = 1 - 1.0 / classes;
    for (Observation observation : sorted) {
      if (observation.error() >= chance) {
        throw new IllegalArgumentException(
            String.format(
                "Cannot fit a law: %s errs on %.2f%% of the images, no less than guessing among %s"
                    + " classes (%.2f%%): it has learned nothing",
                observation.name(), 100 * observation.error(), classes, 100 * chance));
      }
    }
    double reference =
        Math.exp(sorted.stream().mapToDouble(o -> Math.log(o.scale())).average().orElseThrow());
    double[] x = sorted.stream().mapToDouble(o -> o.scale() / reference).toArray();
    double[] errors = sorted.stream().mapToDouble(Observation::error).toArray();
    RobustLeastSquares.Prediction prediction = (c, i) -> form.error(c, x[i], chance);
    double smallest = sorted.stream().mapToDouble(Observation::error).min().orElseThrow();
    double middle = errors[errors.length / 2];
    double[] best =
        new RobustLeastSquares(prediction, errors).fit(form.starts(smallest, middle, chance));
    Bootstrap bootstrap = Bootstrap.of(prediction, errors, best, resamples, seed);
    return new LawFit(form, sorted, chance, reference, best, bootstrap, seed);
  }

  private static void requireEnough(LawForm form, List<Observation> sorted) {
    long scales = sorted.stream().mapToDouble(Observation::scale).distinct().count();
    if (scales < form.pointsNeeded()) {
      throw new TooFewObservationsException(
          new Shortage(
              String.format("%s (%s)", form.label(), form.formula()),
              String.format(
                  "has %s coefficients and needs networks of at least %s different sizes to say"
                      + " anything",
                  form.coefficients().size(), form.pointsNeeded()),
              scales == 1 ? "there is 1" : "there are " + scales));
    }
    double span = sorted.get(sorted.size() - 1).scale() / sorted.get(0).scale();
    if (span < LEAST_SPAN) {
      throw new TooFewObservationsException(
          String.format(
              "Cannot fit %s: the largest network is %.2f times the smallest (must be at least %s"
                  + " times): a slope over so short a way is noise",
              form.label(), span, LEAST_SPAN));
    }
  }

  /** The law's form. */
  public LawForm form() {
    return form;
  }

  /** What it was fitted to, by scale. */
  public List<Observation> observations() {
    return observations;
  }

  /** The geometric mean of the observed scales: where x is 1. */
  public double reference() {
    return reference;
  }

  /**
   * The coefficients with their intervals, in the form's order; β and γ for x = scale / reference.
   */
  public List<Coefficient> coefficients() {
    return IntStream.range(0, coefficients.length)
        .mapToObj(
            i ->
                new Coefficient(
                    form.coefficients().get(i), coefficients[i], bootstrap.coefficient(i)))
        .toList();
  }

  /** One coefficient, by name. */
  public Coefficient coefficient(String name) {
    return coefficients().stream()
        .filter(c -> c.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    String.format(
                        "Unknown coefficient of %s: %s (has %s)",
                        form.label(), name, form.coefficients())));
  }

  /**
   * The fitted error at a scale.
   *
   * @param scale &gt; 0, not farther than {@link #FARTHEST} times beyond what was observed
   * @throws TooFewObservationsException if it is farther
   */
  public double errorAt(double scale) {
    requireNear(scale);
    return form.error(coefficients, scale / reference, chance);
  }

  /** The 95% interval of the curve at a scale: how sure the law is, not where one network lands. */
  public Interval curveInterval(double scale) {
    requireNear(scale);
    return bootstrap.curve(c -> form.error(c, scale / reference, chance));
  }

  /** The 95% interval of one more network's error at a scale. */
  public Interval predictionInterval(double scale) {
    requireNear(scale);
    return bootstrap.prediction(c -> form.error(c, scale / reference, chance), seed);
  }

  private void requireNear(double scale) {
    if (!(scale > 0 && Double.isFinite(scale))) {
      throw new IllegalArgumentException(
          String.format("Invalid scale: %s (must be > 0 and finite)", scale));
    }
    double largest = observations.get(observations.size() - 1).scale();
    double smallest = observations.get(0).scale();
    if (scale > largest * FARTHEST || scale < smallest / FARTHEST) {
      throw new TooFewObservationsException(
          String.format(
              "Cannot extrapolate to %.4g: more than %s times beyond what was observed (%.4g to"
                  + " %.4g)",
              scale, FARTHEST, smallest, largest));
    }
  }

  /**
   * log(observed) − log(fitted), in the order of {@link #observations()}: about relative errors.
   */
  public List<Double> residuals() {
    List<Double> residuals = new ArrayList<>();
    for (Observation observation : observations) {
      residuals.add(Math.log(observation.error()) - Math.log(errorAt(observation.scale())));
    }
    return residuals;
  }

  /** Root of the mean squared residual: 0.01 is about 1% of the error. */
  public double residualRms() {
    return Math.sqrt(residuals().stream().mapToDouble(r -> r * r).average().orElseThrow());
  }

  /**
   * Akaike's criterion, corrected for few points (Hurvich &amp; Tsai 1989), of log errors: smaller
   * is better, between forms fitted to the same observations.
   */
  public double aicc() {
    int n = observations.size();
    int k = coefficients.length + 1;
    double variance = Math.max(residualRms() * residualRms(), 1e-18);
    double correction = n - k - 1 > 0 ? 2.0 * k * (k + 1) / (n - k - 1) : Double.POSITIVE_INFINITY;
    return n * Math.log(variance) + 2 * k + correction;
  }

  /**
   * What a law fitted to all but the largest scale says of the largest.
   *
   * @param held the network that was held out: of the largest scale; the mean error where several
   *     have it
   * @param predicted its error by the law of the others
   * @param interval the 95% prediction interval
   * @param fittedTo how many observations the law saw
   */
  public record HeldOut(Observation held, double predicted, Interval interval, int fittedTo) {
    /** predicted − observed, as a share of the observed error. */
    public double relativeError() {
      return (predicted - held.error()) / held.error();
    }
  }

  /**
   * Fits the small ones and predicts the largest.
   *
   * @throws TooFewObservationsException if the small ones do not suffice for a fit
   */
  public static HeldOut holdOut(
      LawForm form, List<Observation> observations, int classes, int resamples, long seed) {
    double largest = observations.stream().mapToDouble(Observation::scale).max().orElse(0);
    List<Observation> small = observations.stream().filter(o -> o.scale() < largest).toList();
    List<Observation> large = observations.stream().filter(o -> o.scale() >= largest).toList();
    LawFit fit = of(form, small, classes, resamples, seed);
    double error = large.stream().mapToDouble(Observation::error).average().orElseThrow();
    return new HeldOut(
        new Observation(large.get(0).name(), largest, error),
        fit.errorAt(largest),
        fit.predictionInterval(largest),
        small.size());
  }
}
