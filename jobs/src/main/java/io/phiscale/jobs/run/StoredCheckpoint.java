package io.phiscale.jobs.run;

import java.net.URI;
import java.util.Optional;

/** A checkpoint as it lies in its run. */
public sealed interface StoredCheckpoint {
  /** Name of its directory. */
  String name();

  /** Its directory. */
  URI place();

  /**
   * Nothing is wrong with it as far as was looked.
   *
   * @param info what it says about itself
   * @param bytes length of {@code state.bin}
   * @param score on the minival images, if it was scored
   */
  record Whole(
      String name, URI place, CheckpointInfo info, long bytes, Optional<MinivalScore> score)
      implements StoredCheckpoint {}

  /** What a write that died has left: no checkpoint. */
  record Unpublished(String name, URI place) implements StoredCheckpoint {}

  /**
   * It was published, and cannot be read any more.
   *
   * @param reason names the file and what is wrong with it
   */
  record Damaged(String name, URI place, String reason) implements StoredCheckpoint {}
}
