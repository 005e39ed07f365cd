package io.phiscale.model.scaling;

import java.io.Serializable;

/**
 * By how much a base network is widened and deepened, and the resolution it then sees.
 *
 * @param width multiplier of every channel count (β^φ), > 0; 1 leaves the base as it is
 * @param depth multiplier of every stage's number of blocks (α^φ), > 0
 * @param resolutionPx side of the square input image in pixels, > 0 (absolute, not a multiplier)
 */
public record ScalingCoefficients(double width, double depth, int resolutionPx)
    implements Serializable {

  public ScalingCoefficients {
    if (!(width > 0) || Double.isInfinite(width)) {
      throw new IllegalArgumentException(
          String.format("Invalid width coefficient: %s (must be > 0 and finite)", width));
    }
    if (!(depth > 0) || Double.isInfinite(depth)) {
      throw new IllegalArgumentException(
          String.format("Invalid depth coefficient: %s (must be > 0 and finite)", depth));
    }
    if (resolutionPx <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid resolution in pixels: %s (must be > 0)", resolutionPx));
    }
  }

  /** The same network at another resolution. */
  public ScalingCoefficients withResolutionPx(int newResolutionPx) {
    return new ScalingCoefficients(width, depth, newResolutionPx);
  }
}
