package io.phiscale.jobs.run;

import java.io.Serializable;

/**
 * Images that a round of training left out, because what is stored of them is damaged: one line of
 * {@code RUN/skipped}.
 *
 * @param round number of the round, from 1
 * @param epoch epochs completed before it
 * @param shard the shard's URI
 * @param rowGroup the row group's place in it, from 0
 * @param images how many
 * @param reason {@code damaged-row-group}, {@code checksum-mismatch}, or why an image could not be
 *     decoded
 * @param key of the image; empty where it is a whole row group that is damaged
 * @param cause what exactly is wrong
 */
public record SkippedImages(
    int round,
    int epoch,
    String shard,
    int rowGroup,
    long images,
    String reason,
    String key,
    String cause)
    implements Serializable {

  public SkippedImages {
    if (images <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of skipped images: %s (must be > 0)", images));
    }
  }

  /** In one line, for messages. */
  public String describe() {
    return String.format(
        "%s in row group %s of %s: %s: %s",
        key.isEmpty() ? images + " images" : "image " + key, rowGroup, shard, reason, cause);
  }
}
