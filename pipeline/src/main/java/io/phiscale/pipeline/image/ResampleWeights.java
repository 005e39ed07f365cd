package io.phiscale.pipeline.image;

/**
 * The weights that turn one axis of {@code in} samples into {@code out}: for each output sample a
 * run of input samples and their weights, which sum to 1.
 *
 * <p>The samples may begin and end within an input sample, as with Pillow's {@code box}.
 *
 * <p>Source: {@code precompute_coeffs} of Pillow's {@code libImaging/Resample.c}: with scale = in /
 * out and filter scale = max(scale, 1), output i has its centre at (i + 1/2) scale and weighs input
 * j by kernel((j + 1/2 - centre) / filter scale), over the inputs within support * filter scale of
 * the centre that exist. {@link Interpolation#NEAREST} is the one input under the centre.
 */
final class ResampleWeights {
  private final int in;
  private final double from;
  private final double to;
  private final int out;
  private final Interpolation interpolation;
  private final int tapsPerOutput;
  private final int[] first;
  private final int[] taps;
  private final float[] weights;

  /**
   * @param in number of input samples
   * @param from where the axis begins, in input samples from the first one's edge, [0, 1)
   * @param to where it ends, (in - 1, in]
   * @param out number of output samples
   * @param interpolation the kernel
   */
  ResampleWeights(int in, double from, double to, int out, Interpolation interpolation) {
    this.in = in;
    this.from = from;
    this.to = to;
    this.out = out;
    this.interpolation = interpolation;
    this.first = new int[out];
    this.taps = new int[out];
    double scale = (to - from) / out;
    if (interpolation == Interpolation.NEAREST) {
      tapsPerOutput = 1;
      weights = new float[out];
      for (int i = 0; i < out; i++) {
        first[i] = Math.min(in - 1, (int) (from + (i + 0.5) * scale));
        taps[i] = 1;
        weights[i] = 1f;
      }
      return;
    }
    double filterScale = Math.max(scale, 1.0);
    double support = interpolation.support() * filterScale;
    tapsPerOutput = (int) Math.ceil(support) * 2 + 1;
    weights = new float[out * tapsPerOutput];
    double[] row = new double[tapsPerOutput];
    for (int i = 0; i < out; i++) {
      double centre = from + (i + 0.5) * scale;
      int start = Math.max(0, (int) (centre - support + 0.5));
      int count = Math.min(in, (int) (centre + support + 0.5)) - start;
      double sum = 0;
      for (int k = 0; k < count; k++) {
        row[k] = interpolation.weight((start + k - centre + 0.5) / filterScale);
        sum += row[k];
      }
      for (int k = 0; k < count; k++) {
        weights[i * tapsPerOutput + k] = (float) (row[k] / sum);
      }
      first[i] = start;
      taps[i] = count;
    }
  }

  boolean isFor(
      int otherIn,
      double otherFrom,
      double otherTo,
      int otherOut,
      Interpolation otherInterpolation) {
    return in == otherIn
        && from == otherFrom
        && to == otherTo
        && out == otherOut
        && interpolation == otherInterpolation;
  }

  /** Number of output samples. */
  int outputs() {
    return out;
  }

  /** First input sample of output {@code i}. */
  int first(int i) {
    return first[i];
  }

  /** Number of input samples of output {@code i}. */
  int taps(int i) {
    return taps[i];
  }

  /** The largest number of input samples of an output, at most. */
  int mostTaps() {
    return tapsPerOutput;
  }

  /** Index into {@link #weights()} of the first weight of output {@code i}. */
  int offset(int i) {
    return i * tapsPerOutput;
  }

  /** All weights. Not to be written to. */
  float[] weights() {
    return weights;
  }
}
