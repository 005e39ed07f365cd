package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The accuracy of training, against what the loss says: the highest score has the lowest loss. */
class CorrectPredictionsTest {
  private static final int CLASSES = 5;
  private static final int BATCH = 6;
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, CLASSES);

  static Stream<Arguments> replicas() {
    return Stream.of(Kernels.ND4J, Kernels.AUTO)
        .flatMap(
            kernels ->
                Stream.of(
                    Arguments.of(kernels, Freeze.NONE, FrozenBatchNorm.INFERENCE),
                    Arguments.of(kernels, Freeze.FEATURES, FrozenBatchNorm.INFERENCE),
                    Arguments.of(kernels, Freeze.FEATURES, FrozenBatchNorm.TRAINING)));
  }

  @ParameterizedTest
  @MethodSource("replicas")
  void countsTheImagesWhoseClassHasTheLowestLoss(
      String kernels, Freeze freeze, FrozenBatchNorm batchNorm) {
    ReplicaSpec spec =
        new ReplicaSpec(
                NETWORK,
                new OptimizerSpec.Sgd(0, OptimizerSpec.Sgd.Variant.CLASSICAL),
                new WeightDecay(0, WeightDecay.Exclusion.NONE),
                0.1,
                kernels,
                1)
            .withFreeze(freeze, batchNorm);
    FloatBuffer images = images();
    try (Replica replica = new Replica(spec)) {
      replica.load(EfficientNets.initialParameters(NETWORK, 3), replica.initialOptimizerState());
      int[] classes = new int[BATCH];
      for (int image = 0; image < BATCH; image++) {
        double lowest = Double.POSITIVE_INFINITY;
        int best = -1;
        for (int label = 0; label < CLASSES; label++) {
          classes[image] = label;
          double loss = replica.step(images, classes, 0, 0, 11);
          if (loss < lowest) {
            lowest = loss;
            best = label;
          }
        }
        classes[image] = best;
      }

      replica.step(images, classes, 0, 0, 11);
      assertThat(replica.correct()).isEqualTo(BATCH);
      for (int wrong = 1; wrong <= BATCH; wrong++) {
        classes[wrong - 1] = (classes[wrong - 1] + wrong % 4 + 1) % CLASSES;
        replica.step(images, classes, 0, 0, 11);
        assertThat(replica.correct()).isEqualTo(BATCH - wrong);
      }
    }
  }

  private static FloatBuffer images() {
    int px = NETWORK.resolutionPx();
    FloatBuffer images =
        ByteBuffer.allocateDirect(BATCH * px * px * 3 * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    SplittableRandom random = new SplittableRandom(5);
    for (int i = 0; i < images.limit(); i++) {
      images.put(i, (float) (2 * random.nextDouble() - 1));
    }
    return images;
  }
}
