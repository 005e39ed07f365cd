package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import java.nio.FloatBuffer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a replica and a predictor refuse: images, classes and parameters that do not fit. */
class BadInputTest {
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.EFFICIENTNET_B0, new ScalingCoefficients(0.25, 0.1, 32), 10)
          .withName("tiny");

  private static FloatBuffer images(int count, int px) {
    return FloatBuffer.allocate(count * px * px * 3);
  }

  @ParameterizedTest
  @ValueSource(strings = {Kernels.ND4J, Kernels.ONEDNN})
  void aReplicaNamesWhatDoesNotFit(String kernels) {
    try (Replica replica =
        new Replica(
            new ReplicaSpec(
                NETWORK, OptimizerSpec.RmsPropTf.ORIGINAL, WeightDecay.OFF, 0, kernels, 1))) {
      int[] classes = {1, 2};
      assertThatThrownBy(() -> replica.step(images(2, 31), classes, 0.1, 0, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Invalid images: 5766 values (must be 6144, 2 x 32 x 32 x 3)");
      assertThatThrownBy(() -> replica.step(images(3, 32), classes, 0.1, 0, 0))
          .hasMessage("Invalid images: 9216 values (must be 6144, 2 x 32 x 32 x 3)");
      assertThatThrownBy(() -> replica.step(images(2, 32), new int[] {1, 10}, 0.1, 0, 0))
          .hasMessage("Invalid class: 10 (must be in [0, 10))");
      assertThatThrownBy(() -> replica.load(new float[3], new float[6]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(
              "Invalid vectors for tiny: 3 parameters and 6 values of optimizer state (must be ");

      // It is none the worse for them.
      replica.load(replica.initialParameters(1), replica.initialOptimizerState());
      assertThat(replica.step(images(2, 32), classes, 0.1, 0, 0)).isFinite();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {Kernels.ND4J, Kernels.ONEDNN})
  void aPredictorNamesWhatDoesNotFit(String kernels) {
    try (Predictor predictor = new Predictor(NETWORK, kernels, 1)) {
      assertThatThrownBy(() -> predictor.logits(images(2, 32), 2))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("Cannot predict by tiny: no parameters were loaded");
      float[] parameters = EfficientNets.initialParameters(NETWORK, 1);
      predictor.load(parameters);
      assertThatThrownBy(() -> predictor.logits(images(2, 33), 2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Invalid images: 6534 values (must be 6144, 2 x 32 x 32 x 3)");

      parameters[0] = Float.NaN;
      assertThatThrownBy(() -> predictor.load(parameters))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "Invalid parameters for tiny: stem/conv/weight, batch norm folded in, has the value"
                  + " NaN (must be finite)");
      assertThatThrownBy(() -> predictor.load(new float[7]))
          .hasMessageStartingWith("Invalid parameters for tiny: 7 values (must be ");
    }
  }
}
