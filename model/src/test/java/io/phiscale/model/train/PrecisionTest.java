package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A whole network in bfloat16 against itself in FLOAT. */
class PrecisionTest {

  private static final int BATCH = 32;
  private static final int STEPS = 60;
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 4);

  /** The mean loss of the last ten steps of a training that begins at 1.4. */
  private static double lastLoss(Precision precision, int threads, long seed) {
    ReplicaSpec spec =
        new ReplicaSpec(
                NETWORK,
                new OptimizerSpec.Sgd(0.9, OptimizerSpec.Sgd.Variant.CLASSICAL),
                WeightDecay.OFF,
                0,
                Kernels.ONEDNN,
                threads)
            .withPrecision(precision);
    try (Replica replica = new Replica(spec)) {
      replica.load(EfficientNets.initialParameters(NETWORK, seed), replica.initialOptimizerState());
      double sum = 0;
      for (int step = 0; step < STEPS; step++) {
        int[] classes = IntStream.range(0, BATCH).map(i -> i % 4).toArray();
        double loss = replica.step(images(seed * STEPS + step, classes), classes, 0.02, step, step);
        sum += step >= STEPS - 10 ? loss : 0;
      }
      return sum / 10;
    }
  }

  /** Noise, brighter in the quarter that belongs to the class. */
  private static FloatBuffer images(long seed, int[] classes) {
    SplittableRandom random = new SplittableRandom(seed);
    int px = NETWORK.resolutionPx();
    FloatBuffer images = FloatBuffer.allocate(classes.length * px * px * 3);
    for (int kind : classes) {
      for (int y = 0; y < px; y++) {
        for (int x = 0; x < px; x++) {
          float bright = (2 * y / px) * 2 + 2 * x / px == kind ? 1f : 0f;
          for (int c = 0; c < 3; c++) {
            images.put((float) (2 * random.nextDouble() - 1) + bright);
          }
        }
      }
    }
    return images.flip();
  }

  @Test
  void learnsAsWellAsInFloat() {
    for (long seed : List.of(1L, 2L)) {
      double exact = lastLoss(Precision.FP32, 2, seed);
      double rounded = lastLoss(Precision.BF16, 2, seed);
      assertThat(exact).as("seed %s", seed).isLessThan(1.0);
      assertThat(rounded).as("seed %s, fp32 %s", seed, exact).isBetween(0.7 * exact, 1.4 * exact);
      assertThat(rounded).isNotEqualTo(exact);
    }
  }

  @Test
  void twoRunsHaveTheSameBits() {
    assertThat(lastLoss(Precision.BF16, 2, 3)).isEqualTo(lastLoss(Precision.BF16, 2, 3));
  }
}
