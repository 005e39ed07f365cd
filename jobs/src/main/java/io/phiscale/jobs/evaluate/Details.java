package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.report.NetworkDetail;
import io.phiscale.jobs.report.NetworkDetail.CalibrationBin;
import io.phiscale.jobs.report.NetworkDetail.ClassResult;
import io.phiscale.jobs.report.NetworkDetail.Confusion;
import io.phiscale.jobs.report.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Classes, confusions and calibration from predictions. */
final class Details {
  /** As in Guo et al. (arXiv 1706.04599, section 2). */
  static final int BINS = 15;

  private Details() {}

  /**
   * Counts.
   *
   * @param names of the network's classes
   * @param predictions not empty
   */
  static NetworkDetail of(
      String network,
      Weights weights,
      String set,
      List<String> names,
      List<Prediction> predictions,
      Optional<NetworkDetail.Real> real) {
    TopKAccuracy counts =
        TopKAccuracy.of(List.of(1, Math.min(Prediction.GUESSES, names.size())), predictions);
    Map<Integer, long[]> classes = new TreeMap<>();
    Map<Integer, Map<Integer, Long>> wrong = new TreeMap<>();
    for (Prediction prediction : predictions) {
      long[] count = classes.computeIfAbsent(prediction.label(), label -> new long[2]);
      count[0]++;
      if (prediction.isRight(1)) {
        count[1]++;
      } else {
        wrong
            .computeIfAbsent(prediction.label(), label -> new TreeMap<>())
            .merge(prediction.guess(), 1L, Long::sum);
      }
    }
    List<ClassResult> results = new ArrayList<>();
    classes.forEach(
        (label, count) -> results.add(new ClassResult(names.get(label), count[0], count[1])));
    List<Confusion> confusions = new ArrayList<>();
    wrong.forEach(
        (label, guesses) ->
            guesses.forEach(
                (guess, images) ->
                    confusions.add(new Confusion(names.get(label), names.get(guess), images))));
    return new NetworkDetail(
        network,
        weights,
        set,
        predictions.size(),
        counts.correct().get(0),
        counts.accuracy(Math.min(Prediction.GUESSES, names.size())),
        counts.loss(),
        real,
        results,
        confusions,
        calibration(predictions));
  }

  /** {@value #BINS} bins of equal width: a confidence c is in bin ⌈c·15⌉, 0 in the first. */
  static List<CalibrationBin> calibration(List<Prediction> predictions) {
    long[] images = new long[BINS];
    long[] right = new long[BINS];
    double[] confidence = new double[BINS];
    for (Prediction prediction : predictions) {
      int bin =
          Math.max(0, Math.min(BINS - 1, (int) Math.ceil(prediction.confidence() * BINS) - 1));
      images[bin]++;
      confidence[bin] += prediction.confidence();
      right[bin] += prediction.isRight(1) ? 1 : 0;
    }
    List<CalibrationBin> bins = new ArrayList<>();
    for (int i = 0; i < BINS; i++) {
      boolean empty = images[i] == 0;
      bins.add(
          new CalibrationBin(
              (double) i / BINS,
              (double) (i + 1) / BINS,
              images[i],
              empty ? Double.NaN : confidence[i] / images[i],
              empty ? Double.NaN : (double) right[i] / images[i]));
    }
    return bins;
  }
}
