package io.phiscale.jobs.law;

import java.util.Objects;

/**
 * One trained and evaluated network with everything a law may be fitted over.
 *
 * @param name which network
 * @param phi its compound coefficient; NaN where no φ describes it
 * @param multiplyAdds of one forward pass of one image, &gt; 0; NaN if unknown
 * @param parameters trainable, &gt; 0; NaN if unknown
 * @param images seen in training, repeats counted, &gt;= 0; NaN if unknown
 * @param error share of the evaluated images that the first guess got wrong, [0, 1]
 */
public record ScaledNetwork(
    String name, double phi, double multiplyAdds, double parameters, double images, double error) {
  public ScaledNetwork {
    Objects.requireNonNull(name, "name");
    if (multiplyAdds <= 0 || parameters <= 0 || images < 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid size of %s: %s multiply-adds, %s parameters, %s images (must be > 0)",
              name, multiplyAdds, parameters, images));
    }
    if (!(error >= 0 && error <= 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid error of %s: %s (must be in [0, 1])", name, error));
    }
  }

  /** Whether a φ describes it. */
  public boolean hasPhi() {
    return !Double.isNaN(phi);
  }
}
