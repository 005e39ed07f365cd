package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.study.CellOutcome;
import io.phiscale.jobs.study.StudyCell;
import io.phiscale.jobs.study.StudyPlan;
import io.phiscale.jobs.study.StudySamples;
import io.phiscale.jobs.train.TrainingListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What a log shows of a study. */
class StudyProgressTest {
  private final StringWriter err = new StringWriter();
  private final AtomicLong now = new AtomicLong();
  private final StudyProgress progress =
      new StudyProgress(
          new Console(
              new PrintWriter(new StringWriter()),
              new PrintWriter(err),
              Console.Terminal.PLAIN,
              now::get),
          now::get);

  private void round(TrainingListener cell, int number, long images) {
    now.addAndGet(Duration.ofSeconds(30).toNanos());
    cell.completed(
        new RoundMetrics(number, 1, images, 2.3, 0.1, 30, 117, 1, 0, 0, 1, 0, 0.1, 10, 0));
  }

  @Test
  void countsCellsAndTellsTheTimeByFlops() {
    // Two seeds of one network: 35,000 images each.
    StudyPlan plan = StudySamples.plan("study.phi=[0]", "study.seeds=[0, 1]");
    List<StudyCell> cells = plan.byCost();
    progress.planned(cells);
    TrainingListener first = progress.started(cells.get(0));
    first.started(1, 10);
    round(first, 1, 3500);
    round(first, 2, 7000);
    TrainingListener second = progress.started(cells.get(1));
    second.started(1, 10);
    round(second, 1, 3500);
    progress.ended(new CellOutcome.Failed(cells.get(0), new IOException("disk full")));
    now.addAndGet(Console.BETWEEN_PLAIN_LINES.toNanos());
    for (int number = 2; number <= 10; number++) {
      round(second, number, 3500L * number);
    }
    progress.ended(StudySamples.finished(cells.get(1), 0.75));

    List<String> lines = err.toString().lines().toList();
    assertThat(lines)
        .startsWith(
            "phi-0 (1/2): training 350 epochs in 10 rounds, 385,814,752 mult-adds",
            // 30 s for a twentieth.
            "study  0 of 2 done, 1 running, 0 failed  ETA 9:30  phi-0 round 1/10 loss 2.3000 117"
                + " images/s",
            "study  0 of 2 done, 1 running, 0 failed  ETA 9:00  phi-0 round 2/10 loss 2.3000 117"
                + " images/s",
            "phi-0-seed1 (2/2): training 350 epochs in 10 rounds, 385,814,752 mult-adds")
        .contains("phi-0 (1/2): failed: disk full")
        .anyMatch(
            line ->
                line.startsWith("study  0 of 2 done, 1 running, 1 failed  ETA ")
                    && line.contains("phi-0-seed1 round 2/10"))
        .contains("phi-0-seed1 (2/2): top-1 75.00% (EMA) on 1,000 images; overhead 0.7 s");
  }

  @Test
  void whatWasTrainedBeforeIsNoWorkOfThisStart() {
    StudyPlan plan = StudySamples.plan("study.phi=[0]", "study.seeds=[0, 1]");
    List<StudyCell> cells = plan.byCost();
    progress.planned(cells);
    progress.started(cells.get(0)).started(11, 10);
    progress.ended(StudySamples.finished(cells.get(0), 0.5));
    TrainingListener second = progress.started(cells.get(1));
    second.started(6, 10);
    round(second, 6, 21_000);

    assertThat(err.toString().lines())
        .contains(
            "phi-0 (1/2): all 350 epochs are trained already",
            "phi-0-seed1 (2/2): resumed after round 5, 350 epochs in 10 rounds, 385,814,752"
                + " mult-adds",
            // A tenth in 30 s, four tenths are left.
            "study  1 of 2 done, 1 running, 0 failed  ETA 2:00  phi-0-seed1 round 6/10 loss 2.3000"
                + " 117 images/s");
  }
}
