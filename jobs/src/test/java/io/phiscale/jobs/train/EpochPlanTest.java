package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.train.EpochPlan.Round;
import io.phiscale.jobs.train.EpochPlan.Share;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class EpochPlanTest {

  @Property
  void everySampleBelongsToExactlyOneShareOfOneRound(
      @ForAll @IntRange(min = 1, max = 2_000) int samples,
      @ForAll @IntRange(min = 1, max = 9) int workers,
      @ForAll @IntRange(min = 1, max = 7) int localSteps,
      @ForAll @IntRange(min = 1, max = 40) int batchSize) {
    EpochPlan plan = new EpochPlan(samples, workers, localSteps, batchSize);
    long position = 0;
    int rounds = 0;
    while (position < samples) {
      Round round = plan.round(position);
      for (int worker = 0; worker < workers; worker++) {
        Share share = plan.share(round, worker);
        assertThat(share.start()).isEqualTo(position);
        position += share.count();
        assertThat(share.steps()).isLessThanOrEqualTo(localSteps);
        assertThat(share.batchSize()).isLessThanOrEqualTo(batchSize);
        assertThat((long) share.steps() * share.batchSize()).isGreaterThanOrEqualTo(share.count());
      }
      assertThat(position).isEqualTo(round.end());
      rounds++;
    }
    assertThat(position).isEqualTo(samples);
    assertThat(rounds).isEqualTo(plan.roundsPerEpoch());
  }

  @Test
  void smallRestsAreSpreadOverTheStepsInsteadOfLeftAsATinyBatch() {
    EpochPlan plan = new EpochPlan(65, 1, 10, 32);
    assertThat(plan.share(plan.round(0), 0)).isEqualTo(new Share(0, 65, 3, 22));
  }

  @Test
  void aRunResumedWithOtherWorkersContinuesAtTheSamePosition() {
    EpochPlan two = new EpochPlan(1_000, 2, 5, 16);
    EpochPlan three = new EpochPlan(1_000, 3, 5, 16);
    long position = two.round(0).end();
    assertThat(three.round(position)).isEqualTo(new Round(160, 240));
    assertThat(three.roundsFrom(position)).isEqualTo(4);
  }

  @Test
  void moreWorkersThanSamplesLeaveSomeWithNothing() {
    EpochPlan plan = new EpochPlan(2, 3, 1, 4);
    assertThat(plan.share(plan.round(0), 0)).isEqualTo(new Share(0, 0, 0, 0));
    assertThat(plan.share(plan.round(0), 1)).isEqualTo(new Share(0, 1, 1, 1));
    assertThat(plan.steps(plan.round(0))).isEqualTo(1);
  }

  @Test
  void refusesWhatCannotBe() {
    assertThatThrownBy(() -> new EpochPlan(0, 1, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid number of samples: 0 (must be > 0)");
    assertThatThrownBy(() -> new EpochPlan(10, 1, 1, 1).round(10))
        .hasMessage("Invalid position in the epoch: 10 (must be in [0, 10))");
    assertThatThrownBy(
            () -> {
              EpochPlan plan = new EpochPlan(10, 2, 1, 1);
              plan.share(plan.round(0), 2);
            })
        .hasMessage("Invalid worker: 2 (must be in [0, 2))");
  }
}
