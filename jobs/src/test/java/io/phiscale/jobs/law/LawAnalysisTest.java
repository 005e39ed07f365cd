package io.phiscale.jobs.law;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.law.LawAnalysis.Axis;
import io.phiscale.jobs.law.LawAnalysis.Fitted;
import io.phiscale.jobs.law.LawAnalysis.Refused;
import io.phiscale.jobs.law.LawAnalysis.Settings;
import io.phiscale.jobs.law.LawAnalysis.Surface;
import io.phiscale.jobs.law.LawAnalysis.Tested;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LawAnalysisTest {
  private static final Settings SETTINGS =
      new Settings(List.of(LawForm.POWER, LawForm.OFFSET), 1000, 100, 7);

  private static ScaledNetwork network(double phi, double images) {
    double multiplyAdds = 1e8 * Math.pow(2, phi);
    double error =
        0.1 + 0.3 * Math.pow(multiplyAdds / 1e8, -0.4) + 0.1 * Math.pow(images / 1e6, -0.5);
    return new ScaledNetwork(
        "phi-" + phi, phi, multiplyAdds, multiplyAdds / 75, images, Math.min(error, 0.99));
  }

  private static List<ScaledNetwork> grid(double... amounts) {
    List<ScaledNetwork> networks = new ArrayList<>();
    for (double images : amounts) {
      for (int phi = 0; phi <= 5; phi++) {
        networks.add(network(phi, images));
      }
    }
    return networks;
  }

  @Test
  void oneAmountOfImagesGivesLawsOverSizeOnly() {
    LawAnalysis analysis = LawAnalysis.of(grid(1e6), SETTINGS);
    Fitted law = (Fitted) analysis.law(Axis.MULTIPLY_ADDS).outcome();
    // 0.1 + 0.1 of the images is this law's floor; the exponent is the size's.
    assertThat(law.fit().form()).isEqualTo(LawForm.OFFSET);
    assertThat(law.fit().coefficient("a").value()).isCloseTo(0.4, within(1e-3));
    assertThat(law.fit().coefficient("floor").value()).isCloseTo(0.2, within(1e-3));
    Tested tested = (Tested) law.extrapolation();
    assertThat(tested.heldOut().held().name()).isEqualTo("phi-5.0");
    assertThat(tested.heldOut().relativeError()).isCloseTo(0, within(1e-3));
    assertThat(analysis.law(Axis.MULTIPLY_ADDS).basis()).isEqualTo("all 6 networks");
    assertThat(analysis.law(Axis.MULTIPLY_ADDS).shared()).isEqualTo(1e6);
    assertThat(((Refused) analysis.law(Axis.IMAGES).outcome()).reason())
        .contains("needs networks of at least 4 different sizes to say anything, and there is 1");
    assertThat(((Refused) analysis.surface()).reason())
        .isEqualTo(
            "Cannot fit error over model and data: it needs at least 7 points of 3 sizes and 3"
                + " amounts of images, and there are 6 points of 6 sizes and 1 amount");
    assertThat(analysis.frontier()).hasSize(6);
  }

  /** Else a larger network that saw fewer images would bend the law over size. */
  @Test
  void amountsOfImagesAndFamiliesAreNotMixed() {
    List<ScaledNetwork> mixed = new ArrayList<>(grid(1e6));
    mixed.add(network(5, 1e4));
    mixed.add(new ScaledNetwork("wide", Double.NaN, 9e8, 1e7, 1e6, 0.7));
    LawAnalysis analysis = LawAnalysis.of(mixed, SETTINGS);
    LawAnalysis.AxisLaw law = analysis.law(Axis.MULTIPLY_ADDS);
    assertThat(((Fitted) law.outcome()).fit().observations()).hasSize(6);
    assertThat(((Fitted) law.outcome()).fit().residualRms()).isLessThan(1e-3);
    assertThat(law.basis())
        .isEqualTo("6 of 8 networks: networks that a φ describes that saw equally many images");
  }

  @Test
  void aGridOfSizesAndImagesGivesAllLawsAndTheOptimumOfABudget() {
    List<ScaledNetwork> networks = grid(2.5e5, 1e6, 4e6, 1.6e7);
    LawAnalysis analysis = LawAnalysis.of(networks, SETTINGS);
    assertThat(analysis.law(Axis.IMAGES).outcome()).isInstanceOf(Fitted.class);
    Surface surface = (Surface) analysis.surface();
    assertThat(surface.fit().coefficients().get(1).value()).isCloseTo(0.4, within(0.01));

    Budget budget = new Budget(6 * 4e8 * 4e6);
    Budget.Optimal optimal = (Budget.Optimal) budget.ask(networks, analysis);
    double best = optimal.optimum().error();
    assertThat(6 * optimal.optimum().candidate().multiplyAdds() * optimal.optimum().images())
        .isCloseTo(budget.flops(), within(1e-6 * budget.flops()));
    for (double phi = 0; phi <= 5; phi += 0.25) {
      double multiplyAdds = 1e8 * Math.pow(2, phi);
      assertThat(surface.fit().errorAt(multiplyAdds, budget.flops() / 6 / multiplyAdds))
          .isGreaterThan(best - 1e-4);
    }
    // d/dφ of 0.3·2^-0.4φ + 0.1·(images / 1e6)^-0.5 with images = budget / 6 / size is 0 here.
    assertThat(optimal.phi()).isBetween(2.0, 4.5);
  }

  @Test
  void aBudgetWithOneAmountOfImagesNamesTheNetworkThatItTrains() {
    List<ScaledNetwork> networks = grid(1e6);
    LawAnalysis analysis = LawAnalysis.of(networks, SETTINGS);
    Budget.OneAmount answer =
        (Budget.OneAmount) new Budget(6 * 1e8 * Math.pow(2, 3.5) * 1e6).ask(networks, analysis);
    assertThat(answer.phi()).isCloseTo(3.5, within(1e-6));
    assertThat(answer.error())
        .isCloseTo(0.2 + 0.3 * Math.pow(Math.pow(2, 3.5), -0.4), within(1e-3));
    assertThatThrownBy(() -> new Budget(1e30).ask(networks, analysis))
        .isInstanceOf(TooFewObservationsException.class)
        .hasMessageContaining("more than 100.0 times beyond what was observed");
    assertThatThrownBy(() -> new Budget(0))
        .hasMessage("Invalid budget: 0.0 FLOPs (must be > 0 and finite)");
  }

  @Test
  void tooFewNetworksAndNetworksThatLearnedNothingAreRefusedWithTheReason() {
    LawAnalysis three = LawAnalysis.of(grid(1e6).subList(0, 3), SETTINGS);
    String reason = ((Refused) three.law(Axis.MULTIPLY_ADDS).outcome()).reason();
    assertThat(reason)
        .isEqualTo(
            "Cannot fit M1 (ε = β·x^−a): it has 2 coefficients and needs networks of at least 4"
                + " different sizes to say anything, and there are 3");
    assertThatThrownBy(() -> new Budget(1e15).ask(grid(1e6).subList(0, 3), three))
        .hasMessage("Cannot say what is best for 1.000e+15 FLOPs: " + reason);

    List<ScaledNetwork> chance = new ArrayList<>(grid(1e6));
    chance.add(new ScaledNetwork("lost", 6, 1e10, 1e8, 1e6, 0.999));
    assertThat(
            ((Refused) LawAnalysis.of(chance, SETTINGS).law(Axis.MULTIPLY_ADDS).outcome()).reason())
        .contains("lost errs on 99.90% of the images, no less than guessing among 1000 classes");
    List<ScaledNetwork> perfect = new ArrayList<>(grid(1e6));
    perfect.add(new ScaledNetwork("perfect", 6, 1e10, 1e8, 1e6, 0));
    assertThat(
            ((Refused) LawAnalysis.of(perfect, SETTINGS).law(Axis.MULTIPLY_ADDS).outcome())
                .reason())
        .startsWith("Invalid error of perfect: 0.0");
  }

  @Test
  void seedsOfOneSizeAreOneSize() {
    List<ScaledNetwork> seeds = new ArrayList<>(grid(1e6).subList(0, 3));
    seeds.addAll(grid(1e6).subList(0, 3));
    assertThat(LawAnalysis.of(seeds, SETTINGS).law(Axis.MULTIPLY_ADDS).outcome())
        .isInstanceOf(Refused.class);
  }
}
