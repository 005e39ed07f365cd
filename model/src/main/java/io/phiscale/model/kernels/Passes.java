package io.phiscale.model.kernels;

import java.nio.ByteBuffer;

/**
 * Passes over feature maps as matrices of (rows, channels), on one thread: what is bound by memory
 * and therefore done in as few passes as possible.
 *
 * <p>Factors and offsets are per channel, in arrays at least as long as the channels. Ranges are of
 * rows; all else of an array is left alone. An output may be one of the inputs.
 *
 * <p>Not thread-safe (an implementation may keep scratch).
 */
interface Passes {

  /**
   * sums(c) += Σ (x − pivot(c)), squares(c) += Σ (x − pivot(c))².
   *
   * @param pivot near the mean, against cancellation in the variance
   */
  void moments(
      Floats x,
      int firstRow,
      int rows,
      int channels,
      float[] pivot,
      double[] sums,
      double[] squares);

  /**
   * y = activation(factor · x + offset).
   *
   * @param resultRow row of {@code y} that belongs to {@code firstRow}
   */
  void affine(
      Floats x,
      int firstRow,
      Floats y,
      int resultRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      Activation activation);

  /**
   * With z = factor · x + offset and g = gradient · activation'(z): sums(c) += Σ g, products(c) +=
   * Σ g · (x − mean(c)).
   */
  void gradientSums(
      Floats x,
      Floats gradient,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] mean,
      Activation activation,
      double[] sums,
      double[] products);

  /**
   * With g as in {@link #gradientSums}: result = factor · g + slope · x + intercept.
   *
   * @param result may be {@code gradient}
   * @param resultRow row of {@code result} that belongs to {@code firstRow}
   */
  void gradient(
      Floats x,
      Floats gradient,
      Floats result,
      int resultRow,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] slope,
      float[] intercept,
      Activation activation);

  /** sums(c) += Σ swish(factor · x + offset). */
  void swishSums(
      Floats x,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      double[] sums);

  /**
   * y = swish(factor · x + offset) · gate.
   *
   * @param resultRow row of {@code y} that belongs to {@code firstRow}
   */
  void gatedSwish(
      Floats x,
      int firstRow,
      Floats y,
      int resultRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] gate);

  /**
   * With z = factor · x + offset: result = (gate · gradient + constant) · swish'(z), sums(c) += Σ
   * result, products(c) += Σ result · (x − mean(c)).
   *
   * @param gradientRow row of {@code gradient} that belongs to {@code firstRow}
   * @param result may be {@code gradient}; its row {@code firstRow} is written
   */
  void swishGradient(
      Floats x,
      int firstRow,
      Floats gradient,
      int gradientRow,
      Floats result,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] gate,
      float[] constant,
      float[] mean,
      double[] sums,
      double[] products);

  /**
   * With z = factor · x + offset: y = swish(z), slope = swish'(z).
   *
   * @param resultRow row of {@code y} and {@code slope} that belongs to {@code firstRow}
   */
  void swishAndSlope(
      Floats x,
      int firstRow,
      Floats y,
      Floats slope,
      int resultRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset);

  /**
   * result = gradient · slope, sums(c) += Σ result, products(c) += Σ result · (x − mean(c)): {@link
   * #swishGradient} where {@link #swishAndSlope} was before.
   *
   * @param firstRow of {@code x} and {@code result}
   * @param gradientRow row of {@code gradient} and {@code slope} that belongs to {@code firstRow}
   */
  void slopedGradient(
      Floats x,
      int firstRow,
      Floats gradient,
      Floats slope,
      int gradientRow,
      Floats result,
      int rows,
      int channels,
      float[] mean,
      double[] sums,
      double[] products);

  /** y = factor · x + offset + z, rows [firstRow, firstRow + rows) of all three. */
  void affineSum(
      Floats x,
      Floats z,
      Floats y,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset);

  /** sums(c) += Σ x · y, with row {@code secondRow} of y for row {@code firstRow} of x. */
  void productSums(
      Floats x, int firstRow, Floats y, int secondRow, int rows, int channels, double[] sums);

  /** Every row of y = values. */
  void spread(Floats y, int firstRow, int rows, int channels, float[] values);

  /** y = factor · a + b, for elements [from, from + count). */
  void scaledSum(Floats a, float factor, Floats b, Floats y, int from, int count);

  /** y = factor · a, for elements [from, from + count). */
  void scaled(Floats a, float factor, Floats y, int from, int count);

  /** y = a · b, for elements [from, from + count). */
  void product(Floats a, Floats b, Floats y, int from, int count);

  /**
   * y(to + i) = x(from + i), i < count, from bfloat16.
   *
   * @param x in native order
   */
  void widen(ByteBuffer x, int from, Floats y, int to, int count);

  /**
   * y(to + i) = x(from + i), i < count, rounded to the nearest bfloat16, to even where two are as
   * near; infinities stay, NaN stays some NaN.
   *
   * @param y in native order, written
   */
  void narrow(Floats x, int from, ByteBuffer y, int to, int count);

  /** y = sigmoid(a), for elements [from, from + count). */
  void sigmoid(Floats a, Floats y, int from, int count);
}
