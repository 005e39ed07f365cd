package io.phiscale.jobs.evaluate;

import java.util.List;

/**
 * Counts of an evaluation.
 *
 * @param ranks the k of top-k, ascending
 * @param images images scored
 * @param correct for each rank, images whose class was among the k highest scores
 * @param lossSum sum of the cross-entropy in nats, in the order of the images' keys, so that it is
 *     the same however they were divided
 */
public record TopKAccuracy(List<Integer> ranks, long images, List<Long> correct, double lossSum) {

  public TopKAccuracy {
    ranks = List.copyOf(ranks);
    correct = List.copyOf(correct);
    if (ranks.size() != correct.size()) {
      throw new IllegalArgumentException(
          String.format("Invalid counts: %s for ranks %s", correct, ranks));
    }
  }

  /**
   * Counts predictions.
   *
   * @param ranks the k of top-k, ascending
   * @param predictions in the order of their keys
   */
  public static TopKAccuracy of(List<Integer> ranks, List<Prediction> predictions) {
    return new TopKAccuracy(
        ranks,
        predictions.size(),
        ranks.stream()
            .map(k -> predictions.stream().filter(prediction -> prediction.isRight(k)).count())
            .toList(),
        predictions.stream().mapToDouble(Prediction::loss).reduce(0, Double::sum));
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
