package io.phiscale.model.kernels;

import io.phiscale.model.kernels.OneDnnTeam.Member;
import java.util.Arrays;

/**
 * A batch norm as passes use it: per channel, the line z = factor · x + offset, and the line of its
 * gradient.
 *
 * <p>With g the gradient of z and M the rows of the batch, the gradient of x is
 *
 * <pre>
 *   factor · (g − Σg/M − (x − mean)/σ² · Σ(g · (x − mean))/M) = factor · g + slope · x + intercept
 * </pre>
 *
 * <p>Source: arXiv 1502.03167, section 3.
 */
final class BatchNormLine {

  /** Rows whose mean is a good enough guess of a channel's mean. */
  private static final int PIVOT_ROWS = 16;

  private static final String PIVOT = "pivot";
  private static final String SUMS = "sums";
  private static final String SQUARES = "squares";

  private float[] factor = new float[0];
  private float[] offset = new float[0];
  private float[] centre = new float[0];
  private float[] slope = new float[0];
  private float[] intercept = new float[0];

  float[] factor() {
    return factor;
  }

  float[] offset() {
    return offset;
  }

  /** The channels' means. */
  float[] centre() {
    return centre;
  }

  float[] slope() {
    return slope;
  }

  float[] intercept() {
    return intercept;
  }

  // ---------------------------------------------------------------- forward

  /** Makes room for the moments of so many rows, to be given to {@link #addMoments} in pieces. */
  static void startMoments(Member member, long rows, int channels) {
    member.setRows(rows);
    member.cleared(SUMS, channels);
    member.cleared(SQUARES, channels);
    member.channels(PIVOT, channels)[0] = Float.NaN;
  }

  /** Adds rows [from, from + rows) to the member's moments. The first ones choose its pivots. */
  static void addMoments(Member member, Floats values, int from, int rows, int channels) {
    float[] pivot = member.channels(PIVOT, channels);
    if (Float.isNaN(pivot[0])) {
      pivots(pivot, values, from, rows, channels);
    }
    member
        .passes()
        .moments(
            values,
            from,
            rows,
            channels,
            pivot,
            member.sums(SUMS, channels),
            member.sums(SQUARES, channels));
  }

  /** Near the channels' means: the means of a few rows far apart. */
  private static void pivots(float[] pivot, Floats in, int from, int rows, int channels) {
    int count = Math.min(rows, PIVOT_ROWS);
    Arrays.fill(pivot, 0, channels, 0f);
    for (int i = 0; i < count; i++) {
      int at = (from + (int) ((long) rows * i / count)) * channels;
      for (int c = 0; c < channels; c++) {
        pivot[c] += in.at(at + c) / count;
      }
    }
  }

  /**
   * Mean and biased variance from the moments of members 0 to shares − 1, each around pivots of its
   * own. Source: Chan, Golub, LeVeque (1979), updating formulae.
   */
  static void combineMoments(
      OneDnnTeam team, int shares, int channels, Floats means, Floats variances) {
    long rows = 0;
    for (int part = 0; part < shares; part++) {
      rows += team.member(part).rows();
    }
    for (int c = 0; c < channels; c++) {
      double sum = 0;
      for (int part = 0; part < shares; part++) {
        Member member = team.member(part);
        sum +=
            member.sums(SUMS, channels)[c]
                + member.rows() * (double) member.channels(PIVOT, channels)[c];
      }
      double mean = sum / rows;
      double squares = 0;
      for (int part = 0; part < shares; part++) {
        Member member = team.member(part);
        double fromPivot = member.sums(SUMS, channels)[c] / member.rows();
        double fromMean = member.channels(PIVOT, channels)[c] + fromPivot - mean;
        squares +=
            member.sums(SQUARES, channels)[c]
                + member.rows() * (fromMean * fromMean - fromPivot * fromPivot);
      }
      means.put(c, (float) mean);
      variances.put(c, (float) Math.max(0, squares / rows));
    }
  }

  /** z = factor · x + offset, from what it is made of. */
  void set(int channels, double epsilon, Floats scale, Floats shift, Floats mean, Floats variance) {
    if (factor.length < channels) {
      factor = new float[channels];
      offset = new float[channels];
      centre = new float[channels];
      slope = new float[channels];
      intercept = new float[channels];
    }
    for (int c = 0; c < channels; c++) {
      double rise = scale.at(c) / Math.sqrt(variance.at(c) + epsilon);
      factor[c] = (float) rise;
      offset[c] = (float) (shift.at(c) - mean.at(c) * rise);
      centre[c] = mean.at(c);
    }
  }

  // ---------------------------------------------------------------- backward

  /**
   * The gradients of scale and shift, and the line of the gradient.
   *
   * @param sums Σ g, where g is the gradient of z
   * @param products Σ g · (x − mean)
   * @param rows M
   */
  void gradients(
      int channels,
      double epsilon,
      long rows,
      double[] sums,
      double[] products,
      Floats scale,
      Floats variance,
      Floats scaleGradient,
      Floats shiftGradient) {
    for (int c = 0; c < channels; c++) {
      double inverseStddev = 1 / Math.sqrt(variance.at(c) + epsilon);
      double normalised = products[c] * inverseStddev;
      scaleGradient.put(c, (float) normalised);
      shiftGradient.put(c, (float) sums[c]);
      double perValue = -scale.at(c) * inverseStddev / rows;
      double rise = perValue * inverseStddev * normalised;
      slope[c] = (float) rise;
      intercept[c] = (float) (perValue * sums[c] - rise * centre[c]);
    }
  }
}
