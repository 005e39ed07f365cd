package io.phiscale.model.spec;

/** Which part of a network keeps its parameters while it is trained. */
public enum Freeze {
  /** Everything is trained. */
  NONE,
  /** Only the classifier is trained: transfer learning on fixed features. */
  FEATURES;

  /** Whether a layer is trained. */
  boolean trains(LayerSpec layer) {
    return this == NONE || layer.kind() == LayerSpec.Kind.DENSE;
  }
}
