package io.phiscale.pipeline.augment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.augment.Mixing.Blend;
import io.phiscale.pipeline.augment.Mixing.Paste;
import io.phiscale.pipeline.augment.Mixing.Plan;
import io.phiscale.pipeline.image.SampleRandom;
import io.phiscale.pipeline.image.SampleRandom.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MixingTest {
  private static final int DRAWS = 20_000;

  private static SampleRandom random(long position) {
    return SampleRandom.of(11, 2, position).stream(Stream.MIXING);
  }

  @Test
  void cutMixsRectangleAndShareAreTimms() {
    for (String[] row : Tables.rows("policies.tsv", "cutmix")) {
      Paste paste =
          Mixing.paste(
              Integer.parseInt(row[1]),
              Double.parseDouble(row[2]),
              Integer.parseInt(row[3]),
              Integer.parseInt(row[4]));
      assertThat(paste)
          .isEqualTo(
              new Paste(
                  Integer.parseInt(row[5]),
                  Integer.parseInt(row[6]),
                  Integer.parseInt(row[7]),
                  Integer.parseInt(row[8]),
                  Double.parseDouble(row[9])));
    }
  }

  @Test
  void oneAlphaIsOneMethodAndTwoAreHalfAndHalf() {
    int pasted = 0;
    for (int i = 0; i < 1000; i++) {
      assertThat(new Mixing(0.2, 0).plan(32, random(i))).isInstanceOf(Blend.class);
      assertThat(new Mixing(0, 1).plan(32, random(i))).isInstanceOf(Paste.class);
      Plan plan = new Mixing(0.2, 1).plan(32, random(i));
      assertThat(plan.share()).isBetween(0.0, 1.0);
      pasted += plan instanceof Paste ? 1 : 0;
    }
    assertThat(pasted).isBetween(450, 550);
  }

  /** Mean 1/2, variance 1 / (4 (2 alpha + 1)); small alphas must not underflow. */
  @ParameterizedTest
  @ValueSource(doubles = {0.001, 0.2, 1, 4})
  void sharesAreBetaDistributed(double alpha) {
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < DRAWS; i++) {
      double share = Distributions.beta(alpha, random(i));
      assertThat(share).isBetween(0.0, 1.0);
      sum += share;
      squares += (share - 0.5) * (share - 0.5);
    }
    assertThat(sum / DRAWS).isCloseTo(0.5, within(0.015));
    assertThat(squares / DRAWS).isCloseTo(1 / (4 * (2 * alpha + 1)), within(0.005));
  }

  @Test
  void normalNumbersHaveTheirMoments() {
    SampleRandom random = random(0);
    double[] moments = new double[5];
    for (int i = 0; i < DRAWS; i++) {
      double value = Distributions.gaussian(random);
      for (int power = 1; power < moments.length; power++) {
        moments[power] += Math.pow(value, power) / DRAWS;
      }
    }
    assertThat(moments[1]).isCloseTo(0, within(0.03));
    assertThat(moments[2]).isCloseTo(1, within(0.04));
    assertThat(moments[3]).isCloseTo(0, within(0.12));
    assertThat(moments[4]).isCloseTo(3, within(0.3));
  }

  @Test
  void dirichletSharesSumToOneAndAreEvenInTheMean() {
    double[] means = new double[3];
    double[] shares = new double[3];
    for (int i = 0; i < DRAWS; i++) {
      Distributions.dirichlet(1, shares, random(i));
      assertThat(shares[0] + shares[1] + shares[2]).isCloseTo(1, within(1e-12));
      for (int k = 0; k < 3; k++) {
        means[k] += shares[k] / DRAWS;
      }
    }
    assertThat(means).containsExactly(new double[] {1 / 3.0, 1 / 3.0, 1 / 3.0}, within(0.01));
  }
}
