package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * A study: networks that differ along axes, trained and evaluated alike.
 *
 * @param axes what is varied at each φ, distinct, not empty
 * @param phi the compound coefficients, in the order of the table, distinct, not empty
 * @param search the grid of α, β, γ
 * @param seeds distinct; empty: that of {@code train}
 * @param dataFractions shares of the training images, (0, 1], distinct; empty: that of {@code
 *     train}
 * @param budget how much a cell trains
 * @param concurrent cells at a time, &gt;= 0; 0: as many as there is room for
 * @param calibrationSteps training steps of a network that an estimate times at most, &gt; 0
 * @param output folder of the runs and of the tables
 */
public record StudySection(
    List<Axis> axes,
    List<Double> phi,
    Search search,
    List<Long> seeds,
    List<Double> dataFractions,
    Budget budget,
    int concurrent,
    int calibrationSteps,
    URI output)
    implements Serializable {

  public StudySection {
    axes = List.copyOf(axes);
    phi = List.copyOf(phi);
    seeds = List.copyOf(seeds);
    dataFractions = List.copyOf(dataFractions);
    new SectionRules("study")
        .require(!axes.isEmpty(), "axes", axes, "a list of axes, not empty")
        .require(distinct(axes), "axes", words(axes), "without repetition")
        .require(!phi.isEmpty(), "phi", phi, "a list of numbers, not empty")
        .require(distinct(phi), "phi", phi, "without repetition")
        .require(
            phi.stream().allMatch(value -> Double.isFinite(value) && Math.abs(value) <= 20),
            "phi",
            phi,
            "within [-20, 20]")
        .require(
            search.isEmpty() || axes.equals(List.of(Axis.COMPOUND)),
            "axes",
            words(axes),
            "[compound] where study.search is a grid: equal FLOPs would be those of several"
                + " compound networks")
        .require(
            search.isEmpty() || phi.size() == 1,
            "phi",
            phi,
            "one value where study.search is a grid: constants are compared at one phi, 1 in the"
                + " paper")
        .require(
            search.keep() == 1 || budget.values() > 1,
            "search.keep",
            search.keep(),
            "1 where study.budget has not several values to go on to")
        .require(distinct(seeds), "seeds", seeds, "without repetition")
        .require(distinct(dataFractions), "data-fractions", dataFractions, "without repetition")
        .require(
            dataFractions.stream().allMatch(fraction -> fraction > 0 && fraction <= 1),
            "data-fractions",
            dataFractions,
            "in (0, 1]")
        .notNegative("concurrent", concurrent)
        .positive("calibration-steps", calibrationSteps)
        .verify();
  }

  private static boolean distinct(List<?> values) {
    return values.stream().distinct().count() == values.size();
  }

  private static List<String> words(List<Axis> axes) {
    return axes.stream().map(KeyReader::kebab).toList();
  }

  /** What grows with φ. */
  public enum Axis {
    /** Depth, width and resolution together. */
    COMPOUND,
    /** Depth alone, at the multiply-adds of the compound network. */
    DEPTH,
    /** Width alone, at the multiply-adds of the compound network. */
    WIDTH,
    /** Resolution alone, at the multiply-adds of the compound network. */
    RESOLUTION
  }

  /**
   * Constants of compound scaling to try: the grid's points under the constraint {@code |α·β²·γ² −
   * product| <= tolerance} (Tan &amp; Le 2019, equation 3).
   *
   * @param alpha depth per φ, each &gt;= 1, distinct; may be empty
   * @param beta width per φ
   * @param gamma resolution per φ
   * @param product &gt; 0
   * @param tolerance &gt;= 0
   * @param keep share of the constants that goes on from one budget to the next, (0, 1]
   */
  public record Search(
      List<Double> alpha,
      List<Double> beta,
      List<Double> gamma,
      double product,
      double tolerance,
      double keep)
      implements Serializable {

    /** Keeps a sum of decimals such as 1.2 · 1.1² · 1.15² from missing a bound by its last bit. */
    private static final double ROUNDING = 1e-9;

    public Search {
      alpha = List.copyOf(alpha);
      beta = List.copyOf(beta);
      gamma = List.copyOf(gamma);
      Predicate<List<Double>> grow =
          values -> values.stream().allMatch(value -> value >= 1 && Double.isFinite(value));
      new SectionRules("study.search")
          .require(grow.test(alpha), "alpha", alpha, "a list of numbers >= 1")
          .require(grow.test(beta), "beta", beta, "a list of numbers >= 1")
          .require(grow.test(gamma), "gamma", gamma, "a list of numbers >= 1")
          .require(distinct(alpha), "alpha", alpha, "without repetition")
          .require(distinct(beta), "beta", beta, "without repetition")
          .require(distinct(gamma), "gamma", gamma, "without repetition")
          .positive("product", product)
          .notNegative("tolerance", tolerance)
          .require(keep > 0 && keep <= 1, "keep", keep, "in (0, 1]")
          .verify();
    }

    /** Whether nothing is searched. */
    public boolean isEmpty() {
      return Stream.of(alpha, beta, gamma).allMatch(List::isEmpty);
    }

    /** Whether constants are near enough to the product. */
    public boolean admits(NetworkSection.Coefficients constants) {
      return Math.abs(growth(constants) - product) <= tolerance + ROUNDING;
    }

    /** α·β²·γ². */
    public static double growth(NetworkSection.Coefficients constants) {
      return constants.alpha()
          * constants.beta()
          * constants.beta()
          * constants.gamma()
          * constants.gamma();
    }
  }

  /**
   * How much each cell trains; at most one of the lists has values, none: {@code train.epochs}.
   *
   * @param epochs passes over the training images, each &gt; 0
   * @param images repeats counted, each &gt; 0
   * @param flops 6 · multiply-adds · images, each &gt; 0
   */
  public record Budget(List<Integer> epochs, List<Long> images, List<Double> flops)
      implements Serializable {
    /** How many values there are. */
    int values() {
      return epochs.size() + images.size() + flops.size();
    }

    public Budget {
      epochs = List.copyOf(epochs);
      images = List.copyOf(images);
      flops = List.copyOf(flops);
      long lists = Stream.of(epochs, images, flops).filter(list -> !list.isEmpty()).count();
      new SectionRules("study.budget")
          .require(epochs.stream().allMatch(value -> value > 0), "epochs", epochs, "> 0")
          .require(images.stream().allMatch(value -> value > 0), "images", images, "> 0")
          .require(
              flops.stream().allMatch(value -> value > 0 && Double.isFinite(value)),
              "flops",
              flops,
              "> 0")
          .require(distinct(epochs), "epochs", epochs, "without repetition")
          .require(distinct(images), "images", images, "without repetition")
          .require(distinct(flops), "flops", flops, "without repetition")
          .require(
              lists <= 1,
              flops.isEmpty() ? "images" : "flops",
              flops.isEmpty() ? images : flops,
              "[] where "
                  + (epochs.isEmpty() ? "study.budget.images" : "study.budget.epochs")
                  + " is set: a budget is in epochs, images or FLOPs")
          .verify();
    }
  }

  /**
   * How many tasks at a time the cells want of a process that is all there is to run them.
   *
   * @param workers of one cell
   * @param cores that the process has
   */
  public int slots(int workers, int cores) {
    return workers * (concurrent > 0 ? concurrent : Math.max(1, cores / workers));
  }
}
