package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.train.EpochPlan.Round;
import io.phiscale.jobs.train.EpochPlan.Share;
import io.phiscale.model.train.LearningRateSchedule;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class EpochPlanTest {
  private static final int EPOCHS = 3;

  private static EpochPlan plan(long samples, int workers, int localSteps, int batchSize) {
    return new EpochPlan(samples, workers, new LocalSteps.Constant(localSteps), batchSize);
  }

  /** Synchronous for the first epoch and a half, then as the rate falls along a cosine. */
  private static LocalSteps changing(int localSteps) {
    return new LocalSteps.PostLocal(
        1.5,
        new LocalSteps.Quadratic(
            localSteps, 0.1, 3 * localSteps, new LearningRateSchedule.Cosine(0.3, EPOCHS)));
  }

  @Property(tries = 200)
  void everySampleBelongsToExactlyOneShareOfOneRound(
      @ForAll @IntRange(min = 1, max = 2_000) int samples,
      @ForAll @IntRange(min = 1, max = 9) int workers,
      @ForAll @IntRange(min = 1, max = 7) int localSteps,
      @ForAll @IntRange(min = 1, max = 40) int batchSize) {
    LocalSteps steps = changing(localSteps);
    EpochPlan plan = new EpochPlan(samples, workers, steps, batchSize);
    int rounds = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
      long position = 0;
      while (position < samples) {
        Round round = plan.round(epoch, position);
        long most = steps.at((long) epoch * samples + position, samples);
        for (int worker = 0; worker < workers; worker++) {
          Share share = plan.share(round, worker);
          assertThat(share.start()).isEqualTo(position);
          position += share.count();
          assertThat((long) share.steps()).isLessThanOrEqualTo(most);
          assertThat(share.batchSize()).isLessThanOrEqualTo(batchSize);
          assertThat((long) share.steps() * share.batchSize())
              .isGreaterThanOrEqualTo(share.count());
        }
        assertThat(position).isEqualTo(round.end());
        rounds++;
      }
      assertThat(position).isEqualTo(samples);
    }
    assertThat(plan.roundsLeft(0, 0, EPOCHS)).isEqualTo(rounds);
  }

  /** Whatever the rule, and however often the number of workers changes. */
  @Property(tries = 200)
  void aRunResumedWithOtherWorkersTakesEverySampleOnce(
      @ForAll @IntRange(min = 1, max = 600) int samples,
      @ForAll @IntRange(min = 1, max = 5) int localSteps,
      @ForAll @IntRange(min = 1, max = 16) int batchSize,
      @ForAll long seed) {
    int[] taken = new int[samples];
    long position = 0;
    int rounds = 0;
    while (position < samples) {
      int workers = 1 + (int) Math.floorMod(Positions.digest(seed + rounds), 5L);
      EpochPlan plan = new EpochPlan(samples, workers, changing(localSteps), batchSize);
      Round round = plan.round(1, position);
      for (int worker = 0; worker < workers; worker++) {
        Share share = plan.share(round, worker);
        for (long at = share.start(); at < share.start() + share.count(); at++) {
          taken[(int) at]++;
        }
      }
      position = round.end();
      rounds++;
    }
    assertThat(taken).containsOnly(1);
  }

  @Test
  void smallRestsAreSpreadOverTheStepsInsteadOfLeftAsATinyBatch() {
    EpochPlan plan = plan(65, 1, 10, 32);
    assertThat(plan.share(plan.round(0, 0), 0)).isEqualTo(new Share(0, 65, 3, 22));
  }

  @Test
  void aRunResumedWithOtherWorkersContinuesAtTheSamePosition() {
    EpochPlan two = plan(1_000, 2, 5, 16);
    EpochPlan three = plan(1_000, 3, 5, 16);
    long position = two.round(0, 0).end();
    assertThat(three.round(0, position)).isEqualTo(new Round(160, 240));
    assertThat(three.roundsLeft(0, position, 1)).isEqualTo(4);
    assertThat(three.roundsLeft(0, position, 3)).isEqualTo(4 + 2 * 5);
    assertThat(three.roundsLeft(3, 0, 3)).isZero();
  }

  @Test
  void moreWorkersThanSamplesLeaveSomeWithNothing() {
    EpochPlan plan = plan(2, 3, 1, 4);
    assertThat(plan.share(plan.round(0, 0), 0)).isEqualTo(new Share(0, 0, 0, 0));
    assertThat(plan.share(plan.round(0, 0), 1)).isEqualTo(new Share(0, 1, 1, 1));
    assertThat(plan.steps(plan.round(0, 0))).isEqualTo(1);
  }

  @Test
  void refusesWhatCannotBe() {
    assertThatThrownBy(() -> plan(0, 1, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid number of samples: 0 (must be > 0)");
    assertThatThrownBy(() -> plan(1, 1, 0, 1))
        .hasMessage("Invalid number of local steps: 0 (must be > 0)");
    assertThatThrownBy(() -> plan(10, 1, 1, 1).round(0, 10))
        .hasMessage("Invalid position in the epoch: 10 (must be in [0, 10))");
    assertThatThrownBy(
            () -> {
              EpochPlan plan = plan(10, 2, 1, 1);
              plan.share(plan.round(0, 0), 2);
            })
        .hasMessage("Invalid worker: 2 (must be in [0, 2))");
  }
}
