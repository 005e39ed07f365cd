package io.phiscale.jobs.train;

import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;

/**
 * The order in which compressed replicas travel: what the optimizer changes first, whose deltas are
 * compressed; then the running statistics, whose values are not.
 *
 * @param layout of the parameters in their own order
 */
record WireOrder(ParameterLayout layout) {

  /** Values that are compressed. */
  int deltas() {
    return layout.trainableLength();
  }

  /** Values that are not. */
  int statistics() {
    return layout.length() - deltas();
  }

  /** Changes of what the optimizer changes: local less start, in the wire's order. */
  float[] deltas(float[] start, float[] local) {
    float[] deltas = new float[deltas()];
    int at = 0;
    for (Segment segment : layout.segments()) {
      if (!segment.kind().runningStatistic()) {
        for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
          deltas[at++] = local[i] - start[i];
        }
      }
    }
    return deltas;
  }

  /** The running statistics, followed by other values. */
  float[] statistics(float[] local, float[] others) {
    float[] values = new float[statistics() + others.length];
    int at = 0;
    for (Segment segment : layout.segments()) {
      if (segment.kind().runningStatistic()) {
        System.arraycopy(local, segment.offset(), values, at, segment.length());
        at += segment.length();
      }
    }
    System.arraycopy(others, 0, values, at, others.length);
    return values;
  }

  /**
   * Parameters in their own order: start plus delta, in double precision, rounded once; and the
   * running statistics.
   *
   * @param start what the round started from
   * @param deltas in the wire's order
   * @param statistics in the wire's order; what follows them is not read
   */
  float[] parameters(float[] start, float[] deltas, float[] statistics) {
    float[] parameters = new float[layout.length()];
    int delta = 0;
    int statistic = 0;
    for (Segment segment : layout.segments()) {
      if (segment.kind().runningStatistic()) {
        System.arraycopy(statistics, statistic, parameters, segment.offset(), segment.length());
        statistic += segment.length();
      } else {
        for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
          parameters[i] = (float) ((double) start[i] + deltas[delta++]);
        }
      }
    }
    return parameters;
  }
}
