package io.phiscale.jobs.train;

import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;

/** Keeps the event files for TensorBoard in step with the published checkpoints. */
final class EventFiles implements TrainingListener {
  private final RunDirectory directory;
  private int lastRound;

  EventFiles(RunDirectory directory) {
    this.directory = directory;
  }

  /** What a run that died between a checkpoint and its events left out, or was not asked for. */
  @Override
  public void started(int firstRound, int rounds) {
    lastRound = firstRound - 1;
    write();
  }

  @Override
  public void completed(RoundMetrics round) {
    lastRound = round.round();
  }

  @Override
  public void published(URI checkpoint) {
    write();
  }

  @Override
  public void scored(MinivalScore score) {
    try {
      directory.writeEvent(score, lastRound);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void write() {
    try {
      directory.writeEvents(lastRound);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
