package io.phiscale.model.kernels;

import java.nio.FloatBuffer;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Other shapes of the same memory. Every array is c-ordered and contiguous. */
public final class Views {

  private Views() {}

  /** The array in another shape of the same length. */
  public static INDArray shaped(INDArray array, long... shape) {
    // Not reshape('c', a, b): with several longs that is reshape(99, a, b).
    return array.reshape('c', shape);
  }

  /** All but the last dimension as one: (N, H, W, C) as (N·H·W, C). */
  public static INDArray rows(INDArray array) {
    long columns = array.size(array.rank() - 1);
    return shaped(array, array.length() / columns, columns);
  }

  /** The newest values of a contiguous float32 array in host memory, from index 0. */
  public static FloatBuffer onHost(INDArray array) {
    Nd4j.getAffinityManager().ensureLocation(array, AffinityManager.Location.HOST);
    return array
        .data()
        .asNioFloat()
        .slice(Math.toIntExact(array.offset()), Math.toIntExact(array.length()));
  }

  /** All dimensions as one. */
  public static INDArray flat(INDArray array) {
    return shaped(array, array.length());
  }
}
