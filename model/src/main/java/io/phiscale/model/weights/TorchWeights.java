package io.phiscale.model.weights;

import io.phiscale.model.layers.ParameterSegment;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What of a network's flat parameter vector is which tensor of a PyTorch library.
 *
 * <pre>
 *   convolution   ours (kH, kW, inputs, outputs)   PyTorch (outputs, inputs, kH, kW)
 *   depthwise     ours (kH, kW, channels, 1)       PyTorch (channels, 1, kH, kW)
 *   squeeze       ours (inputs, outputs)           PyTorch (outputs, inputs, 1, 1)
 *   classifier    ours (inputs, outputs)           PyTorch (outputs, inputs)
 * </pre>
 *
 * <p>Values are moved, never computed with: there and back again is bit-equal. {@code
 * num_batches_tracked}, which PyTorch counts and nothing here needs, is ignored where it is found
 * and not written; PyTorch takes its absence for zero.
 */
public final class TorchWeights {
  private static final String COUNTER = ".num_batches_tracked";
  private static final int MOST_NAMED = 3;

  private final String network;
  private final List<Entry> entries = new ArrayList<>();
  private final int length;

  /**
   * One tensor: ours is (spatial, inputs, outputs), PyTorch's (outputs, inputs, spatial).
   *
   * @param shape PyTorch's
   */
  private record Entry(
      String name,
      Kind kind,
      int offset,
      int spatial,
      int inputs,
      int outputs,
      List<Integer> shape) {}

  /** The tensors of a network under a library's names. */
  public TorchWeights(NetworkSpec spec, TorchLayout layout) {
    network = spec.name();
    Map<String, TorchLayout.Module> modules = layout.modules(spec);
    int offset = 0;
    for (Map.Entry<String, ParameterSegment> segment :
        EfficientNets.parameterSegments(spec).entrySet()) {
      String name = TorchLayout.tensorName(modules, segment.getKey());
      entries.add(entry(name, segment.getKey(), segment.getValue(), offset));
      offset = Math.addExact(offset, segment.getValue().length());
    }
    length = offset;
  }

  private static Entry entry(String name, String path, ParameterSegment segment, int offset) {
    List<Integer> ours = segment.shape();
    Kind kind = segment.kind();
    if (ours.size() == 1) {
      return new Entry(name, kind, offset, 1, 1, ours.get(0), ours);
    }
    if (ours.size() == 2) {
      int inputs = ours.get(0);
      int outputs = ours.get(1);
      List<Integer> shape =
          kind == Kind.DENSE_WEIGHT ? List.of(outputs, inputs) : List.of(outputs, inputs, 1, 1);
      return new Entry(name, kind, offset, 1, inputs, outputs, shape);
    }
    boolean depthwise = path.endsWith("/depthwise/weight");
    int height = ours.get(0);
    int width = ours.get(1);
    int inputs = depthwise ? 1 : ours.get(2);
    int outputs = depthwise ? ours.get(2) : ours.get(3);
    return new Entry(
        name,
        kind,
        offset,
        height * width,
        inputs,
        outputs,
        List.of(outputs, inputs, height, width));
  }

