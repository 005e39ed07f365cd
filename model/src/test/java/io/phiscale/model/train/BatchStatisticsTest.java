package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The means and variances that batch norm normalises a batch by. */
class BatchStatisticsTest {
  private static final int BATCH = 5;
  private static final int[] CLASSES = {0, 1, 2, 0, 2};
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 3)
          .withResolutionPx(16)
          .withDropout(0);
  private static final int PX = NETWORK.resolutionPx();

  private static ReplicaSpec spec(double stochasticDepth, String kernels) {
    return new ReplicaSpec(
        NETWORK.withStochasticDepth(stochasticDepth),
        new OptimizerSpec.Sgd(0, OptimizerSpec.Sgd.Variant.CLASSICAL),
        WeightDecay.OFF,
        0,
        kernels,
        1);
  }

  private static FloatBuffer images() {
    FloatBuffer images =
        ByteBuffer.allocateDirect(BATCH * PX * PX * 3 * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < images.limit(); i++) {
      images.put(i, (float) (2 * random.nextDouble() - 0.7));
    }
    return images;
  }

  private static float[] measured(ReplicaSpec spec, float[] parameters) {
    float[] statistics = new float[spec.runningStatistics().length()];
    try (Replica replica = new Replica(spec)) {
      replica.batchStatistics(parameters, images(), BATCH, statistics);
    }
    return statistics;
  }

  /**
   * With them as running statistics, inference on the batch computes in every layer what training
   * on it does: so it has the same loss. Blocks that would drop in training are all passed.
   */
  @ParameterizedTest
  @ValueSource(strings = {Kernels.ONEDNN, Kernels.ND4J})
  void inferenceByThemIsATrainingPassWithoutDrops(String kernels) {
    ReplicaSpec keeps = spec(0, kernels);
    double loss;
    float[] parameters;
    try (Replica replica = new Replica(keeps)) {
      parameters = replica.initialParameters(3);
      replica.load(parameters, new float[0]);
      loss = replica.step(images(), CLASSES, 0, 0, 0);
    }

    float[] statistics = measured(spec(0.5, kernels), parameters);

    assertThat(statistics).isEqualTo(measured(keeps, parameters));
    double inferred = 0;
    try (Predictor predictor = new Predictor(NETWORK, kernels, 1)) {
      predictor.load(keeps.runningStatistics().into(parameters, statistics));
      FloatBuffer logits = predictor.logits(images(), BATCH);
      for (int n = 0; n < BATCH; n++) {
        double sum = 0;
        for (int c = 0; c < 3; c++) {
          sum += Math.exp(logits.get(n * 3 + c));
        }
        inferred += (Math.log(sum) - logits.get(n * 3 + CLASSES[n])) / BATCH;
      }
    }
    assertThat(inferred).isCloseTo(loss, within(2e-5));
    // What was loaded before would not have done.
    assertThat(keeps.runningStatistics().of(parameters)).isNotEqualTo(statistics);
  }

  /** Those of the stem, by nested loops over images and filters. */
  @Test
  void theStemsAreThoseOfItsConvolution() {
    float[] parameters = EfficientNets.initialParameters(NETWORK, 3);
    ReplicaSpec spec = spec(0.2, Kernels.AUTO);
    float[] statistics = measured(spec, parameters);
    Segment weight = EfficientNets.parameterLayout(NETWORK).segments().get(0);
    assertThat(weight.name()).isEqualTo("stem/conv/weight");
    int filters = NETWORK.stemFilters();
    int side = NETWORK.stemOutputPx();
    int before = NETWORK.padding().before(PX, 3, NETWORK.stemStride());
    FloatBuffer images = images();
    for (int filter = 0; filter < filters; filter++) {
      double sum = 0;
      double squares = 0;
      for (int n = 0; n < BATCH; n++) {
        for (int y = 0; y < side; y++) {
          for (int x = 0; x < side; x++) {
            double value = 0;
            for (int j = 0; j < 3; j++) {
              for (int i = 0; i < 3; i++) {
                int row = y * NETWORK.stemStride() + j - before;
                int column = x * NETWORK.stemStride() + i - before;
                if (row < 0 || row >= PX || column < 0 || column >= PX) {
                  continue;
                }
                for (int c = 0; c < 3; c++) {
                  value +=
                      images.get(((n * PX + row) * PX + column) * 3 + c)
                          * (double) parameters[((j * 3 + i) * 3 + c) * filters + filter];
                }
              }
            }
            sum += value;
            squares += value * value;
          }
        }
      }
      double count = (double) BATCH * side * side;
      double mean = sum / count;
      assertThat((double) statistics[filter]).isCloseTo(mean, within(1e-5));
      assertThat((double) statistics[filters + filter])
          .isCloseTo(squares / count - mean * mean, within(1e-5));
    }
  }

  @Test
  void stepsAfterThemAreAsWithout() {
    ReplicaSpec spec = spec(0.5, Kernels.AUTO);
    float[] start = EfficientNets.initialParameters(NETWORK, 3);
    float[] expected = new float[start.length];
    float[] found = new float[start.length];
    try (Replica replica = new Replica(spec)) {
      replica.load(start, new float[0]);
      replica.step(images(), CLASSES, 0.1, 0, 4);
      replica.store(expected, new float[0]);

      replica.batchStatistics(
          expected, images(), BATCH, new float[spec.runningStatistics().length()]);
      replica.load(start, new float[0]);
      replica.step(images(), CLASSES, 0.1, 0, 4);
      replica.store(found, new float[0]);
    }
    assertThat(found).isEqualTo(expected);
  }

  @Test
  void frozenFeaturesHaveThemWhereTheBatchNormalises() {
    float[] parameters = EfficientNets.initialParameters(NETWORK, 3);
    ReplicaSpec spec = spec(0.2, Kernels.AUTO);
    assertThat(measured(spec.withFreeze(Freeze.FEATURES, FrozenBatchNorm.TRAINING), parameters))
        .isEqualTo(measured(spec, parameters));
    ReplicaSpec fixed = spec.withFreeze(Freeze.FEATURES, FrozenBatchNorm.INFERENCE);
    assertThatThrownBy(() -> measured(fixed, parameters))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "Cannot measure batch statistics: frozen features are normalised by running"
                + " statistics");
    try (Replica replica = new Replica(spec)) {
      assertThatThrownBy(() -> replica.batchStatistics(new float[3], images(), BATCH, new float[4]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(
              "Invalid vectors for tiny-phi0: 3 parameters and 4 running statistics (must be ");
    }
  }
}
