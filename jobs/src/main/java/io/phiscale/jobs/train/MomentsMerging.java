package io.phiscale.jobs.train;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;
import scala.Tuple2;

/**
 * Merges the moments of batches into those of all their images, by the law of total variance:
 *
 * <pre>
 *   mean     = sum(n_b mean_b) / sum(n_b)
 *   variance = sum(n_b (variance_b + (mean_b - mean)^2)) / sum(n_b)
 * </pre>
 *
 * <p>In double precision, in the order of the batches, pairwise as Chan et al. (1983) do, so that
 * nothing cancels. Input: one partition of moments sorted by {@link SliceKey} (slice, batch). Holds
 * one slice at a time; the result does not depend on the number of partitions.
 */
final class MomentsMerging
    implements FlatMapFunction<Iterator<Tuple2<SliceKey, BatchMoments>>, BatchMoments> {
  private static final long serialVersionUID = 1L;

  @Override
  public Iterator<BatchMoments> call(Iterator<Tuple2<SliceKey, BatchMoments>> sorted) {
    List<BatchMoments> merged = new ArrayList<>();
    Sums sums = null;
    while (sorted.hasNext()) {
      BatchMoments batch = sorted.next()._2();
      if (sums == null || sums.slice != batch.slice()) {
        if (sums != null) {
          merged.add(sums.moments());
        }
        sums = new Sums(batch.slice(), batch.means().length());
      }
      sums.add(batch);
    }
    if (sums != null) {
      merged.add(sums.moments());
    }
    return merged.iterator();
  }

  /** Of one slice so far. */
  private static final class Sums {
    private final int slice;
    private final double[] means;

    /** Sums of squared distances from the mean, per image. */
    private final double[] squares;

    private long examples;

    Sums(int slice, int channels) {
      this.slice = slice;
      means = new double[channels];
      squares = new double[channels];
    }

    void add(BatchMoments batch) {
      double weight = batch.examples();
      double total = examples + weight;
      float[] batchMeans = batch.means().values();
      float[] batchVariances = batch.variances().values();
      for (int c = 0; c < means.length; c++) {
        double distance = batchMeans[c] - means[c];
        means[c] += distance * (weight / total);
        squares[c] +=
            weight * batchVariances[c] + distance * distance * (examples * (weight / total));
      }
      examples += batch.examples();
    }

    BatchMoments moments() {
      float[] mean = new float[means.length];
      float[] variance = new float[means.length];
      for (int c = 0; c < mean.length; c++) {
        mean[c] = (float) means[c];
        variance[c] = (float) (squares[c] / examples);
      }
      return new BatchMoments(slice, examples, new FloatVector(mean), new FloatVector(variance));
    }
  }
}
