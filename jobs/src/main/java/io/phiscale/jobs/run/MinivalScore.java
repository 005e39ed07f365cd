package io.phiscale.jobs.run;

import io.phiscale.jobs.report.Weights;

/**
 * How good a checkpoint is on the minival images, which are held out of the training images to
 * choose between checkpoints, so that the validation set is seen by none of them.
 *
 * @param checkpoint name of its directory
 * @param stateSha256 digest of the {@code state.bin} that was scored, hex: a score of another state
 *     under the same name does not count
 * @param weights which of its parameters
 * @param images images scored, &gt; 0
 * @param top1 fraction of them whose class had the highest score, [0, 1]
 * @param loss mean cross-entropy, nats
 */
public record MinivalScore(
    String checkpoint, String stateSha256, Weights weights, long images, double top1, double loss) {

  public MinivalScore {
    if (images <= 0 || !(top1 >= 0 && top1 <= 1)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid minival score of %s: top-1 %s of %s images (must be in [0, 1], of > 0)",
              checkpoint, top1, images));
    }
  }

  /** The score of a published checkpoint. */
  public static MinivalScore of(
      CheckpointInfo info, Weights weights, long images, double top1, double loss) {
    return new MinivalScore(
        CheckpointStore.name(info.progress().round()),
        info.stateSha256(),
        weights,
        images,
        top1,
        loss);
  }

  boolean isOf(CheckpointInfo info) {
    return stateSha256.equals(info.stateSha256());
  }
}
