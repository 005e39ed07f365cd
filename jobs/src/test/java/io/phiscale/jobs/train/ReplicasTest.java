package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.model.kernels.Precision;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.train.GradientClipping;
import io.phiscale.model.train.OptimizerSpec;
import io.phiscale.model.train.Replica;
import io.phiscale.model.train.ReplicaSpec;
import io.phiscale.model.train.WeightDecay;
import org.junit.jupiter.api.Test;

class ReplicasTest {
  private static ReplicaSpec spec(int resolutionPx) {
    return new ReplicaSpec(
        NetworkSpec.of(BaseNetwork.TINY, new ScalingCoefficients(1, 1, resolutionPx), 3),
        new OptimizerSpec.Sgd(0, OptimizerSpec.Sgd.Variant.CLASSICAL),
        new WeightDecay(0, WeightDecay.Exclusion.NONE),
        new GradientClipping(Double.POSITIVE_INFINITY),
        0,
        Freeze.NONE,
        FrozenBatchNorm.INFERENCE,
        "auto",
        Precision.FP32,
        1);
  }

  private static Replica lentAlone(ReplicaSpec spec) {
    try (Replicas.Lease lease = Replicas.borrow(spec)) {
      return lease.replica();
    }
  }

  @Test
  void asManyNetworksAreKeptAsTrainedAtOnce() {
    Replica first;
    Replica second;
    try (Replicas.Lease one = Replicas.borrow(spec(9));
        Replicas.Lease other = Replicas.borrow(spec(10))) {
      first = one.replica();
      second = other.replica();
    }

    // Cells that run at the same time take turns.
    for (int round = 0; round < 2; round++) {
      assertThat(lentAlone(spec(9))).isSameAs(first);
      assertThat(lentAlone(spec(10))).isSameAs(second);
    }
    // Many others come: the first are given up.
    for (int px = 11; px < 20; px++) {
      Replica replica = lentAlone(spec(px));
      assertThat(lentAlone(spec(px))).isSameAs(replica);
    }
    assertThat(lentAlone(spec(9))).isNotSameAs(first);
  }
}
