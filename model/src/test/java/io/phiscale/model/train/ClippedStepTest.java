package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A replica's step with its gradients clipped. */
class ClippedStepTest {
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 3).withResolutionPx(16);

  /** Steps are gradients: rate 1, no momentum, no decay. */
  private static final ReplicaSpec UNCLIPPED =
      new ReplicaSpec(
          NETWORK,
          new OptimizerSpec.Sgd(0, OptimizerSpec.Sgd.Variant.CLASSICAL),
          WeightDecay.OFF,
          0.1,
          Kernels.AUTO,
          1);

  private static FloatBuffer images() {
    int length = 4 * NETWORK.resolutionPx() * NETWORK.resolutionPx() * 3;
    FloatBuffer images =
        ByteBuffer.allocateDirect(length * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < length; i++) {
      images.put(i, (float) (2 * random.nextDouble() - 1));
    }
    return images;
  }

  /** What one step subtracts from the trained parameters. */
  private static float[] step(ReplicaSpec spec) {
    try (Replica replica = new Replica(spec)) {
      float[] start = replica.initialParameters(5);
      replica.load(start, new float[0]);
      replica.step(images(), new int[] {0, 1, 2, 0}, 1, 0, 9);
      float[] end = new float[replica.trainedPart().length()];
      replica.store(end, new float[0]);
      float[] before = replica.trainedPart().of(start);
      for (int i = 0; i < end.length; i++) {
        end[i] = before[i] - end[i];
      }
      return end;
    }
  }

  static Stream<ReplicaSpec> specs() {
    return Stream.of(
        UNCLIPPED,
        UNCLIPPED.withFreeze(Freeze.FEATURES, FrozenBatchNorm.INFERENCE),
        UNCLIPPED.withFreeze(Freeze.FEATURES, FrozenBatchNorm.TRAINING));
  }

  @ParameterizedTest
  @MethodSource("specs")
  void allGradientsShrinkAlikeAndRunningStatisticsMoveAsEver(ReplicaSpec spec) {
    ParameterLayout layout = spec.trainedPart().layout();
    float[] free = step(spec);
    double squares = 0;
    for (Segment segment : layout.segments()) {
      for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
        squares += segment.kind().runningStatistic() ? 0 : (double) free[i] * free[i];
      }
    }
    double norm = Math.sqrt(squares);
    assertThat(norm).isGreaterThan(0.1);

    float[] clipped = step(spec.withGradientClipping(new GradientClipping(norm / 4)));

    for (Segment segment : layout.segments()) {
      for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
        if (segment.kind().runningStatistic()) {
          assertThat(clipped[i]).as(segment.name()).isEqualTo(free[i]);
        } else {
          assertThat(clipped[i]).as(segment.name()).isCloseTo(free[i] / 4, within(1e-6f));
        }
      }
    }
    assertThat(step(spec.withGradientClipping(new GradientClipping(norm * 1.1)))).isEqualTo(free);
  }

  /** Weights so large that the loss still fits a float, and its gradients do not. */
  @Test
  void aNormThatIsNotFiniteIsReportedAndChangesNothing() {
    int[] classes = {0, 1, 2, 0};
    try (Replica replica = new Replica(UNCLIPPED);
        Replica clipping = new Replica(UNCLIPPED.withGradientClipping(new GradientClipping(1)))) {
      float[] start = replica.initialParameters(5);
      for (Segment segment : EfficientNets.parameterLayout(NETWORK).segments()) {
        for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
          switch (segment.name()) {
            case "head/conv/weight" -> start[i] *= 1e-5f;
            case "classifier/dense/weight" -> start[i] = i % 2 == 0 ? 2e38f : -2e38f;
            default -> {
              // As initialised.
            }
          }
        }
      }
      replica.load(start, new float[0]);
      assertThat(replica.step(images(), classes, 1, 0, 9)).isFinite();

      clipping.load(start, new float[0]);
      assertThat(clipping.step(images(), classes, 1, 0, 9)).isNaN();
      float[] end = new float[start.length];
      clipping.store(end, new float[0]);
      assertThat(end).isEqualTo(start);
    }
  }
}
