package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.run.RoundMetrics;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a log shows of training. */
class TrainingProgressTest {
  private final StringWriter err = new StringWriter();
  private final AtomicLong now = new AtomicLong();
  private TrainingProgress progress;

  @BeforeEach
  void open() {
    progress =
        new TrainingProgress(
            new Console(
                new PrintWriter(new StringWriter()),
                new PrintWriter(err),
                Console.Terminal.PLAIN,
                now::get),
            "cifar10",
            new ConfigurationLoader().set("train.epochs=5").load());
  }

  private void round(int number, double imagesPerSecond) {
    now.addAndGet(Console.BETWEEN_PLAIN_LINES.toNanos());
    progress.completed(
        new RoundMetrics(
            number,
            number / 2.0,
            100,
            2.3,
            0.1,
            2000,
            imagesPerSecond,
            1,
            0,
            0,
            1,
            0,
            0.125,
            10,
            0));
  }

  @Test
  void saysHowFarHowWellHowFastAndHowLong() {
    progress.started(1, 10);
    round(1, 1234.5);
    round(9, 3.26);
    round(10, 9.96);

    assertThat(err.toString().lines())
        .containsExactly(
            "cifar10: training 5 epochs in 10 rounds",
            "cifar10  round 1/10  epoch 0.5/5  loss 2.3000  accuracy 12.5%  1,235 images/s  ETA"
                + " 5:00:00",
            "cifar10  round 9/10  epoch 4.5/5  loss 2.3000  accuracy 12.5%  3.3 images/s  ETA 7:24",
            "cifar10  round 10/10  epoch 5.0/5  loss 2.3000  accuracy 12.5%  10.0 images/s  in"
                + " 1:40:00");
  }

  @Test
  void aResumedRunCountsItsOwnRounds() {
    progress.started(9, 10);
    round(9, 100);

    assertThat(err.toString().lines())
        .containsExactly(
            "cifar10: resumed after round 8 of 10",
            "cifar10  round 9/10  epoch 4.5/5  loss 2.3000  accuracy 12.5%  100 images/s  ETA 33:20");
  }
}
