package io.phiscale.jobs.cli;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.train.TrainingListener;
import java.time.Duration;
import java.util.Locale;

/** The progress line of training: round, epoch, loss, accuracy, images/s, time left. */
final class TrainingProgress implements TrainingListener {
  private final Console console;
  private final String name;
  private final int epochs;
  private int rounds;
  private int firstRound;
  private double seconds;

  TrainingProgress(Console console, String name, PhiscaleConfiguration configuration) {
    this.console = console;
    this.name = name;
    this.epochs = configuration.train().epochs();
  }

  @Override
  public void started(int firstRound, int rounds) {
    this.firstRound = firstRound;
    this.rounds = rounds;
    if (firstRound > rounds) {
      console.note(name + ": all " + epochs + " epochs are trained already");
    } else if (firstRound > 1) {
      console.note(name + ": resumed after round " + (firstRound - 1) + " of " + rounds);
    } else {
      console.note(name + ": training " + epochs + " epochs in " + rounds + " rounds");
    }
  }

  @Override
  public void said(String line) {
    console.note(name + ": " + line);
  }

  @Override
  public void completed(RoundMetrics round) {
    seconds += round.seconds();
    if (round.round() == rounds) {
      console.note(line(round) + "  in " + time(seconds));
      return;
    }
    double perRound = seconds / (round.round() - firstRound + 1);
    console.progress(line(round) + "  ETA " + time(perRound * (rounds - round.round())));
  }

  @Override
  public void scored(MinivalScore score) {
    console.note(
        String.format(
            Locale.ROOT,
            "%s: %s has top-1 %.2f%% on %,d minival images (%s)",
            name,
            score.checkpoint(),
            100 * score.top1(),
            score.images(),
            score.weights().label()));
  }

  private String line(RoundMetrics round) {
    return String.format(
        Locale.ROOT,
        "%s  round %d/%d  epoch %.1f/%d  loss %.4f  accuracy %.1f%%  %s images/s",
        name,
        round.round(),
        rounds,
        round.epoch(),
        epochs,
        round.loss(),
        100 * round.accuracy(),
        String.format(
            Locale.ROOT, round.imagesPerSecond() < 10 ? "%.1f" : "%,.0f", round.imagesPerSecond()));
  }

  static String time(double seconds) {
    Duration duration = Duration.ofMillis(Math.round(seconds * 1e3));
    return duration.toHours() > 0
        ? String.format(
            Locale.ROOT,
            "%d:%02d:%02d",
            duration.toHours(),
            duration.toMinutesPart(),
            duration.toSecondsPart())
        : String.format(Locale.ROOT, "%d:%02d", duration.toMinutes(), duration.toSecondsPart());
  }
}
