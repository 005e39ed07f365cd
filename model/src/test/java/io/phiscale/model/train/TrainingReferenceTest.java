package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Kind;
import io.phiscale.model.train.LearningRateSchedule.Cosine;
import io.phiscale.model.train.LearningRateSchedule.ExponentialStaircase;
import io.phiscale.model.train.LearningRateSchedule.Step;
import io.phiscale.model.train.LearningRateSchedule.Warmup;
import io.phiscale.model.train.OptimizerSpec.AdamW;
import io.phiscale.model.train.OptimizerSpec.Lamb;
import io.phiscale.model.train.OptimizerSpec.Lars;
import io.phiscale.model.train.OptimizerSpec.RmsPropTf;
import io.phiscale.model.train.OptimizerSpec.Sgd;
import java.io.IOException;
import java.io.InputStream;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.databind.JsonNode;
import org.nd4j.shade.jackson.databind.ObjectMapper;

/**
 * What torch 2.13.0 and timm 1.0.29 compute, step by step: {@code torch.optim.SGD} and {@code
 * AdamW}, {@code clip_grad_norm_}, timm's {@code RMSpropTF}, {@code Lars}, {@code Lamb}, {@code
 * ModelEmaV3}, {@code LabelSmoothingCrossEntropy}, {@code CosineLRScheduler} and {@code
 * StepLRScheduler}, with timm's groups of what decays. {@code src/test/python} says how the numbers
 * were made.
 */
class TrainingReferenceTest {
  private static final JsonNode REFERENCE = reference();

  private static JsonNode reference() {
    try (InputStream in =
        TrainingReferenceTest.class.getResourceAsStream("training-reference.json")) {
      return new ObjectMapper().readTree(in);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Stream<JsonNode> elements(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).floatValue();
    }
    return values;
  }

  static Stream<Arguments> optimizers() {
    return elements(REFERENCE.get("optimizers"))
        .map(
            run ->
                Arguments.of(
                    run.get("optimizer").textValue(),
                    new WeightDecay(
                        run.get("weight-decay").doubleValue(),
                        WeightDecay.Exclusion.valueOf(run.get("exclusion").textValue())),
                    run.get("parameters")));
  }

  private static OptimizerSpec optimizer(String name) {
    return switch (name) {
      case "sgd" -> new Sgd(0, Sgd.Variant.CLASSICAL);
      case "sgd-momentum" -> new Sgd(0.9, Sgd.Variant.CLASSICAL);
      case "sgd-nesterov" -> new Sgd(0.9, Sgd.Variant.NESTEROV);
      case "adamw" -> AdamW.DEFAULT;
      case "rmsprop-tf" -> RmsPropTf.ORIGINAL;
      case "rmsprop-tf-plain" -> new RmsPropTf(0.99, 0, 1e-6);
      case "lars" -> new Lars(0.9, Sgd.Variant.CLASSICAL, 0.02, 1e-8);
      case "lars-nesterov" -> new Lars(0.9, Sgd.Variant.NESTEROV, 0.02, 1e-8);
      case "lars-plain" -> new Lars(0, Sgd.Variant.CLASSICAL, 0.02, 1e-3);
      case "lamb", "lamb-clipped" -> Lamb.DEFAULT;
      case "lamb-quick" -> new Lamb(0.5, 0.9, 1e-3);
      default -> throw new IllegalArgumentException(name);
    };
  }

  private static ParameterLayout layout() {
    ParameterLayout.Builder segments = ParameterLayout.builder();
    for (JsonNode segment : REFERENCE.get("segments")) {
      segments.add(
          segment.get(0).textValue(),
          segment.get(2).intValue(),
          Kind.valueOf(segment.get(1).textValue()));
    }
    return segments.build();
  }

  @ParameterizedTest(name = "{0}, {1}")
  @MethodSource("optimizers")
  void everyStepIsTheLibrarys(String name, WeightDecay weightDecay, JsonNode trace) {
    ParameterLayout layout = layout();
    Optimizer optimizer = optimizer(name).create(layout, weightDecay);
    GradientClipping clipping =
        name.endsWith("-clipped") ? new GradientClipping(1) : GradientClipping.OFF;
    List<FloatBuffer> state =
        optimizer.stateSlots().stream().map(slot -> FloatBuffer.allocate(layout.length())).toList();
    optimizer.initialise(state);
    float[] parameters = floats(REFERENCE.get("initial"));

    assertThat(trace).hasSize(10);
    for (int step = 0; step < trace.size(); step++) {
      FloatBuffer gradients = FloatBuffer.wrap(floats(REFERENCE.get("gradients").get(step)));
      clipping.clip(gradients, layout);
      optimizer.step(
          FloatBuffer.wrap(parameters),
          gradients,
          state,
          REFERENCE.get("rates").get(step).doubleValue(),
          step);
      assertThat(parameters)
          .as("step %s", step)
          .containsExactly(floats(trace.get(step)), within(2e-6f));
    }
  }

