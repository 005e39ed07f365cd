package io.phiscale.pipeline.batch;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.shard.SoftTargets;
import java.util.Optional;

/** One labelled, still encoded image on its way into a batch. */
public interface EncodedSample {

  /** Names the sample in messages; unique in its data set. */
  String key();

  /** Class index, from 0. */
  int label();

  /** Several labels with their weights, of which {@link #label} is the strongest, where known. */
  default Optional<SoftTargets> softTargets() {
    return Optional.empty();
  }

  /** The encoded image. Read, never written to, and not kept. */
  byte[] image();

  /**
   * The sample's place in the epoch's global order, from 0: what its random choices are drawn from.
   */
  long position();

  /**
   * What is wrong with the stored bytes, as far as that shows without decoding them; such a sample
   * is skipped, and its {@link #image} not asked for. Asked for once, by a thread that decodes.
   */
  default Optional<Damage> damage() {
    return Optional.empty();
  }

  /**
   * What is wrong with a sample.
   *
   * @param reason the reason, to count by
   * @param cause what exactly, for people
   */
  record Damage(SkipReason reason, String cause) {
    public Damage {
      requireNonNull(reason, "reason");
      requireNonNull(cause, "cause");
    }
  }
}
