package io.phiscale.pipeline.shard;

import java.io.Serializable;
import java.util.HashSet;
import java.util.List;

/**
 * The labels of an image with their weights, as the collection gives them: they need not add up to
 * 1. In a shard, columns {@code soft_labels} and {@code soft_weights}.
 *
 * @param labels indices into the label space, at least one, none twice
 * @param weights as many, &gt; 0
 */
public record SoftTargets(List<Integer> labels, List<Float> weights) implements Serializable {
  public SoftTargets {
    labels = List.copyOf(labels);
    weights = List.copyOf(weights);
    if (labels.isEmpty()
        || labels.size() != weights.size()
        || new HashSet<>(labels).size() < labels.size()) {
      throw new IllegalArgumentException(
          "Invalid targets: labels %s, weights %s (must be as many, no label twice)"
              .formatted(labels, weights));
    }
  }

  /** One label alone. */
  public static SoftTargets of(int label) {
    return new SoftTargets(List.of(label), List.of(1f));
  }

  /** The label with the largest weight; of several such, the first. */
  public int strongest() {
    int best = 0;
    for (int i = 1; i < weights.size(); i++) {
      if (weights.get(i) > weights.get(best)) {
        best = i;
      }
    }
    return labels.get(best);
  }
}
