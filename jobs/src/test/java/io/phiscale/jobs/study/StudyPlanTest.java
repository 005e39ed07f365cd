package io.phiscale.jobs.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.config.StudySection.Axis;
import io.phiscale.jobs.train.NetworkPlan;
import io.phiscale.jobs.train.TrainingShare;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.NetworkCounts;
import io.phiscale.pipeline.shard.ShardManifest;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which cells a study has, what they are called and what they cost. No Spark. */
class StudyPlanTest {
  private static final ShardManifest MANIFEST = SmallManifest.of(1000, 10);

  private static PhiscaleConfiguration configuration(String... assignments) {
    ConfigurationLoader loader = new ConfigurationLoader();
    for (String assignment : assignments) {
      loader.set(assignment);
    }
    return loader.load();
  }

  private static StudyPlan plan(String... assignments) {
    return StudyPlan.of(configuration(assignments), MANIFEST);
  }

  private static List<String> names(StudyPlan plan) {
    return plan.cells().stream().map(StudyCell::name).toList();
  }

  @Test
  void defaultsAreThreeNetworksNamedByPhi() {
    StudyPlan plan = plan();

    assertThat(names(plan)).containsExactly("phi-0", "phi-1", "phi-2");
    StudyCell cell = plan.cells().get(1);
    assertThat(cell.configuration().train().output().getPath())
        .endsWith("/runs/default/study/phi-1");
    assertThat(cell.configuration().evaluate().checkpoint())
        .isEqualTo(cell.configuration().train().output());
    assertThat(cell.configuration().network().nameOr("")).isEqualTo("phi-1");
    assertThat(cell.images()).isEqualTo(350 * 100);
    assertThat(cell.flops()).isEqualTo(6.0 * cell.counts().multiplyAdds() * 35_000);
    assertThat(cell.offTarget()).isZero();
  }

  @Test
  void table7HasThePapersNetworksAtCountedFlops() {
    StudyPlan plan =
        StudyPlan.of(
            new ConfigurationLoader().file("../conf/imagenet-table7.conf").load(), MANIFEST);

    assertThat(names(plan))
        .containsExactly("phi-0", "phi-1", "depth-phi-1", "width-phi-1", "resolution-phi-1");
    StudyCell compound = plan.cells().get(1);
    assertThat(compound.coefficients()).isEqualTo(new ScalingCoefficients(1.2, 1.4, 291));
    // The reference counts of B0 and of depth 1.4, width 1.2, resolution 1.3.
    assertThat(plan.cells().get(0).counts().multiplyAdds()).isEqualTo(385_814_752L);
    assertThat(compound.counts().multiplyAdds()).isEqualTo(1_800_091_280L);
    for (StudyCell cell : plan.cells().subList(2, 5)) {
      assertThat(cell.targetMultiplyAdds()).isEqualTo(1_800_091_280L);
      assertThat(cell.offTarget()).as(cell.name()).isCloseTo(0, within(0.06));
      // What the run will build is what was counted.
      NetworkPlan built = NetworkPlan.of(cell.configuration().network(), 1000);
      assertThat(NetworkCounts.of(built.spec())).isEqualTo(cell.counts());
      assertThat(built.identity().name()).isEqualTo(cell.name());
      assertThat(built.identity().phi()).isNaN();
    }
    assertThat(plan.cells().get(2).coefficients().width()).isEqualTo(1);
    assertThat(plan.cells().get(2).coefficients().depth()).isGreaterThan(4);
    assertThat(plan.cells().get(3).coefficients().width()).isGreaterThan(2);
    assertThat(plan.cells().get(4).coefficients().resolutionPx()).isGreaterThan(448);
  }

  @Test
  void table3ScalesMobileNetV2() {
    StudyPlan plan =
        StudyPlan.of(
            new ConfigurationLoader().file("../conf/imagenet-table3.conf").load(), MANIFEST);

    // Sandler et al.: 300 M multiply-adds, 3.4 M parameters.
    assertThat(plan.cells().get(0).counts().multiplyAdds()).isBetween(298_000_000L, 302_000_000L);
    assertThat(plan.cells().get(0).counts().parameters()).isBetween(3_450_000L, 3_550_000L);
    assertThat(plan.cells()).hasSize(5);
  }

  @Test
  void everyAxisHasTheBaseAtPhiZeroWhateverElseIsThere() {
    assertThat(names(plan("study.axes=[width]", "study.phi=[0, 1]")))
        .containsExactly("phi-0", "width-phi-1");
    assertThat(plan("study.axes=[width]", "study.phi=[0]").cells().get(0).axis())
        .isEqualTo(Axis.COMPOUND);
  }

