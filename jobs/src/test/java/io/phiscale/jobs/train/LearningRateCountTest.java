package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.TrainSection;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The rate of every local step of a run is the one that tensorflow/tpu's {@code
 * build_learning_rate} (models/official/efficientnet/utils.py) has at the same number of images,
 * however many workers and local steps a round has.
 */
class LearningRateCountTest {
  private static final int SAMPLES = 6400;
  private static final int GLOBAL_BATCH = 64;
  private static final double STEPS_PER_EPOCH = (double) SAMPLES / GLOBAL_BATCH;
  private static final int EPOCHS = 12;

  /** {@code build_learning_rate}, line by line. */
  private static double original(String type, double initial, int step, double warmupEpochs) {
    double rate =
        switch (type) {
          case "exponential" ->
              initial * Math.pow(0.97, Math.floor(step / (STEPS_PER_EPOCH * 2.4)));
          case "cosine" ->
              0.5 * initial * (1 + Math.cos(Math.PI * step / (EPOCHS * STEPS_PER_EPOCH)));
          case "constant" -> initial;
          // Not in the original: torch's MultiStepLR.
          case "step" -> initial * Math.pow(0.1, (step >= 300 ? 1 : 0) + (step >= 750 ? 1 : 0));
          default -> throw new IllegalArgumentException(type);
        };
    int warmupSteps = (int) (warmupEpochs * STEPS_PER_EPOCH);
    return step < warmupSteps ? initial * step / warmupSteps : rate;
  }

  @ParameterizedTest
  @CsvSource({
    "exponential,5,1,1",
    "exponential,5,4,5",
    "exponential,0,2,10",
    "cosine,5,2,1",
    "cosine,2,4,5",
    "constant,3,2,5",
    "step,2,2,5",
    "step,0,1,1",
  })
  void everyStepHasTheOriginalsRate(String type, double warmup, int workers, int localSteps) {
    TrainSection train =
        new ConfigurationLoader()
            .set("train.learning-rate.schedule=" + type)
            .set("train.learning-rate.warmup-epochs=" + warmup)
            .set("train.learning-rate.milestones=[3, 7.5]")
            .set("train.epochs=" + EPOCHS)
            .set("train.workers=" + workers)
            .set("train.batch-size=" + GLOBAL_BATCH / workers)
            .load()
            .train();
    EpochPlan plan =
        new EpochPlan(SAMPLES, workers, new LocalSteps.Constant(localSteps), train.batchSize());
    TrainingRecipe recipe =
        new TrainingRecipe(
            null, TrainJob.schedule(train), null, null, null, List.of(), plan, null, null, 0, null);
    double initial = 0.016 * GLOBAL_BATCH / 256;

    int step = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
      for (long position = 0; position < SAMPLES; ) {
        EpochPlan.Round round = plan.round(epoch, position);
        for (int local = 0; local < plan.steps(round); local++) {
          assertThat(recipe.learningRate(epoch, round, local))
              .as("step %s", step)
              .isCloseTo(original(type, initial, step, warmup), within(1e-14));
          step++;
        }
        position = round.end();
      }
    }
    assertThat(step).isEqualTo((int) (EPOCHS * STEPS_PER_EPOCH));
  }
}
