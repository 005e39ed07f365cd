package io.phiscale.jobs.run;

import java.io.Serializable;

/**
 * Where training stands, between two rounds.
 *
 * @param round rounds completed
 * @param epoch epochs completed
 * @param position samples of the current epoch's order that were consumed
 * @param step local steps completed, of the busiest worker: what the moving average counts
 * @param images images seen, repeats counted
 * @param trainMillis time spent in rounds so far, milliseconds, earlier attempts included
 */
public record Progress(
    int round, int epoch, long position, long step, long images, long trainMillis)
    implements Serializable {
  /** Before the first round. */
  public static final Progress START = new Progress(0, 0, 0, 0, 0, 0);

  public Progress {
    if (round < 0 || epoch < 0 || position < 0 || step < 0 || images < 0 || trainMillis < 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid progress: round %s, epoch %s, position %s, step %s, images %s, %s ms"
                  + " (each must be >= 0)",
              round, epoch, position, step, images, trainMillis));
    }
  }
}
