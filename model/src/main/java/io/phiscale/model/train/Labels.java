package io.phiscale.model.train;

import java.util.Arrays;
import java.util.List;

/**
 * The right classes of a batch: one per image or several with a weight each, and with those of
 * another image where two were mixed (Mixup, CutMix).
 *
 * <p>Immutable.
 */
public final class Labels {
  private final List<Target> targets;
  private final List<Target> others;
  private final float[] shares;

  private Labels(List<Target> targets, List<Target> others, float[] shares) {
    this.targets = targets;
    this.others = others;
    this.shares = shares;
  }

  /**
   * What one image shows: classes with shares that add up to 1, as in Mahajan et al. 2018 (arXiv
   * 1805.00932, section 2.2), where an image of k hashtags is 1/k of each.
   */
  public static final class Target {
    private final int[] classes;
    private final float[] shares;

    private Target(int[] classes, float[] shares) {
      this.classes = classes;
      this.shares = shares;
    }

    /** One class. */
    public static Target of(int label) {
      return new Target(new int[] {label}, new float[] {1});
    }

    /**
     * Several classes in proportion to their weights.
     *
     * @param classes class indices, at least one
     * @param weights as many, &gt; 0; what they add up to does not matter
     */
    public static Target weighted(List<Integer> classes, List<Float> weights) {
      double sum = 0;
      for (float weight : weights) {
        if (!(weight > 0) || weight == Float.POSITIVE_INFINITY) {
          throw new IllegalArgumentException(
              String.format("Invalid weight of a label: %s (must be > 0)", weight));
        }
        sum += weight;
      }
      if (classes.isEmpty() || classes.size() != weights.size()) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid labels: %s classes and %s weights (must be as many, at least one)",
                classes.size(), weights.size()));
      }
      int[] indices = new int[classes.size()];
      float[] shares = new float[indices.length];
      for (int i = 0; i < indices.length; i++) {
        indices[i] = classes.get(i);
        shares[i] = (float) (weights.get(i) / sum);
      }
      return new Target(indices, shares);
    }

    private void addTo(float[] row, float part) {
      for (int i = 0; i < classes.length; i++) {
        requireClass(classes[i], row.length);
        row[classes[i]] += part * shares[i];
      }
    }
  }

  /** One class per image. */
  public static Labels of(int[] classes) {
    float[] shares = new float[classes.length];
    Arrays.fill(shares, 1);
    List<Target> own = targets(classes);
    return new Labels(own, own, shares);
  }

  private static List<Target> targets(int[] classes) {
    return Arrays.stream(classes).mapToObj(Target::of).toList();
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
    return mixed(targets(classes), targets(otherClasses), shares);
  }

  /**
   * Two targets per image: image i is {@code shares[i]} of {@code targets[i]} and the rest of
   * {@code others[i]}.
   *
   * @param targets N of them
   * @param others N of them, which may be the same
   * @param shares N values of [0, 1]
   */
  public static Labels mixed(List<Target> targets, List<Target> others, float[] shares) {
    if (others.size() != targets.size() || shares.length != targets.size()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid labels: %s classes, %s other classes and %s shares (must be as many)",
              targets.size(), others.size(), shares.length));
    }
    for (float share : shares) {
      if (!(share >= 0 && share <= 1)) {
        throw new IllegalArgumentException(
            String.format("Invalid share of a label: %s (must be in [0, 1])", share));
      }
    }
    return new Labels(List.copyOf(targets), List.copyOf(others), shares.clone());
  }

  /** The number of images. */
  public int count() {
    return targets.size();
  }

  /**
   * Writes one row of targets, which sum to 1.
   *
   * @param image the image, 0 to N - 1
   * @param row receives a value per class
   * @throws IllegalArgumentException if a class is not below the row's length
   */
  void writeTo(int image, float[] row) {
    Arrays.fill(row, 0);
    targets.get(image).addTo(row, shares[image]);
    others.get(image).addTo(row, 1 - shares[image]);
  }

  private static void requireClass(int label, int classes) {
    if (label < 0 || label >= classes) {
      throw new IllegalArgumentException(
          String.format("Invalid class: %s (must be in [0, %s))", label, classes));
    }
  }
}
