package io.phiscale.jobs.cli;

import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.study.CellOutcome;
import io.phiscale.jobs.study.StudyCell;
import io.phiscale.jobs.study.StudyListener;
import io.phiscale.jobs.train.TrainingListener;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * The view of a running study: a line for each cell that begins, ends or fails, and one progress
 * line with the cells that are done, running, failed and waiting, and the time left. That is by
 * FLOPs: what was trained in the later half of the time took so long, what is left takes as long
 * for as many. The earlier half is left out, as Java is slow until it is warm. Safe for use by
 * several threads.
 */
final class StudyProgress implements StudyListener {
  private final Console console;
  private final LongSupplier nanoTime;
  private final Map<String, Running> running = new LinkedHashMap<>();
  private int cells;
  private int done;
  private int failed;
  private double flopsLeft;
  private double flopsTrained;
  private long began;
  private final Deque<Mark> marks = new ArrayDeque<>();

  /** What had been trained when. */
  private record Mark(long nanos, double flops) {}

  StudyProgress(Console console) {
    this(console, System::nanoTime);
  }

  StudyProgress(Console console, LongSupplier nanoTime) {
    this.console = console;
    this.nanoTime = nanoTime;
  }

  @Override
  public synchronized void planned(List<StudyCell> all) {
    cells = all.size();
    flopsLeft = all.stream().mapToDouble(StudyCell::flops).sum();
    marks.clear();
    marks.add(new Mark(nanoTime.getAsLong(), flopsTrained));
    began = marks.getFirst().nanos();
  }

  @Override
  public synchronized TrainingListener started(StudyCell cell) {
    Running now = new Running(cell, done + failed + running.size() + 1);
    running.put(cell.name(), now);
    return now;
  }

  @Override
  public synchronized void ended(CellOutcome outcome) {
    if (outcome instanceof CellOutcome.Dropped dropped) {
      cells--;
      flopsLeft -= dropped.cell().flops();
      console.note(dropped.cell().name() + ": left out, others were better at the budget before");
      return;
    }
    Running ended = running.remove(outcome.cell().name());
    // What a failed cell leaves untrained is not waited for.
    flopsLeft -= ended.flopsLeft();
    if (outcome instanceof CellOutcome.Failed failure) {
      failed++;
      console.note(ended.label() + ": failed: " + FailureMessage.of(failure.cause()));
    } else if (outcome instanceof CellOutcome.Finished finished) {
      done++;
      NetworkResult row = finished.row();
      console.note(
          String.format(
              Locale.ROOT,
              "%s: top-1 %.2f%% (%s) on %,d images; overhead %.1f s",
              ended.label(),
              100 * row.score().top1(),
              row.weights().label(),
              row.score().images(),
              finished.overhead().toMillis() / 1e3));
    }
    console.progress(line());
  }

  private void mark() {
    long now = nanoTime.getAsLong();
    marks.add(new Mark(now, flopsTrained));
    Mark first = marks.remove();
    while (marks.size() > 1 && marks.getFirst().nanos() - began <= (now - began) / 2) {
      first = marks.remove();
    }
    marks.addFirst(first);
  }

  private String line() {
    StringBuilder line =
        new StringBuilder(
            String.format(
                "study  %s of %s done, %s running, %s failed",
                done, cells, running.size(), failed));
    Mark from = marks.getFirst();
    if (flopsTrained > from.flops()) {
      double seconds = (nanoTime.getAsLong() - from.nanos()) / 1e9;
      line.append("  ETA ")
          .append(TrainingProgress.time(seconds * flopsLeft / (flopsTrained - from.flops())));
    }
    for (Running cell : running.values()) {
      line.append("  ").append(cell.words());
    }
    return line.toString();
  }

  /** One cell's training. */
  private final class Running implements TrainingListener {
    private final StudyCell cell;
    private final int place;
    private int rounds;
    private int round;
    private double imagesLeft;
    private long imagesSeen;
    private String loss = "";

    Running(StudyCell cell, int place) {
      this.cell = cell;
      this.place = place;
      this.imagesLeft = cell.images();
    }

    String label() {
      return String.format("%s (%s/%s)", cell.name(), place, cells);
    }

    String words() {
      return rounds == 0
          ? cell.name()
          : String.format("%s round %s/%s%s", cell.name(), round, rounds, loss);
    }

    double flopsLeft() {
      return cell.flops() * imagesLeft / cell.images();
    }

    @Override
    public void started(int firstRound, int allRounds) {
      synchronized (StudyProgress.this) {
        rounds = allRounds;
        round = firstRound - 1;
        if (firstRound > allRounds) {
          console.note(label() + ": all " + cell.epochs() + " epochs are trained already");
        } else {
          console.note(
              String.format(
                  Locale.ROOT,
                  "%s: %s %s epochs in %s rounds, %s mult-adds",
                  label(),
                  firstRound > 1 ? "resumed after round " + round + "," : "training",
                  cell.epochs(),
                  allRounds,
                  String.format(Locale.ROOT, "%,d", cell.counts().multiplyAdds())));
        }
        // Rounds that were trained before are no work of this start.
        double before = allRounds == 0 ? 0 : (double) round / allRounds;
        double images = cell.images() * Math.min(1, before);
        flopsLeft -= cell.flops() * images / cell.images();
        imagesLeft -= images;
      }
    }

    @Override
    public void said(String line) {
      console.note(label() + ": " + line);
    }

    @Override
    public void completed(RoundMetrics metrics) {
      synchronized (StudyProgress.this) {
        long seen = imagesSeen == 0 ? 0 : metrics.images() - imagesSeen;
        imagesSeen = metrics.images();
        round = metrics.round();
        double images =
            Math.min(imagesLeft, seen == 0 ? (double) cell.images() / Math.max(1, rounds) : seen);
        double flops = cell.flops() * images / cell.images();
        imagesLeft -= images;
        flopsLeft -= flops;
        flopsTrained += flops;
        mark();
        loss =
            String.format(
                Locale.ROOT, " loss %.4f %.0f images/s", metrics.loss(), metrics.imagesPerSecond());
        console.progress(line());
      }
    }

    @Override
    public void scored(MinivalScore score) {
      console.note(
          String.format(
              Locale.ROOT,
              "%s: %s has top-1 %.2f%% on %,d minival images (%s)",
              label(),
              score.checkpoint(),
              100 * score.top1(),
              score.images(),
              score.weights().label()));
    }
  }
}
