package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection.Averaging.Outer;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;

/**
 * What the driver makes of an average. With x the parameters that a round started from, a the
 * workers' average, {@code d = x - a}, η the outer learning rate, µ the outer momentum and γ the
 * local learning rate:
 *
 * <pre>
 *   average   x' = a
 *   momentum  m' = µ m + d        x' = x - η m'
 *   nesterov  m' = µ m + d        x' = x - η (d + µ m')       (DiLoCo, arXiv 2311.08105)
 *   slowmo    m' = µ m + d / γ    x' = x - η γ m'             (SlowMo, arXiv 1910.00643, with µ as
 *                                                              its β and η as its α)
 * </pre>
 *
 * <p>Computed in double precision, kept in single. γ is the mean rate of the round's local steps
 * (the paper's is constant within a round); where it is 0, as at the end of a cosine, {@code x' =
 * a}. Running statistics are no parameters to extrapolate (a variance could become negative): they
 * are always {@code a}.
 *
 * @param rule which of them
 * @param learningRate η (&gt; 0); of no effect on {@code average}
 * @param momentum µ, [0, 1); of no effect on {@code average}
 */
record OuterOptimizer(Outer rule, double learningRate, double momentum) {

  /** Whether it remembers m between rounds. */
  boolean hasState() {
    return rule != Outer.AVERAGE;
  }

  /**
   * Turns an average into what the next round starts from.
   *
   * @param start x, as long as the layout
   * @param averaged a; overwritten by x'
   * @param state m; overwritten by m'; 0 before the first round, and for statistics
   * @param layout which values are running statistics
   * @param innerRate γ
   */
  void update(
      float[] start, float[] averaged, float[] state, ParameterLayout layout, double innerRate) {
    if (!hasState()) {
      return;
    }
    for (Segment segment : layout.segments()) {
      if (!segment.kind().runningStatistic()) {
        int from = segment.offset();
        int to = from + segment.length();
        switch (rule) {
          case MOMENTUM -> momentum(start, averaged, state, from, to);
          case NESTEROV -> nesterov(start, averaged, state, from, to);
          case SLOWMO -> slowMo(start, averaged, state, from, to, innerRate);
          case AVERAGE -> throw new IllegalStateException("An average has no update");
        }
      }
    }
  }

  private void momentum(float[] start, float[] averaged, float[] state, int from, int to) {
    for (int i = from; i < to; i++) {
      double delta = (double) start[i] - averaged[i];
      state[i] = (float) (momentum * state[i] + delta);
      averaged[i] = (float) (start[i] - learningRate * state[i]);
    }
  }

  private void nesterov(float[] start, float[] averaged, float[] state, int from, int to) {
    for (int i = from; i < to; i++) {
      double delta = (double) start[i] - averaged[i];
      state[i] = (float) (momentum * state[i] + delta);
      averaged[i] = (float) (start[i] - learningRate * (delta + momentum * state[i]));
    }
  }

  private void slowMo(
      float[] start, float[] averaged, float[] state, int from, int to, double innerRate) {
    for (int i = from; i < to; i++) {
      if (innerRate == 0) {
        state[i] = (float) (momentum * state[i]);
        continue;
      }
      double delta = (double) start[i] - averaged[i];
      state[i] = (float) (momentum * state[i] + delta / innerRate);
      averaged[i] = (float) (start[i] - learningRate * innerRate * state[i]);
    }
  }
}
