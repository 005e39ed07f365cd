package io.phiscale.model.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Labels of mixed images. */
class LabelsTest {
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.EFFICIENTNET_B0, new ScalingCoefficients(0.25, 0.1, 32), 10)
          .withName("tiny");
  private static final int[] OWN = {1, 2, 3, 4};
  private static final int[] OTHER = {9, 2, 0, 5};

  private static final class Step {
    private final double loss;
    private final float[] parameters;

    Step(double loss, float[] parameters) {
      this.loss = loss;
      this.parameters = parameters;
    }
  }

  private static FloatBuffer images() {
    SplittableRandom random = new SplittableRandom(6);
    float[] values = new float[OWN.length * 32 * 32 * 3];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return FloatBuffer.wrap(values);
  }

  private static Step step(String kernels, Labels labels) {
    OptimizerSpec sgd = new OptimizerSpec.Sgd(0, OptimizerSpec.Sgd.Variant.CLASSICAL);
    try (Replica replica =
        new Replica(new ReplicaSpec(NETWORK, sgd, WeightDecay.OFF, 0.1, kernels, 1))) {
      float[] parameters = replica.initialParameters(1);
      float[] state = replica.initialOptimizerState();
      replica.load(parameters, state);
      double loss = replica.step(images(), labels, 0.1, 0, 8);
      replica.store(parameters, state);
      return new Step(loss, parameters);
    }
  }

  /** Cross entropy is linear in the targets, and so are its gradient and a step of plain SGD. */
  @ParameterizedTest
  @ValueSource(strings = {Kernels.ND4J, Kernels.ONEDNN})
  void aMixedLabelIsTheMixtureOfItsLabels(String kernels) {
    Step own = step(kernels, Labels.of(OWN));
    Step other = step(kernels, Labels.of(OTHER));
    Step mixed = step(kernels, Labels.mixed(OWN, OTHER, new float[] {0.75f, 0.75f, 0.75f, 0.75f}));

    assertThat(own.loss).isNotCloseTo(other.loss, within(1e-3));
    assertThat(mixed.loss).isCloseTo(0.75 * own.loss + 0.25 * other.loss, within(1e-5));
    for (int i = 0; i < mixed.parameters.length; i++) {
      float expected = 0.75f * own.parameters[i] + 0.25f * other.parameters[i];
      assertThat(mixed.parameters[i]).isCloseTo(expected, within(2e-5f));
    }
  }

  @Test
  void aWholeShareIsAPlainLabel() {
    Step plain = step(Kernels.ONEDNN, Labels.of(OWN));
    Step whole = step(Kernels.ONEDNN, Labels.mixed(OWN, OTHER, new float[] {1, 1, 1, 1}));

    assertThat(whole.loss).isEqualTo(plain.loss);
    assertThat(whole.parameters).isEqualTo(plain.parameters);
  }

  @Test
  void targetsSumToOneAlsoWhereBothClassesAreTheSame() {
    float[] row = new float[4];
    Labels labels = Labels.mixed(new int[] {3, 1}, new int[] {0, 1}, new float[] {0.25f, 0.4f});
    labels.writeTo(0, row);
    assertThat(row).containsExactly(0.75f, 0, 0, 0.25f);
    labels.writeTo(1, row);
    assertThat(row).containsExactly(0, 1, 0, 0);
    assertThat(labels.count()).isEqualTo(2);
  }

  /** Also where the other weights are too small to count: the same bits. */
  @Test
  void aTargetWithAllWeightOnOneLabelIsThatLabel() {
    Step plain = step(Kernels.ONEDNN, Labels.of(OWN));
    List<Labels.Target> targets =
        List.of(
            Labels.Target.weighted(List.of(1), List.of(0.3f)),
            Labels.Target.weighted(List.of(5, 2), List.of(1e-30f, 1e10f)),
            Labels.Target.weighted(List.of(3), List.of(7f)),
            Labels.Target.of(4));
    Step soft = step(Kernels.ONEDNN, Labels.mixed(targets, targets, new float[] {1, 1, 1, 1}));

    assertThat(soft.loss).isEqualTo(plain.loss);
    assertThat(soft.parameters).isEqualTo(plain.parameters);
  }

  /** The loss of several labels is the weighted mean of the losses of each. */
  @ParameterizedTest
  @ValueSource(strings = {Kernels.ND4J, Kernels.ONEDNN})
  void theLossOfASoftTargetIsTheMeanOverItsLabels(String kernels) {
    int[] third = {0, 0, 7, 8};
    List<Labels.Target> targets = new ArrayList<>();
    int[] second = {9, 3, 1, 6};
    for (int i = 0; i < OWN.length; i++) {
      targets.add(
          Labels.Target.weighted(List.of(OWN[i], second[i], third[i]), List.of(1f, 0.5f, 2.5f)));
    }
    double expected =
        0.25 * step(kernels, Labels.of(OWN)).loss
            + 0.125 * step(kernels, Labels.of(second)).loss
            + 0.625 * step(kernels, Labels.of(third)).loss;
    Step soft = step(kernels, Labels.mixed(targets, targets, new float[] {1, 1, 1, 1}));
    assertThat(soft.loss).isCloseTo(expected, within(1e-5));
  }

  @Test
  void weightsAndMixingMakeTheTargets() {
    Labels.Target own = Labels.Target.weighted(List.of(1, 2), List.of(0.2f, 0.6f));
    Labels.Target other = Labels.Target.weighted(List.of(3, 0), List.of(2f, 2f));
    float[] row = new float[5];
    Labels.mixed(List.of(own), List.of(other), new float[] {0.6f}).writeTo(0, row);
    float[] byHand = {0.2f, 0.15f, 0.45f, 0.2f, 0};
    for (int i = 0; i < row.length; i++) {
      assertThat(row[i]).isCloseTo(byHand[i], within(1e-7f));
    }
    assertThatThrownBy(() -> Labels.Target.weighted(List.of(1), List.of(0f)))
        .hasMessage("Invalid weight of a label: 0.0 (must be > 0)");
    assertThatThrownBy(() -> Labels.Target.weighted(List.of(1), List.of()))
        .hasMessage("Invalid labels: 1 classes and 0 weights (must be as many, at least one)");
  }

  @Test
  void rejectsWhatIsNoLabel() {
    assertThatThrownBy(() -> Labels.mixed(OWN, new int[1], new float[4]))
        .hasMessage("Invalid labels: 4 classes, 1 other classes and 4 shares (must be as many)");
    assertThatThrownBy(() -> Labels.mixed(new int[1], new int[1], new float[] {1.5f}))
        .hasMessage("Invalid share of a label: 1.5 (must be in [0, 1])");
    Labels beyond = Labels.mixed(new int[] {0}, new int[] {7}, new float[] {0.5f});
    assertThatThrownBy(() -> beyond.writeTo(0, new float[7]))
        .hasMessage("Invalid class: 7 (must be in [0, 7))");
  }
}
