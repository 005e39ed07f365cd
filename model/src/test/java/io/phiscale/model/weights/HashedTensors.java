package io.phiscale.model.weights;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/** The weights and images of {@code export_networks.py}, which are not stored but computed. */
final class HashedTensors {

  private HashedTensors() {}

  /** Weights of a network whose tensors have these names and shapes. */
  static Map<String, Tensor> weights(Map<String, List<Integer>> shapes) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    shapes.forEach((name, shape) -> tensors.put(name, Tensor.of(shape, weight(name, shape))));
    return tensors;
  }

  /** Images (N, 3, px, px). */
  static Tensor images(int count, int px) {
    float[] values = new float[count * 3 * px * px];
    long seed = seed("images");
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (3.4 * hashed(seed, i) - 1.7);
    }
    return Tensor.of(List.of(count, 3, px, px), values);
  }

  private static float[] weight(String name, List<Integer> shape) {
    int inputs = 1;
    for (int size : shape.subList(1, shape.size())) {
      inputs *= size;
    }
    float[] values = new float[shape.get(0) * inputs];
    long seed = seed(name);
    for (int i = 0; i < values.length; i++) {
      double value = hashed(seed, i);
      if (shape.size() > 1) {
        value = (2 * value - 1) * Math.sqrt(3.0 / inputs);
      } else if (name.endsWith(".running_var") || name.endsWith(".weight")) {
        value = 0.5 + value;
      } else {
        value = 0.4 * value - 0.2;
      }
      values[i] = (float) value;
    }
    return values;
  }

  private static long seed(String name) {
    CRC32 crc = new CRC32();
    crc.update(name.getBytes(StandardCharsets.UTF_8));
    return crc.getValue() * 0x9E3779B1L;
  }

  /** In [0, 1), of 24 bits. */
  private static double hashed(long seed, int index) {
    int x = (int) (seed + index);
    x ^= x >>> 16;
    x *= 0x85EBCA6B;
    x ^= x >>> 13;
    x *= 0xC2B2AE35;
    x ^= x >>> 16;
    return (x >>> 8) * 0x1p-24;
  }
}
