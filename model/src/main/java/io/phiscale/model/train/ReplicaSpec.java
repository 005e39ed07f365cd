package io.phiscale.model.train;

import io.phiscale.model.kernels.Precision;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.ParameterLayout;
import java.io.Serializable;

/**
 * Everything that makes a {@link Replica}; equal specs make interchangeable replicas.
 *
 * @param network the network
 * @param optimizer the local optimizer
 * @param weightDecay what it decays, and how strongly
 * @param gradientClipping what happens to gradients before the optimizer sees them
 * @param labelSmoothing share of the target that is spread over all classes, [0, 1)
 * @param freeze what is not trained
 * @param frozenBatchNorm what batch norm does there; without effect where nothing is frozen
 * @param kernels name of the kernels that compute it
 * @param precision of what is largest in a training step
 * @param threads threads of one replica, &gt; 0
 */
public record ReplicaSpec(
    NetworkSpec network,
    OptimizerSpec optimizer,
    WeightDecay weightDecay,
    GradientClipping gradientClipping,
    double labelSmoothing,
    Freeze freeze,
    FrozenBatchNorm frozenBatchNorm,
    String kernels,
    Precision precision,
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

  /** With nothing frozen, nothing clipped, in {@link Precision#FP32}. */
  public ReplicaSpec(
      NetworkSpec network,
      OptimizerSpec optimizer,
      WeightDecay weightDecay,
      double labelSmoothing,
      String kernels,
      int threads) {
    this(
        network,
        optimizer,
        weightDecay,
        GradientClipping.OFF,
        labelSmoothing,
        Freeze.NONE,
        FrozenBatchNorm.INFERENCE,
        kernels,
        Precision.FP32,
        threads);
  }

  /** The same with gradients clipped. */
  public ReplicaSpec withGradientClipping(GradientClipping newGradientClipping) {
    return new ReplicaSpec(
        network,
        optimizer,
        weightDecay,
        newGradientClipping,
        labelSmoothing,
        freeze,
        frozenBatchNorm,
        kernels,
        precision,
        threads);
  }

  /** The same in another precision. */
  public ReplicaSpec withPrecision(Precision newPrecision) {
    return new ReplicaSpec(
        network,
        optimizer,
        weightDecay,
        gradientClipping,
        labelSmoothing,
        freeze,
        frozenBatchNorm,
        kernels,
        newPrecision,
        threads);
  }

  /** The same with a part frozen. */
  public ReplicaSpec withFreeze(Freeze newFreeze, FrozenBatchNorm newFrozenBatchNorm) {
    return new ReplicaSpec(
        network,
        optimizer,
        weightDecay,
        gradientClipping,
        labelSmoothing,
        newFreeze,
        newFrozenBatchNorm,
        kernels,
        precision,
        threads);
  }

  /** Running means and variances of the parameter vector, whether they are trained or frozen. */
  public TrainedPart runningStatistics() {
    return TrainedPart.of(
        EfficientNets.parameterLayout(network), segment -> segment.kind().runningStatistic());
  }

  /**
   * What of the parameter vector changes in training: all of it; or the classifier, and with {@link
   * FrozenBatchNorm#TRAINING} the running statistics.
   */
  public TrainedPart trainedPart() {
    ParameterLayout whole = EfficientNets.parameterLayout(network);
    return switch (freeze) {
      case NONE -> TrainedPart.of(whole, segment -> true);
      case FEATURES ->
          TrainedPart.of(
              whole,
              segment ->
                  EfficientNets.isClassifier(segment.name())
                      || (frozenBatchNorm == FrozenBatchNorm.TRAINING
                          && segment.kind().runningStatistic()));
    };
  }
}
