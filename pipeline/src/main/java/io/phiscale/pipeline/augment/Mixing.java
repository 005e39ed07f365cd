package io.phiscale.pipeline.augment;

import io.phiscale.pipeline.image.SampleRandom;
import java.io.Serializable;

/**
 * Mixup (Zhang et al. 2018, arXiv 1710.09412) and CutMix (Yun et al. 2019, arXiv 1905.04899): an
 * image becomes {@code share} of itself and the rest of another image of its batch, and so does its
 * label.
 *
 * <p>Mixup adds weighted pixels, CutMix pastes a rectangle of the other image over this one; share
 * ~ Beta(alpha, alpha). With both, each is done half the time.
 *
 * <p>Source: timm, {@code data/mixup.py}, with {@code mode='elem'}: every image has its own share,
 * drawn from its own random numbers, so that it does not depend on who makes the batch ({@code
 * tensorflow/tpu} draws per image too; timm's default is one share per batch). The other image is
 * the one at the mirrored place of the batch, as in both. CutMix's share is corrected to the area
 * that is left.
 *
 * @param mixupAlpha of Mixup, at least 0; 0: not done
 * @param cutmixAlpha of CutMix, at least 0; 0: not done
 */
public record Mixing(double mixupAlpha, double cutmixAlpha) implements Serializable {
  /** Nothing is mixed. */
  public static final Mixing NONE = new Mixing(0, 0);

  public Mixing {
    requireAlpha("Mixup", mixupAlpha);
    requireAlpha("CutMix", cutmixAlpha);
  }

  /** How one image is mixed. */
  public sealed interface Plan {
    /** What of the image and its label stays, [0, 1]. */
    double share();
  }

  /**
   * Mixup: {@code share * image + (1 - share) * other}.
   *
   * @param share [0, 1]
   */
  public record Blend(double share) implements Plan {}

  /**
   * CutMix: rows {@code top} to {@code bottom - 1} of columns {@code left} to {@code right - 1}
   * come from the other image.
   *
   * @param top first row
   * @param bottom row after the last
   * @param left first column
   * @param right column after the last
   * @param share part of the area that stays
   */
  public record Paste(int top, int bottom, int left, int right, double share) implements Plan {}

  private static void requireAlpha(String name, double alpha) {
    if (!(alpha >= 0) || alpha == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "Invalid alpha of %s: %s (must be >= 0)".formatted(name, alpha));
    }
  }

  /** Whether anything is mixed. */
  public boolean mixes() {
    return mixupAlpha > 0 || cutmixAlpha > 0;
  }

  /**
   * Draws how an image is mixed.
   *
   * @param side of the image, pixels
   * @param random the image's random numbers for this
   */
  public Plan plan(int side, SampleRandom random) {
    if (!mixes()) {
      throw new IllegalStateException("Cannot mix: neither Mixup nor CutMix is done");
    }
    boolean cut = cutmixAlpha > 0 && (mixupAlpha == 0 || random.nextDouble() < 0.5);
    double share = Distributions.beta(cut ? cutmixAlpha : mixupAlpha, random);
    return cut ? paste(side, share, random.nextInt(side), random.nextInt(side)) : new Blend(share);
  }

  /** timm's rand_bbox and correct_lam. */
  static Paste paste(int side, double share, int centreY, int centreX) {
    int cut = (int) (side * Math.sqrt(1 - share));
    int top = Math.max(0, centreY - cut / 2);
    int bottom = Math.min(side, centreY + (cut + 1) / 2);
    int left = Math.max(0, centreX - cut / 2);
    int right = Math.min(side, centreX + (cut + 1) / 2);
    double area = (double) (bottom - top) * (right - left);
    return new Paste(top, bottom, left, right, 1 - area / ((double) side * side));
  }
}
