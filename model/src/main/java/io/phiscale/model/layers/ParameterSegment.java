package io.phiscale.model.layers;

import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One named part of a layer's parameters.
 *
 * @param key in DL4J's parameter table, e.g. {@code expand.gamma}; without underscore, at which
 *     DL4J splits the layer's name from the key
 * @param path in a {@link io.phiscale.model.spec.ParameterLayout}, below the layer's name, e.g.
 *     {@code expand/batch_norm/scale}
 * @param kind what it holds
 * @param shape of the array, c-order
 * @param fanOut of a weight: kernel height · kernel width · outputs / groups; 1 for everything else
 */
public record ParameterSegment(
    String key, String path, Kind kind, List<Integer> shape, int fanOut) {

  public ParameterSegment {
    shape = List.copyOf(shape);
  }

  static ParameterSegment weight(String key, String path, Kind kind, int fanOut, Integer... shape) {
    return new ParameterSegment(key, path, kind, List.of(shape), fanOut);
  }

  static ParameterSegment vector(String key, String path, Kind kind, int length) {
    return new ParameterSegment(key, path, kind, List.of(length), 1);
  }

  /** Number of elements. */
  public int length() {
    return shape.stream().mapToInt(Integer::intValue).reduce(1, Math::multiplyExact);
  }

  long[] shapeArray() {
    return shape.stream().mapToLong(Integer::longValue).toArray();
  }

  /**
   * Gives an array its value before the first step: convolutions normal with variance 2 / fanOut,
   * the classifier uniform in ± 1/√fanOut, scales and running variances 1, everything else 0.
   *
   * <p>Source: tensorflow/tpu {@code efficientnet_model.py}, {@code conv_kernel_initializer} and
   * {@code dense_kernel_initializer}.
   *
   * @param array of {@link #shape}
   * @param seed of the network
   * @param layer name of the layer
   */
  void initialise(INDArray array, long seed, String layer) {
    switch (kind) {
      case BATCH_NORM_SCALE, RUNNING_VARIANCE -> array.assign(1);
      case BIAS, BATCH_NORM_SHIFT, RUNNING_MEAN -> array.assign(0);
      case CONVOLUTION_WEIGHT, DENSE_WEIGHT -> {
        CounterRandom random = new CounterRandom(seed, layer + "/" + path);
        float[] values = new float[length()];
        double stddev = Math.sqrt(2.0 / fanOut);
        double bound = 1 / Math.sqrt(fanOut);
        for (int i = 0; i < values.length; i++) {
          values[i] =
              kind == Kind.DENSE_WEIGHT
                  ? (float) (bound * (2 * random.uniform(i) - 1))
                  : (float) (stddev * random.normal(i));
        }
        array.assign(Nd4j.createFromArray(values).reshape(shapeArray()));
      }
    }
  }
}
