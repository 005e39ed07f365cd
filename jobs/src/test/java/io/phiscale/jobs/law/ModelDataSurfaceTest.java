package io.phiscale.jobs.law;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ModelDataSurfaceTest {

  private static double truth(double size, double images) {
    return 0.05 + 0.2 * Math.pow(size / 1e8, -0.35) + 0.3 * Math.pow(images / 1e6, -0.5);
  }

  private static List<ModelDataSurface.Point> grid() {
    List<ModelDataSurface.Point> points = new ArrayList<>();
    for (double size : new double[] {1e8, 3e8, 1e9, 4e9}) {
      for (double images : new double[] {1e6, 4e6, 2e7}) {
        points.add(
            new ModelDataSurface.Point(size + "/" + images, size, images, truth(size, images)));
      }
    }
    return points;
  }

  @Test
  void bothExponentsAreRecovered() {
    ModelDataSurface surface = ModelDataSurface.of(grid(), 100, 3);
    assertThat(surface.coefficients().get(1).value()).isCloseTo(0.35, within(0.01));
    assertThat(surface.coefficients().get(3).value()).isCloseTo(0.5, within(0.01));
    assertThat(surface.errorAt(2e9, 1e7)).isCloseTo(truth(2e9, 1e7), within(1e-3));
  }

  /** More money goes into a larger network; the optimum is the best of all by the true formula. */
  @Test
  void optimumOfABudget() {
    ModelDataSurface surface = ModelDataSurface.of(grid(), 100, 3);
    List<ModelDataSurface.Candidate> candidates = new ArrayList<>();
    for (int phi = 0; phi <= 8; phi++) {
      double size = 1e8 * Math.pow(2, phi);
      candidates.add(new ModelDataSurface.Candidate("phi-" + phi, size, size));
    }
    ModelDataSurface.Optimum small = surface.optimum(6e14, candidates);
    ModelDataSurface.Optimum large = surface.optimum(6e17, candidates);
    assertThat(large.candidate().size()).isGreaterThan(small.candidate().size());
    for (ModelDataSurface.Optimum optimum : List.of(small, large)) {
      double budget = optimum.equals(small) ? 6e14 : 6e17;
      assertThat(optimum.images()).isEqualTo(budget / (6 * optimum.candidate().multiplyAdds()));
      assertThat(candidates)
          .allSatisfy(
              other ->
                  assertThat(truth(other.size(), budget / (6 * other.multiplyAdds())))
                      .isGreaterThanOrEqualTo(
                          truth(optimum.candidate().size(), optimum.images()) - 1e-3));
    }
    assertThatThrownBy(() -> surface.optimum(1e30, candidates))
        .isInstanceOf(TooFewObservationsException.class)
        .hasMessageContaining("Cannot say what is best for 1.000e+30 FLOPs");
  }

  @Test
  void refusesAGridThatIsTooSmall() {
    assertThatThrownBy(() -> ModelDataSurface.of(grid().subList(0, 6), 100, 3))
        .isInstanceOf(TooFewObservationsException.class)
        .hasMessage(
            "Cannot fit error over model and data: it needs at least 7 points of 3 sizes and 3"
                + " amounts of images, and there are 6 points of 2 sizes and 3 amounts");
  }
}
