package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.train.Contribution.Slice;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.train.GradientClipping;
import io.phiscale.model.train.OptimizerSpec;
import io.phiscale.model.train.OptimizerSpec.Sgd;
import io.phiscale.model.train.Replica;
import io.phiscale.model.train.ReplicaSpec;
import io.phiscale.model.train.WeightDecay;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import scala.Tuple2;

/**
 * Workers with the same samples, seed and state end a round alike, and their average, which the
 * trainer's reducer makes, is each of them bit for bit: parameters, running statistics and every
 * slot of the optimizer's state.
 */
class EveryOptimizerAveragesTest {
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 3).withResolutionPx(16);
  private static final int[] CLASSES = {0, 1, 2, 0};

  static Stream<OptimizerSpec> optimizers() {
    return Stream.of(
        new Sgd(0, Sgd.Variant.CLASSICAL),
        new Sgd(0.9, Sgd.Variant.CLASSICAL),
        new Sgd(0.9, Sgd.Variant.NESTEROV),
        OptimizerSpec.RmsPropTf.ORIGINAL,
        new OptimizerSpec.RmsPropTf(0.9, 0, 1e-3),
        OptimizerSpec.AdamW.DEFAULT,
        OptimizerSpec.Lamb.DEFAULT,
        OptimizerSpec.Lars.DEFAULT);
  }

  /** [parameters, optimizer state] after a round of three local steps. */
  private static Round round(OptimizerSpec optimizer) {
    ReplicaSpec spec =
        new ReplicaSpec(NETWORK, optimizer, WeightDecay.ORIGINAL, 0.1, Kernels.AUTO, 1)
            .withGradientClipping(new GradientClipping(1));
    try (Replica replica = new Replica(spec)) {
      float[] parameters = replica.initialParameters(3);
      float[] state = replica.initialOptimizerState();
      replica.load(parameters, state);
      for (int step = 0; step < 3; step++) {
        assertThat(replica.step(images(step), CLASSES, 0.05, step, step)).isFinite();
      }
      replica.store(parameters, state);
      return new Round(new FloatVector(parameters), new FloatVector(state));
    }
  }

  private record Round(FloatVector parameters, FloatVector state) {}

  private static FloatBuffer images(int seed) {
    int length = CLASSES.length * NETWORK.resolutionPx() * NETWORK.resolutionPx() * 3;
    FloatBuffer images =
        ByteBuffer.allocateDirect(length * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < length; i++) {
      images.put(i, (float) (2 * random.nextDouble() - 1));
    }
    return images;
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void identicalReplicasAverageToThemselves(OptimizerSpec optimizer) {
    Round first = round(optimizer);
    Round second = round(optimizer);
    assertBits(second.parameters(), first.parameters().values());
    assertBits(second.state(), first.state().values());
    int length = first.parameters().length() + first.state().length();
    // Several slices, one of which holds parameters and state.
    Slices slices = new Slices(length, first.parameters().length() / 3 + 1);
    for (long[] weights : new long[][] {{12}, {12, 12}, {12, 7, 12}, {5, 1, 640, 33, 12, 12, 12}}) {
      List<Tuple2<SliceKey, Contribution>> sent = new ArrayList<>();
      for (int worker = 0; worker < weights.length; worker++) {
        Round replica = worker % 2 == 0 ? first : second;
        for (int slice = 0; slice < slices.count(); slice++) {
          sent.add(
              new Tuple2<>(
                  new SliceKey(slice, worker),
                  new Slice(
                      slice,
                      weights[worker],
                      slices.cut(slice, replica.parameters().values(), replica.state().values()))));
        }
      }
      sent.sort((a, b) -> a._1().compareTo(b._1()));
      float[] parameters = new float[first.parameters().length()];
      float[] state = new float[first.state().length()];
      new SliceAveraging()
          .call(sent.iterator())
          .forEachRemaining(
              averaged -> {
                Slice slice = (Slice) averaged;
                slices.paste(slice.slice(), slice.values(), parameters, state);
              });
      assertBits(first.parameters(), parameters);
      assertBits(first.state(), state);
    }
  }

  private static void assertBits(FloatVector expected, float[] values) {
    assertThat(bits(values)).isEqualTo(bits(expected.values()));
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
    return bits;
  }
}
