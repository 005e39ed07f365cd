package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.NetworkSummary;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;
import io.phiscale.model.train.OptimizerSpec.Sgd.Variant;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Only the classifier learns: what changes, what does not, and that it is the same arithmetic. */
class FrozenFeaturesTest {

  private static final int CLASSES = 5;
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, CLASSES)
          .withStochasticDepth(0.5);
  private static final ParameterLayout LAYOUT = EfficientNets.parameterLayout(NETWORK);

  private static ReplicaSpec spec(NetworkSpec network, OptimizerSpec optimizer, String kernels) {
    // Decay of everything: none of it may reach what is frozen.
    return new ReplicaSpec(
        network, optimizer, new WeightDecay(0.1, WeightDecay.Exclusion.NONE), 0.1, kernels, 1);
  }

  private static ReplicaSpec frozen(FrozenBatchNorm batchNorm, String kernels) {
    return spec(NETWORK, new OptimizerSpec.Sgd(0.9, Variant.CLASSICAL), kernels)
        .withFreeze(Freeze.FEATURES, batchNorm);
  }

  /** As training leaves them, negative zeros included. */
  private static float[] trained() {
    float[] values = EfficientNets.initialParameters(NETWORK, 3);
    SplittableRandom random = new SplittableRandom(4);
    for (Segment segment : LAYOUT.segments()) {
      for (int i = segment.offset(); i < segment.offset() + segment.length(); i++) {
        float uniform = (float) random.nextDouble();
        switch (segment.kind()) {
          case BATCH_NORM_SCALE, RUNNING_VARIANCE -> values[i] = 0.7f + 0.6f * uniform;
          case BATCH_NORM_SHIFT, RUNNING_MEAN, BIAS ->
              values[i] = i % 3 == 0 ? -0.0f : 0.6f * uniform - 0.3f;
          default -> {
            // As initialised.
          }
        }
      }
    }
    return values;
  }

  private static FloatBuffer images(int batch) {
    int px = NETWORK.resolutionPx();
    FloatBuffer images =
        ByteBuffer.allocateDirect(batch * px * px * 3 * Float.BYTES)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    SplittableRandom random = new SplittableRandom(batch);
    for (int i = 0; i < images.limit(); i++) {
      images.put(i, (float) (2 * random.nextDouble() - 1));
    }
    return images;
  }

  private static int[] classes(int batch) {
    int[] classes = new int[batch];
    Arrays.setAll(classes, i -> i % CLASSES);
    return classes;
  }

  private static int[] bits(float[] values, int from, int to) {
    int[] bits = new int[to - from];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[from + i]));
    return bits;
  }

  /** Whole parameters after some steps, and their losses. */
  private record Outcome(List<Float> parameters, List<Double> losses) {
    float[] values() {
      float[] values = new float[parameters.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = parameters.get(i);
      }
      return values;
    }
  }

  private static Outcome train(ReplicaSpec spec, float[] start, int steps) {
    try (Replica replica = new Replica(spec)) {
      float[] state = replica.initialOptimizerState();
      replica.load(start, state);
      double[] losses = new double[steps];
      for (int step = 0; step < steps; step++) {
        losses[step] = replica.step(images(4 + step), classes(4 + step), 0.05, step, 7L * step);
      }
      float[] part = new float[replica.trainedPart().length()];
      replica.store(part, state);
      float[] whole = replica.trainedPart().into(start, part);
      Float[] boxed = new Float[whole.length];
      Arrays.setAll(boxed, i -> whole[i]);
      return new Outcome(List.of(boxed), Arrays.stream(losses).boxed().toList());
    }
  }

  static Stream<Arguments> optimizers() {
    return Stream.of(Kernels.ONEDNN, Kernels.ND4J)
        .flatMap(
            kernels ->
                Stream.of(
                        new OptimizerSpec.Sgd(0.9, Variant.NESTEROV),
                        OptimizerSpec.RmsPropTf.ORIGINAL,
                        OptimizerSpec.AdamW.DEFAULT)
                    .map(optimizer -> Arguments.of(kernels, optimizer)));
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void frozenParametersKeepTheirBitsAndTheClassifierLearns(
      String kernels, OptimizerSpec optimizer) {
    float[] start = trained();
    ReplicaSpec spec =
        spec(NETWORK, optimizer, kernels).withFreeze(Freeze.FEATURES, FrozenBatchNorm.INFERENCE);

    float[] end = train(spec, start, 3).values();

    TrainedPart part = spec.trainedPart();
    int features = LAYOUT.length() - part.length();
    assertThat(part.ranges()).containsExactly(new TrainedPart.Range(features, part.length()));
    assertThat(bits(end, 0, features)).isEqualTo(bits(start, 0, features));
    for (Segment segment : LAYOUT.segments()) {
      if (EfficientNets.isClassifier(segment.name())) {
        int to = segment.offset() + segment.length();
        assertThat(bits(end, segment.offset(), to))
            .as(segment.name())
            .isNotEqualTo(bits(start, segment.offset(), to));
      }
    }
  }

  /**
   * In inference mode the features are what inference computes, so that a step of the classifier by
   * plain arithmetic on the network's own features must agree.
   */
  @ParameterizedTest
  @ValueSource(strings = {Kernels.ONEDNN, Kernels.ND4J})
  void theStepIsThatOfTheClassifierOnInferencesFeatures(String kernels) {
    NetworkSpec network = NETWORK.withDropout(0);
    float[] start = trained();
    int batch = 6;
    double rate = 0.05;
    ReplicaSpec spec =
        new ReplicaSpec(
                network,
                new OptimizerSpec.Sgd(0, Variant.CLASSICAL),
                WeightDecay.OFF,
                0,
                kernels,
                1)
            .withFreeze(Freeze.FEATURES, FrozenBatchNorm.INFERENCE);
    double loss;
    float[] part = new float[spec.trainedPart().length()];
    try (Replica replica = new Replica(spec)) {
      replica.load(start, replica.initialOptimizerState());
      loss = replica.step(images(batch), classes(batch), rate, 0, 0);
      replica.store(part, replica.initialOptimizerState());
    }

    // The gradient of a score's bias is softmax - target, and scores are the predictor's.
    double[] biasGradient = new double[CLASSES];
    double expectedLoss = 0;
    try (Predictor predictor = new Predictor(network, kernels, 1)) {
      predictor.load(start);
      FloatBuffer scores = predictor.logits(images(batch), batch);
      for (int i = 0; i < batch; i++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++) {
          sum += Math.exp(scores.get(i * CLASSES + c));
        }
        for (int c = 0; c < CLASSES; c++) {
          double probability = Math.exp(scores.get(i * CLASSES + c)) / sum;
          int target = c == i % CLASSES ? 1 : 0;
          biasGradient[c] += (probability - target) / batch;
          expectedLoss -= target * Math.log(probability) / batch;
        }
      }
    }
    assertThat(loss).isCloseTo(expectedLoss, within(1e-5));
    for (int c = 0; c < CLASSES; c++) {
      int bias = start.length - CLASSES + c;
      assertThat((start[bias] - part[part.length - CLASSES + c]) / rate)
          .isCloseTo(biasGradient[c], within(1e-5));
    }
  }

  /**
   * With batch norm in training mode the forward pass is that of full training: same loss, same
   * running statistics and same classifier, bit for bit, after one step.
   */
  @ParameterizedTest
  @ValueSource(strings = {Kernels.ONEDNN, Kernels.ND4J})
  void withBatchNormInTrainingModeItIsFullTrainingLessTheFeaturesUpdate(String kernels) {
    float[] start = trained();
    ReplicaSpec frozen = frozen(FrozenBatchNorm.TRAINING, kernels);

    Outcome part = train(frozen, start, 1);
    Outcome full = train(frozen.withFreeze(Freeze.NONE, FrozenBatchNorm.TRAINING), start, 1);

    assertThat(part.losses()).isEqualTo(full.losses());
    float[] changed = part.values();
    float[] everything = full.values();
    for (Segment segment : LAYOUT.segments()) {
      int from = segment.offset();
      int to = from + segment.length();
      boolean trains =
          EfficientNets.isClassifier(segment.name()) || segment.kind().runningStatistic();
      assertThat(bits(changed, from, to))
          .as(segment.name())
          .isEqualTo(bits(trains ? everything : start, from, to));
      if (trains) {
        assertThat(bits(changed, from, to)).isNotEqualTo(bits(start, from, to));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(FrozenBatchNorm.class)
  void aStepIsAFunctionOfItsVectorsWhateverTheReplicaDidBefore(FrozenBatchNorm batchNorm) {
    float[] start = trained();
    float[] others = EfficientNets.initialParameters(NETWORK, 9);
    ReplicaSpec spec = frozen(batchNorm, Kernels.ONEDNN);
    Outcome unbroken = train(spec, start, 4);

    try (Replica replica = new Replica(spec)) {
      // Other features first, and between the steps.
      replica.load(others, replica.initialOptimizerState());
      replica.step(images(3), classes(3), 0.1, 0, 1);
      float[] parameters = start;
      float[] state = replica.initialOptimizerState();
      float[] part = new float[replica.trainedPart().length()];
      for (int step = 0; step < 4; step++) {
        replica.load(parameters, state);
        double loss = replica.step(images(4 + step), classes(4 + step), 0.05, step, 7L * step);
        assertThat(loss).isEqualTo(unbroken.losses().get(step));
        replica.store(part, state);
        parameters = replica.trainedPart().into(parameters, part);
        replica.load(others, replica.initialOptimizerState());
        replica.step(images(5), classes(5), 0.1, 0, 1);
      }
      assertThat(bits(parameters, 0, parameters.length))
          .isEqualTo(bits(unbroken.values(), 0, parameters.length));
    }
  }

  /** The counts that torchvision users know; see NetworkSummary. */
  @Test
  void b0WithThreeClassesTrains3843Parameters() {
    NetworkSpec b0 = NetworkSpec.efficientNet(EfficientNetVariant.B0, 3);
    ReplicaSpec spec =
        spec(b0, OptimizerSpec.AdamW.DEFAULT, Kernels.AUTO)
            .withFreeze(Freeze.FEATURES, FrozenBatchNorm.INFERENCE);

    assertThat(spec.trainedPart().length()).isEqualTo(3_843);
    assertThat(new NetworkSummary(b0, Freeze.FEATURES).trainableParameters()).isEqualTo(3_843);
    assertThat(new NetworkSummary(b0, Freeze.FEATURES).nonTrainableParameters())
        .isEqualTo(4_007_548);
    assertThat(
            spec.withFreeze(Freeze.FEATURES, FrozenBatchNorm.TRAINING)
                .trainedPart()
                .layout()
                .trainableLength())
        .isEqualTo(3_843);
    assertThat(spec.withFreeze(Freeze.NONE, FrozenBatchNorm.INFERENCE).trainedPart().isWhole())
        .isTrue();
  }

  @Test
  void thePartComesOutAndGoesBackIn() {
    TrainedPart part = frozen(FrozenBatchNorm.TRAINING, Kernels.ONEDNN).trainedPart();
    float[] whole = trained();
    float[] taken = part.of(whole);

    assertThat(taken).hasSize(part.length());
    assertThat(part.layout().trainableLength()).isEqualTo(CLASSES * (NETWORK.headFilters() + 1));
    assertThat(bits(part.into(whole, taken), 0, whole.length))
        .isEqualTo(bits(whole, 0, whole.length));
    float[] zeros = part.into(whole, new float[taken.length]);
    assertThat(part.of(zeros)).containsOnly(0f);
    assertThat(whole).isNotEqualTo(zeros);
  }

  @Test
  void wrongLengthsAndNamesSaySo() {
    TrainedPart part = frozen(FrozenBatchNorm.INFERENCE, Kernels.ONEDNN).trainedPart();

    assertThatThrownBy(() -> part.of(new float[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid number of parameters: 3 (must be %s)", LAYOUT.length());
    assertThatThrownBy(() -> part.into(new float[3], new float[4]))
        .hasMessage("Invalid number of trained parameters: 4 (must be %s)", part.length());
    assertThatThrownBy(() -> TrainedPart.of(LAYOUT, segment -> false))
        .hasMessage("Invalid trained part: no segment is trained");
    assertThatThrownBy(() -> Freeze.named("head"))
        .hasMessage("Invalid freeze: head (must be none or features)");
    try (Replica replica = new Replica(frozen(FrozenBatchNorm.INFERENCE, Kernels.ONEDNN))) {
      assertThatThrownBy(() -> replica.load(new float[part.length()], new float[part.length()]))
          .hasMessage(
              "Invalid vectors for %s: %s parameters and %s values of optimizer state (must be %s"
                  + " and %s)",
              NETWORK.name(), part.length(), part.length(), LAYOUT.length(), part.length());
    }
  }
}
