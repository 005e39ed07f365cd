package io.phiscale.pipeline.shard;

/** What becomes of the samples of a row group that is damaged. */
public enum DamagePolicy {
  /** Reading fails at the first of them. */
  FAIL,
  /**
   * Each keeps its position, and is {@link ShardSamples.Lost}. Where the damage lies in images
   * alone, only these are lost, once they are compared with their checksums.
   */
  SKIP
}
