package io.phiscale.jobs.evaluate;

import java.io.Serializable;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Counts of an evaluation, mergeable: partitions count for themselves and the sum is the same
 * however the images were divided.
 *
 * @param ranks the k of top-k, ascending
 * @param images images scored
 * @param correct for each rank, images whose class was among the k highest scores
 * @param lossSum sum of the cross-entropy in nats
 * @param unreadable images that could not be decoded any more
 */
public record TopKAccuracy(
    List<Integer> ranks, long images, List<Long> correct, double lossSum, long unreadable)
    implements Serializable {

  public TopKAccuracy {
    ranks = List.copyOf(ranks);
    correct = List.copyOf(correct);
    if (ranks.size() != correct.size()) {
      throw new IllegalArgumentException(
          String.format("Invalid counts: %s for ranks %s", correct, ranks));
    }
  }

  /** Nothing counted yet. */
  public static TopKAccuracy none(List<Integer> ranks) {
    return new TopKAccuracy(
        ranks, 0, ranks.stream().map(rank -> 0L).collect(Collectors.toList()), 0, 0);
  }

  /**
   * Counts of one batch.
   *
   * <p>An image counts as correct at k if fewer than k classes score higher than its own; a class
   * that scores the same counts as higher if its index is lower. So constant scores are not correct
   * by accident.
   *
   * @param ranks the k of top-k, ascending
   * @param logits raw scores (N, classes), float32
   * @param classes number of classes
   * @param labels right class of each image
   * @param count images in the batch
   */
  public static TopKAccuracy of(
      List<Integer> ranks, FloatBuffer logits, int classes, List<Integer> labels, int count) {
    long[] correct = new long[ranks.size()];
    double lossSum = 0;
    for (int image = 0; image < count; image++) {
      int label = labels.get(image);
      int offset = image * classes;
      float own = logits.get(offset + label);
      int higher = 0;
      double maximum = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < classes; c++) {
        float score = logits.get(offset + c);
        maximum = Math.max(maximum, score);
        if (score > own || (score == own && c < label)) {
          higher++;
        }
      }
      double sum = 0;
      for (int c = 0; c < classes; c++) {
        sum += Math.exp(logits.get(offset + c) - maximum);
      }
      lossSum += maximum + Math.log(sum) - own;
      for (int i = 0; i < correct.length; i++) {
        if (higher < ranks.get(i)) {
          correct[i]++;
        }
      }
    }
    List<Long> counts = new ArrayList<>();
    for (long value : correct) {
      counts.add(value);
    }
    return new TopKAccuracy(ranks, count, counts, lossSum, 0);
  }

  /** The counts of both. */
  public TopKAccuracy plus(TopKAccuracy other) {
    if (!ranks.equals(other.ranks)) {
      throw new IllegalArgumentException(
          String.format("Cannot add counts for ranks %s to ranks %s", other.ranks, ranks));
    }
    List<Long> sums = new ArrayList<>();
    for (int i = 0; i < correct.size(); i++) {
      sums.add(correct.get(i) + other.correct.get(i));
    }
    return new TopKAccuracy(
        ranks, images + other.images, sums, lossSum + other.lossSum, unreadable + other.unreadable);
  }

  /** The same with more unreadable images. */
  TopKAccuracy withUnreadable(long more) {
    return new TopKAccuracy(ranks, images, correct, lossSum, unreadable + more);
  }

  /** Fraction of images correct at rank k; NaN if k was not asked for or nothing was scored. */
  public double accuracy(int k) {
    int index = ranks.indexOf(k);
    return index < 0 || images == 0 ? Double.NaN : (double) correct.get(index) / images;
  }

  /** Mean cross-entropy in nats; NaN if nothing was scored. */
  public double loss() {
    return images == 0 ? Double.NaN : lossSum / images;
  }
}
