package io.phiscale.model.train;

import java.util.Arrays;

/**
 * The right classes of a batch: one per image, or two with a share each where two images were mixed
 * (Mixup, CutMix).
 *
 * <p>Immutable.
 */
public final class Labels {
  private final int[] classes;
  private final int[] otherClasses;
  private final float[] shares;

  private Labels(int[] classes, int[] otherClasses, float[] shares) {
    this.classes = classes;
    this.otherClasses = otherClasses;
    this.shares = shares;
  }

  /** One class per image. */
  public static Labels of(int[] classes) {
    float[] shares = new float[classes.length];
    Arrays.fill(shares, 1);
    int[] own = classes.clone();
    return new Labels(own, own, shares);
  }

  /**
   * Two classes per image: image i is {@code shares[i]} of {@code classes[i]} and the rest of
   * {@code otherClasses[i]}.
   *
   * @param classes N class indices
   * @param otherClasses N class indices, which may be the same
   * @param shares N values of [0, 1]
   */
  public static Labels mixed(int[] classes, int[] otherClasses, float[] shares) {
    if (otherClasses.length != classes.length || shares.length != classes.length) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid labels: %s classes, %s other classes and %s shares (must be as many)",
              classes.length, otherClasses.length, shares.length));
    }
    for (float share : shares) {
      if (!(share >= 0 && share <= 1)) {
        throw new IllegalArgumentException(
            String.format("Invalid share of a label: %s (must be in [0, 1])", share));
      }
    }
    return new Labels(classes.clone(), otherClasses.clone(), shares.clone());
  }

  /** The number of images. */
  public int count() {
    return classes.length;
  }

  /**
   * Writes one row of targets, which sum to 1.
   *
   * @param image the image, 0 to N - 1
   * @param row receives a value per class
   * @throws IllegalArgumentException if a class is not below the row's length
   */
  void writeTo(int image, float[] row) {
    requireClass(classes[image], row.length);
    requireClass(otherClasses[image], row.length);
    Arrays.fill(row, 0);
    row[classes[image]] = shares[image];
    row[otherClasses[image]] += 1 - shares[image];
  }

  private static void requireClass(int label, int classes) {
    if (label < 0 || label >= classes) {
      throw new IllegalArgumentException(
          String.format("Invalid class: %s (must be in [0, %s))", label, classes));
    }
  }
}
