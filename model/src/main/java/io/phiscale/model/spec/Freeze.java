package io.phiscale.model.spec;

import java.util.Locale;

/** Which part of a network keeps its parameters while it is trained. */
public enum Freeze {
  /** Everything is trained. */
  NONE,
  /** Only the classifier is trained: transfer learning on fixed features. */
  FEATURES;

  /**
   * The value of a name, in any case.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public static Freeze named(String name) {
    for (Freeze freeze : values()) {
      if (freeze.name().equals(name.toUpperCase(Locale.ROOT))) {
        return freeze;
      }
    }
    throw new IllegalArgumentException(
        String.format("Invalid freeze: %s (must be none or features)", name));
  }

  /** Whether a layer is trained. */
  boolean trains(LayerSpec layer) {
    return this == NONE || layer.kind() == LayerSpec.Kind.DENSE;
  }
}
