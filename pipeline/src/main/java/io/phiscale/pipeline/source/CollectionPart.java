package io.phiscale.pipeline.source;

/** Which part of a collection is read whose publisher divided it, as the files' names say. */
public enum CollectionPart {
  /** The images to train on. */
  TRAIN,
  /** The images to test on. */
  TEST
}
