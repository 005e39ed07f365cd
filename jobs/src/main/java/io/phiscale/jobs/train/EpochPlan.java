package io.phiscale.jobs.train;

import java.io.Serializable;

/**
 * Cuts an epoch's global sample order into averaging rounds, and a round into one contiguous share
 * per worker.
 *
 * <p>A round takes the next {@code workers x H x batchSize} samples of the order, where H depends
 * on the position of its first; the last round of an epoch takes what is left. A share is trained
 * in {@code ceil(count / batchSize)} local steps of nearly equal size, so that no batch is so small
 * that its batch-norm statistics are meaningless: 65 samples at batch size 32 are 22 + 22 + 21, not
 * 32 + 32 + 1. Since rounds are cut from (epoch, position) alone, a run may be resumed with another
 * number of workers without repeating or skipping a sample.
 *
 * @param samples samples in one epoch (&gt; 0)
 * @param workers replicas that train in parallel (&gt; 0)
 * @param localSteps local steps H of a worker between two averagings
 * @param batchSize images per worker and step, at most (&gt; 0)
 */
public record EpochPlan(long samples, int workers, LocalSteps localSteps, int batchSize)
    implements Serializable {

  public EpochPlan {
    positive("samples", samples);
    positive("workers", workers);
    positive("batch size", batchSize);
  }

  private static void positive(String what, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of %s: %s (must be > 0)", what, value));
    }
  }

  private static long ceilDiv(long dividend, long divisor) {
    return -Math.floorDiv(-dividend, divisor);
  }

  /**
   * Rounds from a point of the run to its end, counted by walking through them, as H may change.
   *
   * @param epoch epochs completed
   * @param position samples of the current epoch consumed
   * @param epochs epochs of the run
   */
  public int roundsLeft(int epoch, long position, int epochs) {
    int rounds = 0;
    long next = position;
    for (int walked = epoch; walked < epochs; walked++) {
      while (next < samples) {
        next = round(walked, next).end();
        rounds++;
      }
      next = 0;
    }
    return rounds;
  }

  /**
   * The round that starts at a position of an epoch's order.
   *
   * @param epoch epochs completed
   * @param position samples of the current epoch consumed
   */
  public Round round(int epoch, long position) {
    if (position < 0 || position >= samples) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid position in the epoch: %s (must be in [0, %s))", position, samples));
    }
    long steps = localSteps.at(epoch * samples + position, samples);
    return new Round(position, Math.min(workers * steps * batchSize, samples - position));
  }

  /** What one worker trains on in a round. */
  public Share share(Round round, int worker) {
    if (worker < 0 || worker >= workers) {
      throw new IllegalArgumentException(
          String.format("Invalid worker: %s (must be in [0, %s))", worker, workers));
    }
    long from = round.start() + round.count() * worker / workers;
    long to = round.start() + round.count() * (worker + 1) / workers;
    int steps = Math.toIntExact(ceilDiv(to - from, (long) batchSize));
    int size = steps == 0 ? 0 : Math.toIntExact(ceilDiv(to - from, (long) steps));
    return new Share(from, to - from, steps, size);
  }

  /** Local steps of the round's busiest worker: what counters and the moving average advance by. */
  public int steps(Round round) {
    int steps = 0;
    for (int worker = 0; worker < workers; worker++) {
      steps = Math.max(steps, share(round, worker).steps());
    }
    return steps;
  }

  /**
   * A contiguous piece of an epoch's order.
   *
   * @param start first position
   * @param count samples
   */
  public record Round(long start, long count) implements Serializable {
    /** First position after the round. */
    public long end() {
      return start + count;
    }
  }

  /**
   * One worker's piece of a round.
   *
   * @param start first position in the epoch's order
   * @param count samples, possibly 0
   * @param steps local steps
   * @param batchSize samples of each step; the last may have fewer
   */
  public record Share(long start, long count, int steps, int batchSize) implements Serializable {}
}