  @Test
  void cellsAreNamedByWhatTheyAreAloneSoAnOrderOrAnotherAxisChangesNoName() {
    List<String> one =
        names(
            plan(
                "study.axes=[compound, depth]",
                "study.phi=[1, 0.5]",
                "study.seeds=[0, 7]",
                "study.data-fractions=[1, 0.5]",
                "study.budget.epochs=[10]"));
    List<String> other =
        new ArrayList<>(
            names(
                plan(
                    "study.axes=[depth, compound]",
                    "study.phi=[0.5, 1]",
                    "study.seeds=[7, 0]",
                    "study.data-fractions=[0.5, 1]",
                    "study.budget.epochs=[10, 20]")));
    other.removeIf(name -> name.contains("20epochs"));

    assertThat(one)
        .hasSize(16)
        .doesNotHaveDuplicates()
        .contains("phi-0.5-10epochs", "depth-phi-1-data0.5-10epochs-seed7")
        .containsExactlyInAnyOrderElementsOf(other);
  }

  @Test
  void cellsRunInTheOrderOfTheirCost() {
    StudyPlan plan = plan("study.phi=[2, 0, 1]", "study.data-fractions=[1, 0.1]");
    List<StudyCell> order = plan.byCost();

    assertThat(order)
        .isSortedAccordingTo(Comparator.comparingDouble(StudyCell::flops))
        .containsExactlyInAnyOrderElementsOf(plan.cells());
    assertThat(order.get(0).name()).isEqualTo("phi-0-data0.1");
    assertThat(names(plan).get(0)).isEqualTo("phi-2-data0.1");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "study.budget.epochs=[7] | 7 | phi-0-7epochs",
        "study.budget.images=[1000] | 10 | phi-0-1000images",
        "study.budget.images=[1040] | 10 | phi-0-1040images",
        // Less than an epoch cannot be trained.
        "study.budget.images=[3] | 1 | phi-0-3images",
        // 6 * 385,814,752 * 100 images are 2.315e11 an epoch.
        "study.budget.flops=[2.3e12] | 10 | phi-0-2.3e12flops",
      })
  void budgetsBecomeWholeEpochs(String budget, int epochs, String name) {
    StudyCell cell =
        plan(budget, "study.phi=[0]", "train.learning-rate.warmup-epochs=0").cells().get(0);

    assertThat(cell.epochs()).isEqualTo(epochs);
    assertThat(cell.configuration().train().epochs()).isEqualTo(epochs);
    assertThat(cell.name()).isEqualTo(name);
  }

  @Test
  void aCellThatCannotBeIsNamed() {
    assertThatThrownBy(() -> plan("study.budget.epochs=[3]"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessage(
            "Cannot train cell phi-0-3epochs: Invalid train.learning-rate.warmup-epochs: 5.0 (must"
                + " be <= train.epochs = 3)");
    assertThatThrownBy(() -> plan("study.axes=[resolution]", "network.resolution=64"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith(
            "Invalid network.resolution: 64 (must be 0 where a study varies the resolution;");
  }

  @Test
  void gridsKeepTheConstraintAndNameTheConstants() {
    StudyPlan plan =
        plan("study.phi=[1]", "study.search.alpha=[1, 1.2, 1.4]", "study.search.gamma=[1.15, 1.3]");

    // alpha * 1.1^2 * gamma^2: 1.60, 2.04, 1.92, 2.45, 2.24, 2.86.
    assertThat(names(plan)).containsExactly("a1-b1.1-g1.3-phi-1", "a1.2-b1.1-g1.15-phi-1");
    assertThat(plan.cells().get(0).configuration().network().coefficients().gamma()).isEqualTo(1.3);
    assertThatThrownBy(() -> plan("study.phi=[1]", "study.search.alpha=[1, 1.4]"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessage(
            "Invalid study.search: none of 2 combinations has alpha * beta^2 * gamma^2 within 0.1 of"
                + " 2.0; the nearest is 1.4, 1.1, 1.15 with 2.2403");
  }

  @Test
  void sharesOfTheDataAreNestedAndRoundedUpToRowGroups() {
    TrainingShare all = TrainingShare.of(MANIFEST, URI.create("file:///s"), 1);
    TrainingShare half = TrainingShare.of(MANIFEST, URI.create("file:///s"), 0.45);

    assertThat(all.images()).isEqualTo(100);
    assertThat(half.images()).isEqualTo(50);
    assertThat(half.rowGroups()).isEqualTo(all.rowGroups().subList(0, 5));
    assertThat(TrainingShare.of(MANIFEST, URI.create("file:///s"), 0.001).images()).isEqualTo(10);
    assertThatThrownBy(() -> TrainingShare.of(MANIFEST, URI.create("file:///s"), 0))
        .hasMessage("Invalid share of the training images: 0.0 (must be in (0, 1])");
    assertThat(plan("study.data-fractions=[0.45]").cells().get(0).imagesPerEpoch()).isEqualTo(50);
  }

  @Test
  void oneNetworkForEachCombination() {
    StudyPlan plan =
        plan(
            "study.axes=[compound, depth, width, resolution]",
            "study.phi=[0, 1, 2]",
            "study.seeds=[0, 1, 2]");

    assertThat(plan.cells()).hasSize(3 * (1 + 2 * 4));
    assertThat(Collections.max(plan.cells(), Comparator.comparingDouble(StudyCell::offTarget)))
        .satisfies(cell -> assertThat(cell.offTarget()).isLessThan(0.2));
  }
}
