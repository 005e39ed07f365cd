package io.phiscale.jobs.train;

import io.phiscale.jobs.train.Contribution.Packed;
import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.jobs.train.Contribution.Slice;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;
import scala.Tuple2;

/**
 * Averages the workers' slices, weighted by examples: {@code x = sum(w_i x_i) / sum(w_i)}, in
 * double precision, in the order of the workers. Of compressed slices it averages what they decode
 * to: deltas and values.
 *
 * <p>Input: one partition of contributions sorted by {@link SliceKey}. Holds one accumulated slice
 * at a time, never a replica. Since weights are integers below 2^29 and values have 24 significant
 * bits, every product is exact in double precision; replicas that agree average to themselves bit
 * for bit as long as the weights' sum stays below 2^29 as well. The result does not depend on how
 * the vector is cut into slices, nor on the number of partitions.
 */
final class SliceAveraging
    implements FlatMapFunction<Iterator<Tuple2<SliceKey, Contribution>>, Contribution> {
  private static final long serialVersionUID = 1L;

  @Override
  public Iterator<Contribution> call(Iterator<Tuple2<SliceKey, Contribution>> sorted) {
    List<Contribution> averaged = new ArrayList<>();
    int slice = SliceKey.REPORT;
    double[] sums = new double[0];
    long weight = 0;
    while (sorted.hasNext()) {
      Contribution contribution = sorted.next()._2();
      if (contribution instanceof Report report) {
        averaged.add(report);
        continue;
      }
      Slice part = contribution instanceof Packed packed ? packed.unpacked() : (Slice) contribution;
      if (part.slice() != slice) {
        if (weight > 0) {
          averaged.add(divide(slice, weight, sums));
        }
        slice = part.slice();
        sums = new double[part.values().length()];
        weight = 0;
      }
      weight += part.weight();
      add(sums, (double) part.weight(), part.values().values());
    }
    if (weight > 0) {
      averaged.add(divide(slice, weight, sums));
    }
    return averaged.iterator();
  }

  private static void add(double[] sums, double weight, float[] values) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += weight * values[i];
    }
  }

  private static Slice divide(int slice, long weight, double[] sums) {
    float[] values = new float[sums.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (sums[i] / weight);
    }
    return new Slice(slice, weight, new FloatVector(values));
  }
}
