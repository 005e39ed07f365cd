package io.phiscale.jobs.law;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Error over model size and data together: ε(N, D) = ε∞ + A·n^−a + B·d^−b, with n = N / mean N and
 * d = D / mean D (geometric means). Source: Hoffmann et al. 2022, arXiv 2203.15556, equation 2
 * (there of a loss).
 */
public final class ModelDataSurface {
  private static final List<String> NAMES = List.of("A", "a", "B", "b", "floor");
  private static final int LEAST_POINTS = NAMES.size() + 2;
  private static final int LEAST_LEVELS = 3;

  private final List<Point> points;
  private final double sizeReference;
  private final double imagesReference;
  private final double[] coefficients;
  private final Bootstrap bootstrap;

  private ModelDataSurface(
      List<Point> points,
      double sizeReference,
      double imagesReference,
      double[] coefficients,
      Bootstrap bootstrap) {
    this.points = points;
    this.sizeReference = sizeReference;
    this.imagesReference = imagesReference;
    this.coefficients = coefficients;
    this.bootstrap = bootstrap;
  }

  /**
   * One trained network.
   *
   * @param name which
   * @param size multiply-adds or parameters, &gt; 0
   * @param images images seen in training, &gt; 0
   * @param error as in {@link Observation}
   */
  public record Point(String name, double size, double images, double error) {
    public Point {
      if (!(size > 0 && images > 0 && Double.isFinite(size) && Double.isFinite(images))) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid size and images of %s: %s and %s (must be > 0 and finite)",
                name, size, images));
      }
      Observation.requireError(name, error);
    }
  }

  /**
   * Fits the surface.
   *
   * @throws TooFewObservationsException with fewer than 7 points, or fewer than 3 sizes or amounts
   *     of images
   */
  public static ModelDataSurface of(List<Point> points, int resamples, long seed) {
    long sizes = points.stream().mapToDouble(Point::size).distinct().count();
    long amounts = points.stream().mapToDouble(Point::images).distinct().count();
    if (points.size() < LEAST_POINTS || sizes < LEAST_LEVELS || amounts < LEAST_LEVELS) {
      throw new TooFewObservationsException(
          new Shortage(
              "error over model and data",
              String.format(
                  "needs at least %s points of %s sizes and %s amounts of images",
                  LEAST_POINTS, LEAST_LEVELS, LEAST_LEVELS),
              String.format(
                  "there %s %s of %s and %s",
                  points.size() == 1 ? "is" : "are",
                  counted(points.size(), "point"),
                  counted(sizes, "size"),
                  counted(amounts, "amount"))));
    }
    double sizeReference = geometricMean(points.stream().mapToDouble(Point::size).toArray());
    double imagesReference = geometricMean(points.stream().mapToDouble(Point::images).toArray());
    double[] errors = points.stream().mapToDouble(Point::error).toArray();
    List<Point> all = List.copyOf(points);
    RobustLeastSquares.Prediction prediction =
        (c, i) ->
            error(c, all.get(i).size() / sizeReference, all.get(i).images() / imagesReference);
    double smallest = points.stream().mapToDouble(Point::error).min().orElseThrow();
    List<double[]> starts = new ArrayList<>();
    for (double floor : new double[] {0.01, 0.3, 0.7}) {
      for (double a : new double[] {0.1, 0.4, 1}) {
        for (double b : new double[] {0.1, 0.4, 1}) {
          double rest = smallest * (1 - floor) / 2;
          starts.add(new double[] {rest, a, rest, b, smallest * floor});
        }
      }
    }
    double[] best = new RobustLeastSquares(prediction, errors).fit(starts);
    return new ModelDataSurface(
        all,
        sizeReference,
        imagesReference,
        best,
        Bootstrap.of(prediction, errors, best, resamples, seed));
  }

  private static String counted(long number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }

  private static double geometricMean(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += Math.log(value);
    }
    return Math.exp(sum / values.length);
  }

  private static double error(double[] c, double n, double d) {
    return c[4] + c[0] * Math.pow(n, -c[1]) + c[2] * Math.pow(d, -c[3]);
  }

  /** The observations. */
  public List<Point> points() {
    return points;
  }

  /** A, a, B, b and the floor ε∞, with 95% bootstrap intervals. */
  public List<Coefficient> coefficients() {
    return IntStream.range(0, NAMES.size())
        .mapToObj(i -> new Coefficient(NAMES.get(i), coefficients[i], bootstrap.coefficient(i)))
        .toList();
  }

  /** The fitted error. */
  public double errorAt(double size, double images) {
    return error(coefficients, size / sizeReference, images / imagesReference);
  }

  /** Its 95% interval. */
  public Interval interval(double size, double images) {
    return bootstrap.curve(c -> error(c, size / sizeReference, images / imagesReference));
  }

  /**
   * A network that could be trained.
   *
   * @param name which
   * @param size in the unit of the points' sizes
   * @param multiplyAdds of one forward pass of one image, &gt; 0
   */
  public record Candidate(String name, double size, double multiplyAdds) {}

  /**
   * The best use of a budget.
   *
   * @param candidate which network
   * @param images how many images it then sees
   * @param error what the surface says of it
   * @param interval the 95% interval of that
   */
  public record Optimum(Candidate candidate, double images, double error, Interval interval) {}

  /**
   * The candidate with the smallest fitted error when all of a budget goes into it. A training step
   * costs three forward passes (backward: two), and a multiply-add is two FLOPs: 6·MACs per image.
   *
   * @param budgetFlops &gt; 0
   * @param candidates not empty
   * @throws TooFewObservationsException if every candidate would lie more than 100 times beyond the
   *     observed sizes or images
   */
  public Optimum optimum(double budgetFlops, List<Candidate> candidates) {
    if (!(budgetFlops > 0 && Double.isFinite(budgetFlops))) {
      throw new IllegalArgumentException(
          String.format("Invalid budget: %s FLOPs (must be > 0 and finite)", budgetFlops));
    }
    Optimum best = null;
    for (Candidate candidate : candidates) {
      double images = budgetFlops / (6 * candidate.multiplyAdds());
      if (!near(candidate.size(), Point::size) || !near(images, Point::images)) {
        continue;
      }
      double error = errorAt(candidate.size(), images);
      if (best == null || error < best.error()) {
        best = new Optimum(candidate, images, error, interval(candidate.size(), images));
      }
    }
    if (best == null) {
      throw new TooFewObservationsException(
          String.format(
              "Cannot say what is best for %.4g FLOPs: each of %s networks would be more than %s times"
                  + " beyond the observed sizes or numbers of images",
              budgetFlops, candidates.size(), LawFit.FARTHEST));
    }
    return best;
  }

  private boolean near(double value, java.util.function.ToDoubleFunction<Point> of) {
    double low = points.stream().mapToDouble(of).min().orElseThrow();
    double high = points.stream().mapToDouble(of).max().orElseThrow();
    return value >= low / LawFit.FARTHEST && value <= high * LawFit.FARTHEST;
  }
}
