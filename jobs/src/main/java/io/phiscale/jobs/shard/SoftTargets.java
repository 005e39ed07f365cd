package io.phiscale.jobs.shard;

import java.io.Serializable;
import java.util.List;

/**
 * The labels of an image with their weights, as the collection gives them: they need not add up to
 * 1.
 *
 * @param labels indices into the label space, at least one, none twice
 * @param weights as many, &gt; 0
 */
record SoftTargets(List<Integer> labels, List<Float> weights) implements Serializable {
  SoftTargets {
    labels = List.copyOf(labels);
    weights = List.copyOf(weights);
    if (labels.isEmpty() || labels.size() != weights.size()) {
      throw new IllegalArgumentException(
          String.format("Invalid targets: %s labels, %s weights", labels.size(), weights.size()));
    }
  }

  /** One label alone. */
  static SoftTargets of(int label) {
    return new SoftTargets(List.of(label), List.of(1f));
  }

  /** The label with the largest weight; of several such, the first. */
  int strongest() {
    int best = 0;
    for (int i = 1; i < weights.size(); i++) {
      if (weights.get(i) > weights.get(best)) {
        best = i;
      }
    }
    return labels.get(best);
  }
}