  /**
   * For how many classes tensors are, by the shape of the classifier's weights.
   *
   * @throws IllegalArgumentException if there are none, or they are not two-dimensional
   */
  public static int classes(NetworkSpec spec, TorchLayout layout, Map<String, Tensor> tensors) {
    String name = TorchLayout.tensorName(layout.modules(spec), "classifier/dense/weight");
    Tensor weights = tensors.get(name);
    if (weights == null) {
      throw new IllegalArgumentException(
          String.format("Invalid weights for %s: no tensor %s", spec.name(), name));
    }
    if (weights.shape().size() != 2 || weights.shape().get(0) < 1) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid tensor %s for %s: shape %s (must be [classes, %s])",
              name, spec.name(), weights.shape(), spec.headFilters()));
    }
    return weights.shape().get(0);
  }

  /** Names and PyTorch's shapes of all tensors, in the order of the parameter vector. */
  public Map<String, List<Integer>> shapes() {
    Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    entries.forEach(entry -> shapes.put(entry.name(), entry.shape()));
    return shapes;
  }

  /** Values in the parameter vector, running statistics included. */
  public int length() {
    return length;
  }

  /**
   * The parameter vector of tensors.
   *
   * @param tensors of any floating-point type
   * @throws IllegalArgumentException if one is missing, unknown, of the wrong shape or type, or
   *     holds what is not finite, or a negative variance; the message names it
   */
  public float[] parameters(Map<String, Tensor> tensors) {
    requireNames(tensors.keySet());
    for (Entry entry : entries) {
      requireShape(entry, tensors.get(entry.name()));
    }
    float[] parameters = new float[length];
    for (Entry entry : entries) {
      float[] theirs = tensors.get(entry.name()).floats();
      requireFinite(entry, theirs);
      int at = entry.offset();
      for (int s = 0; s < entry.spatial(); s++) {
        for (int i = 0; i < entry.inputs(); i++) {
          for (int o = 0; o < entry.outputs(); o++) {
            parameters[at++] = theirs[(o * entry.inputs() + i) * entry.spatial() + s];
          }
        }
      }
    }
    return parameters;
  }

  /**
   * The tensors of a parameter vector, float32.
   *
   * @throws IllegalArgumentException if it is not as long as this network's, or holds what is not
   *     finite
   */
  public Map<String, Tensor> tensors(float[] parameters) {
    if (parameters.length != length) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid parameters of %s: %s values (must be %s)",
              network, parameters.length, length));
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Entry entry : entries) {
      float[] theirs = new float[entry.spatial() * entry.inputs() * entry.outputs()];
      int at = entry.offset();
      for (int s = 0; s < entry.spatial(); s++) {
        for (int i = 0; i < entry.inputs(); i++) {
          for (int o = 0; o < entry.outputs(); o++) {
            theirs[(o * entry.inputs() + i) * entry.spatial() + s] = parameters[at++];
          }
        }
      }
      requireFinite(entry, theirs);
      tensors.put(entry.name(), Tensor.of(entry.shape(), theirs));
    }
    return tensors;
  }

  private void requireNames(Set<String> found) {
    Set<String> missing = new LinkedHashSet<>(shapes().keySet());
    Set<String> unknown = new LinkedHashSet<>(found);
    unknown.removeAll(missing);
    unknown.removeIf(name -> name.endsWith(COUNTER));
    missing.removeAll(found);
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid weights for %s: no tensor %s%s",
              network, some(missing), unknown.isEmpty() ? "" : "; unknown " + some(unknown)));
    }
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          String.format("Invalid weights for %s: it has no tensor %s", network, some(unknown)));
    }
  }

  private static String some(Set<String> names) {
    String first =
        String.join(", ", names.stream().limit(MOST_NAMED).map(Printable::name).toList());
    return names.size() <= MOST_NAMED
        ? first
        : String.format("%s, ... (%s in all)", first, names.size());
  }

  private void requireShape(Entry entry, Tensor tensor) {
    if (!tensor.type().floating()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid tensor %s for %s: type %s (must be F32, F16, BF16 or F64)",
              entry.name(), network, tensor.type()));
    }
    if (!tensor.shape().equals(entry.shape())) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid tensor %s for %s: shape %s (must be %s)",
              entry.name(), network, tensor.shape(), entry.shape()));
    }
  }

  private void requireFinite(Entry entry, float[] values) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid tensor %s for %s: value %s is %s (must be finite)",
                entry.name(), network, i, values[i]));
      }
      if (entry.kind() == Kind.RUNNING_VARIANCE && values[i] < 0) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid tensor %s for %s: value %s is %s (a variance must be >= 0)",
                entry.name(), network, i, values[i]));
      }
    }
  }
}
