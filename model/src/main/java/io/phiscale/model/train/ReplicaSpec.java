package io.phiscale.model.train;

import io.phiscale.model.spec.NetworkSpec;
import java.io.Serializable;

/**
 * Everything that makes a {@link Replica}; equal specs make interchangeable replicas.
 *
 * @param network the network
 * @param optimizer the local optimizer
 * @param weightDecay what it decays, and how strongly
 * @param labelSmoothing share of the target that is spread over all classes, [0, 1)
 * @param kernels name of the kernels that compute it
 * @param threads threads of one replica, &gt; 0
 */
public record ReplicaSpec(
    NetworkSpec network,
    OptimizerSpec optimizer,
    WeightDecay weightDecay,
    double labelSmoothing,
    String kernels,
    int threads)
    implements Serializable {

  public ReplicaSpec {
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid label smoothing: %s (must be in [0, 1))", labelSmoothing));
    }
    if (threads <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of threads: %s (must be > 0)", threads));
    }
  }
}
