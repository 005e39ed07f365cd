package io.phiscale.pipeline.batch;

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
}
