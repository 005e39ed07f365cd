package io.phiscale.model.layers;

/** Whether a layer has to compute the gradient of its input. */
public enum InputGradient {
  /** Something below learns. */
  COMPUTED,
  /** The layer sees the images themselves. */
  OMITTED
}
