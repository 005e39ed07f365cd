package io.phiscale.jobs.config;

/** How much of a JPEG is decoded: {@code train.augment.decode}, {@code evaluate.decode}. */
public enum Decoding {
  FULL,
  SCALED
}
