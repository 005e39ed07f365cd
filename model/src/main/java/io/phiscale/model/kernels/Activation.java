package io.phiscale.model.kernels;

/** What follows a batch norm or a convolution, elementwise. */
public enum Activation {
  /** y = z. */
  IDENTITY,
  /** y = z · sigmoid(z). Source: arXiv 1710.05941 with β = 1. */
  SWISH
}