  static Stream<JsonNode> clippings() {
    return elements(REFERENCE.get("clippings"));
  }

  /** torch adds 1e-6 to the norm that it divides by. */
  @ParameterizedTest
  @MethodSource("clippings")
  void clippedGradientsAreTorchs(JsonNode theirs) {
    float[] gradients = floats(REFERENCE.get("gradients").get(0));

    double norm =
        new GradientClipping(theirs.get("maximum").doubleValue())
            .clip(FloatBuffer.wrap(gradients), layout());

    assertThat(norm).isCloseTo(theirs.get("norm").doubleValue(), within(1e-6));
    assertThat(gradients).containsExactly(floats(theirs.get("clipped")), within(1e-6f));
  }

  static Stream<JsonNode> movingAverages() {
    return elements(REFERENCE.get("moving-averages"));
  }

  /** timm's warm-up, with its gamma of 9 and power of 1 and a step ahead, is TensorFlow's. */
  @ParameterizedTest
  @MethodSource("movingAverages")
  void movingAveragesAreTimms(JsonNode theirs) {
    ExponentialMovingAverage movingAverage =
        new ExponentialMovingAverage(theirs.get("decay").doubleValue());

    for (JsonNode decay : theirs.get("decays")) {
      assertThat(movingAverage.decayAt(decay.get(0).longValue()))
          .as("after %s steps", decay.get(0))
          .isCloseTo(decay.get(1).doubleValue(), within(1e-14));
    }
    float[] average = floats(REFERENCE.get("initial"));
    assertThat(theirs.get("averages")).hasSize(10);
    for (int step = 1; step <= 10; step++) {
      movingAverage.update(
          FloatBuffer.wrap(average),
          FloatBuffer.wrap(floats(theirs.get("parameters").get(step - 1))),
          step,
          1);
      assertThat(average)
          .as("after %s steps", step)
          .containsExactly(floats(theirs.get("averages").get(step - 1)), within(5e-7f));
    }
  }

  static Stream<Arguments> losses() {
    return elements(REFERENCE.get("losses"))
        .flatMap(
            loss ->
                Stream.of(Kernels.ND4J, Kernels.ONEDNN)
                    .map(kernels -> Arguments.of(loss.get("smoothing"), kernels, loss)));
  }

  @ParameterizedTest(name = "{0}, {1}")
  @MethodSource("losses")
  void smoothedLossesAreTimms(JsonNode smoothing, String name, JsonNode theirs) {
    JsonNode classes = theirs.get("classes");
    int batch = classes.size();
    INDArray scores = Nd4j.createFromArray(floats(theirs.get("scores"))).reshape(batch, -1);
    INDArray labels = Nd4j.zeros(DataType.FLOAT, scores.shape());
    for (int i = 0; i < batch; i++) {
      labels.putScalar(i, classes.get(i).intValue(), 1);
    }
    INDArray gradient = Nd4j.create(DataType.FLOAT, scores.shape());
    INDArray losses = Nd4j.create(DataType.FLOAT, batch);

    try (Kernels kernels = Kernels.create(name, 1)) {
      kernels.softmaxCrossEntropy(scores, labels, smoothing.doubleValue(), gradient, losses);
    }

    assertThat(losses.meanNumber().doubleValue())
        .isCloseTo(theirs.get("loss").doubleValue(), within(2e-6));
    assertThat(gradient.ravel().toFloatVector())
        .containsExactly(floats(theirs.get("gradient")), within(2e-7f));
  }

  static Stream<Arguments> schedules() {
    return elements(REFERENCE.get("schedules"))
        .map(
            theirs ->
                Arguments.of(
                    theirs.get("schedule").textValue(),
                    theirs.get("warmup-epochs").doubleValue(),
                    theirs.get("steps-per-epoch").doubleValue(),
                    theirs));
  }

  @ParameterizedTest(name = "{0}, warm-up {1}, {2} steps an epoch")
  @MethodSource("schedules")
  void ratesAreTheLibrarys(
      String name, double warmupEpochs, double stepsPerEpoch, JsonNode theirs) {
    LearningRateSchedule schedule =
        switch (name) {
          case "cosine" -> new Cosine(0.256, theirs.get("epochs").doubleValue());
          case "staircase" -> ExponentialStaircase.original(0.256);
          case "milestones" -> new Step(0.256, 0.1, List.of(3.0, 5.0));
          default -> throw new IllegalArgumentException(name);
        };
    LearningRateSchedule warmed = warmupEpochs > 0 ? new Warmup(warmupEpochs, schedule) : schedule;

    assertThat(theirs.get("rates")).hasSizeGreaterThan(25);
    for (JsonNode rate : theirs.get("rates")) {
      assertThat(warmed.rate(rate.get(0).longValue(), stepsPerEpoch))
          .as("step %s", rate.get(0))
          .isCloseTo(rate.get(1).doubleValue(), within(1e-15));
    }
  }
}
