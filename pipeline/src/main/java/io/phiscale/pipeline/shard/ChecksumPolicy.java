package io.phiscale.pipeline.shard;

/** Whether reading a shard computes each image's SHA-256 and compares it with the recorded one. */
public enum ChecksumPolicy {
  /** Take the bytes as they are. */
  TRUST,
  /** Compare, and fail at the first image that differs. */
  VERIFY
}
