package io.phiscale.jobs.law;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.commons.math3.exception.TooManyEvaluationsException;
import org.apache.commons.math3.exception.TooManyIterationsException;
import org.apache.commons.math3.fitting.leastsquares.LeastSquaresBuilder;
import org.apache.commons.math3.fitting.leastsquares.LeastSquaresOptimizer;
import org.apache.commons.math3.fitting.leastsquares.LevenbergMarquardtOptimizer;
import org.apache.commons.math3.fitting.leastsquares.MultivariateJacobianFunction;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.ArrayRealVector;
import org.apache.commons.math3.linear.DiagonalMatrix;
import org.apache.commons.math3.util.Pair;

/**
 * Fits positive coefficients so that log(predicted) meets log(observed): Levenberg-Marquardt over
 * the coefficients' logarithms (Commons Math), reweighted by Huber's function (k = 1.345, scale
 * from the median absolute residual), so that one run that failed does not bend the law.
 */
final class RobustLeastSquares {
  private static final double HUBER = 1.345;
  private static final double MAD_TO_SIGMA = 1.4826;
  private static final int REWEIGHTINGS = 15;
  private static final int EVALUATIONS = 400;
  private static final double STEP = 1e-6;

  /** Logarithms of coefficients stay within ±40: e^-40 is 0 for every purpose here. */
  private static final double BOUND = 40;

  private final Prediction prediction;
  private final double[] logObserved;

  /** What a law predicts. */
  @FunctionalInterface
  interface Prediction {
    /**
     * The error of one observation.
     *
     * @param coefficients each &gt; 0
     * @param observation its index
     */
    double error(double[] coefficients, int observation);
  }

  /**
   * @param prediction the law
   * @param observed errors, each &gt; 0
   */
  RobustLeastSquares(Prediction prediction, double[] observed) {
    this.prediction = prediction;
    this.logObserved = Arrays.stream(observed).map(Math::log).toArray();
  }

  /** The best of several fits, by the sum of absolute residuals; the coefficients. */
  double[] fit(List<double[]> starts) {
    double[] best = null;
    double bestLoss = Double.POSITIVE_INFINITY;
    for (double[] start : starts) {
      Optional<double[]> found = fitFrom(start);
      if (found.isEmpty()) {
        continue;
      }
      double loss = loss(residuals(found.get()));
      if (loss < bestLoss) {
        best = found.get();
        bestLoss = loss;
      }
    }
    if (best == null) {
      throw new IllegalStateException(
          String.format(
              "Cannot fit: none of %s starts converged within %s evaluations",
              starts.size(), EVALUATIONS));
    }
    return best;
  }

  /** From one start; empty if it does not converge. */
  Optional<double[]> fitFrom(double[] start) {
    double[] theta = Arrays.stream(start).map(Math::log).toArray();
    double[] weights = new double[logObserved.length];
    Arrays.fill(weights, 1);
    for (int i = 0; i < REWEIGHTINGS; i++) {
      double[] next;
      try {
        next = solve(theta, weights);
      } catch (TooManyEvaluationsException | TooManyIterationsException e) {
        // A start from which the valley is too long; others follow.
        return Optional.empty();
      }
      double moved = 0;
      for (int k = 0; k < next.length; k++) {
        moved = Math.max(moved, Math.abs(next[k] - theta[k]));
      }
      theta = next;
      double[] residuals = residuals(exp(theta));
      double scale = scale(residuals);
      for (int n = 0; n < weights.length; n++) {
        double size = Math.abs(residuals[n]);
        weights[n] = size <= HUBER * scale ? 1 : HUBER * scale / size;
      }
      if (moved < 1e-9) {
        break;
      }
    }
    return Optional.of(exp(theta));
  }

  private double[] solve(double[] theta, double[] weights) {
    MultivariateJacobianFunction model =
        point -> {
          double[] at = point.toArray();
          double[] value = log(at);
          double[][] jacobian = new double[value.length][at.length];
          for (int k = 0; k < at.length; k++) {
            double[] up = at.clone();
            double[] down = at.clone();
            up[k] += STEP;
            down[k] -= STEP;
            double[] above = log(up);
            double[] below = log(down);
            for (int n = 0; n < value.length; n++) {
              jacobian[n][k] = (above[n] - below[n]) / (2 * STEP);
            }
          }
          return new Pair<>(
              new ArrayRealVector(value, false), new Array2DRowRealMatrix(jacobian, false));
        };
    LeastSquaresOptimizer.Optimum optimum =
        new LevenbergMarquardtOptimizer()
            .optimize(
                new LeastSquaresBuilder()
                    .start(theta)
                    .model(model)
                    .target(logObserved)
                    .weight(new DiagonalMatrix(weights))
                    .parameterValidator(p -> p.map(v -> Math.max(-BOUND, Math.min(BOUND, v))))
                    .maxEvaluations(EVALUATIONS)
                    .maxIterations(EVALUATIONS)
                    .build());
    return optimum.getPoint().toArray();
  }

  private double[] log(double[] theta) {
    double[] coefficients = exp(theta);
    double[] logs = new double[logObserved.length];
    for (int n = 0; n < logs.length; n++) {
      logs[n] = Math.log(Math.max(prediction.error(coefficients, n), Double.MIN_NORMAL));
    }
    return logs;
  }

  /** log(observed) − log(predicted). */
  double[] residuals(double[] coefficients) {
    double[] residuals = new double[logObserved.length];
    for (int n = 0; n < residuals.length; n++) {
      residuals[n] =
          logObserved[n] - Math.log(Math.max(prediction.error(coefficients, n), Double.MIN_NORMAL));
    }
    return residuals;
  }

  /** Sum of absolute residuals: robust, and comparable between fits, unlike Huber's own loss. */
  private static double loss(double[] residuals) {
    return Arrays.stream(residuals).map(Math::abs).sum();
  }

  /**
   * Never below what a logarithm is good for: an exact fit has residuals of rounding errors only.
   */
  private static double scale(double[] residuals) {
    double[] sizes = Arrays.stream(residuals).map(Math::abs).sorted().toArray();
    int half = sizes.length / 2;
    double median = sizes.length % 2 == 1 ? sizes[half] : 0.5 * (sizes[half - 1] + sizes[half]);
    return Math.max(MAD_TO_SIGMA * median, 1e-9);
  }

  private static double[] exp(double[] theta) {
    return Arrays.stream(theta).map(Math::exp).toArray();
  }
}
