package io.phiscale.jobs.benchmark;

import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.spec.NetworkSpec;
import java.util.Locale;

/**
 * What is measured.
 *
 * @param trainer whose averaging
 * @param network whose parameters
 * @param optimizerSlots vectors of the optimizer's state that are averaged with them: 0 where none
 *     is, 1 for momentum, 2 for rmsprop and adamw; other trainers than {@link Trainer#PHISCALE}: 1
 * @param wire what replicas are sent in; other trainers than {@link Trainer#PHISCALE}: fp32
 * @param rounds rounds that count (&gt; 0), after as many that warm up
 * @param executors executors at most (&gt; 0); more workers share them evenly
 * @param executorMebibytes heap of an executor
 */
public record AveragingSetting(
    Trainer trainer,
    NetworkSpec network,
    int optimizerSlots,
    Wire wire,
    int rounds,
    int executors,
    int executorMebibytes) {

  /** Whose averaging. */
  public enum Trainer {
    /** The rounds of {@code phiscale train}, without training. */
    PHISCALE("phiscale"),
    /** {@code PhiscaleTrainingMaster} with a dense network of as many parameters. */
    PHISCALE_DL4J("phiscale-dl4j"),
    /** {@code ParameterAveragingTrainingMaster} with the same network and data. */
    DL4J("dl4j");

    private final String key;

    Trainer(String key) {
      this.key = key;
    }

    /** As the user writes it. */
    public String key() {
      return key;
    }
  }

  public AveragingSetting {
    if (rounds <= 0 || executors <= 0 || executorMebibytes <= 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid setting: %s rounds, %s executors of %s MiB (all must be > 0)",
              rounds, executors, executorMebibytes));
    }
    if (optimizerSlots < 0 || optimizerSlots > 2) {
      throw new IllegalArgumentException(
          String.format("Invalid optimizer slots: %s (must be 0, 1 or 2)", optimizerSlots));
    }
    if (optimizerSlots != 1 && trainer != Trainer.PHISCALE) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid optimizer slots: %s (must be 1 with %s)", optimizerSlots, trainer.key()));
    }
    if (wire != Wire.FP32 && trainer != Trainer.PHISCALE) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid wire: %s (must be fp32 with %s)",
              wire.name().toLowerCase(Locale.ROOT), trainer.key()));
    }
  }

  /** Values that are averaged. */
  long values() {
    return (1L + optimizerSlots) * EfficientNets.parameterLayout(network).length();
  }

  /** Executors of so many workers. */
  public int executors(int workers) {
    return Math.min(executors, workers);
  }

  /** Tasks that an executor runs at once. */
  public int slots(int workers) {
    return (workers + executors(workers) - 1) / executors(workers);
  }
}
