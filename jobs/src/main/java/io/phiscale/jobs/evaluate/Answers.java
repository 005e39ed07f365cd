package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.report.Difference;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Which images of a set a network got right: a bit an image, so that networks can be compared on
 * the same images long after their predictions are gone.
 *
 * @param set name of the set
 * @param images how many
 * @param keysDigest SHA-256 of the images' keys in order: equal where the images are the same
 * @param right bit i: the i-th image by its key
 */
public record Answers(String set, int images, String keysDigest, BitSet right) {
  /** Bootstrap resamples of a difference. */
  static final int RESAMPLES = 1000;

  private static final double TAIL = 0.025;

  public Answers {
    right = (BitSet) right.clone();
  }

  /** From predictions in the order of their keys. */
  static Answers of(String set, List<Prediction> predictions) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
    BitSet right = new BitSet(predictions.size());
    for (int i = 0; i < predictions.size(); i++) {
      digest.update((predictions.get(i).key() + "\n").getBytes(StandardCharsets.UTF_8));
      right.set(i, predictions.get(i).isRight(1));
    }
    return new Answers(set, predictions.size(), HexFormat.of().formatHex(digest.digest()), right);
  }

  /**
   * How much better this network is than another one, with the 95% percentile interval of the
   * bootstrap over images (Efron &amp; Tibshirani 1993): both networks' answers to an image are
   * drawn together.
   *
   * @param name of this network
   * @param other answers of the other one
   * @param otherName its name
   * @param seed of the resamples
   * @return empty if it saw other images
   */
  public Optional<Difference> over(String name, Answers other, String otherName, long seed) {
    if (!keysDigest.equals(other.keysDigest) || images == 0) {
      return Optional.empty();
    }
    BitSet mine = (BitSet) right.clone();
    mine.andNot(other.right);
    BitSet theirs = (BitSet) other.right.clone();
    theirs.andNot(right);
    int gained = mine.cardinality();
    int lost = theirs.cardinality();
    SplittableRandom random = new SplittableRandom(seed);
    double[] differences = new double[RESAMPLES];
    for (int r = 0; r < RESAMPLES; r++) {
      int sum = 0;
      for (int i = 0; i < images; i++) {
        int drawn = random.nextInt(images);
        sum += drawn < gained ? 1 : drawn < gained + lost ? -1 : 0;
      }
      differences[r] = (double) sum / images;
    }
    Arrays.sort(differences);
    double difference = (double) (gained - lost) / images;
    return Optional.of(
        new Difference(
            name,
            otherName,
            set,
            images,
            difference,
            Math.min(difference, quantile(differences, TAIL)),
            Math.max(difference, quantile(differences, 1 - TAIL))));
  }

  private static double quantile(double[] sorted, double p) {
    double position = p * (sorted.length - 1);
    int below = (int) Math.floor(position);
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  }
}
