package io.phiscale.pipeline.augment;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;

/**
 * What is done to training images beyond crop and mirror. The order is timm's: the policy, colour
 * jitter and lighting noise on the 8-bit picture at the network's resolution, then normalisation,
 * erasing, and mixing within the batch.
 *
 * @param policy operations on the picture
 * @param colorJitter strength of colour jitter, at least 0; 0: none
 * @param lighting deviation of AlexNet's lighting noise, at least 0; 0: none; 0.1 in the paper
 * @param erasing random erasing
 * @param mixing Mixup and CutMix
 */
public record Augmentation(
    Policy policy, double colorJitter, double lighting, Erasing erasing, Mixing mixing)
    implements Serializable {
  /** Crop and mirror alone. */
  public static final Augmentation NONE =
      new Augmentation(new Policy.None(), 0, 0, Erasing.NONE, Mixing.NONE);

  public Augmentation {
    requireNonNull(policy, "policy");
    requireNonNull(erasing, "erasing");
    requireNonNull(mixing, "mixing");
    requireNotNegative("colour jitter", colorJitter);
    requireNotNegative("lighting noise", lighting);
  }

  /** Returns this with another policy. */
  public Augmentation withPolicy(Policy other) {
    return new Augmentation(other, colorJitter, lighting, erasing, mixing);
  }

  /** Returns this with another strength of colour jitter. */
  public Augmentation withColorJitter(double strength) {
    return new Augmentation(policy, strength, lighting, erasing, mixing);
  }

  /** Returns this with another deviation of lighting noise. */
  public Augmentation withLighting(double stddev) {
    return new Augmentation(policy, colorJitter, stddev, erasing, mixing);
  }

  /** Returns this with other erasing. */
  public Augmentation withErasing(Erasing other) {
    return new Augmentation(policy, colorJitter, lighting, other, mixing);
  }

  /** Returns this with other mixing. */
  public Augmentation withMixing(Mixing other) {
    return new Augmentation(policy, colorJitter, lighting, erasing, other);
  }

  /** Whether the 8-bit picture is changed. */
  boolean changesPictures() {
    return !(policy instanceof Policy.None) || colorJitter > 0 || lighting > 0;
  }

  private static void requireNotNegative(String name, double value) {
    if (!(value >= 0) || value == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException("Invalid %s: %s (must be >= 0)".formatted(name, value));
    }
  }
}
