package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.dataset.EncodedPicture;
import io.phiscale.jobs.report.NetworkDetail;
import io.phiscale.jobs.report.NetworkDetail.ClassResult;
import io.phiscale.jobs.report.NetworkDetail.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Which images stand for the classes that the report shows. */
final class Examples {
  private Examples() {}

  /**
   * A few predictions of each of {@link NetworkDetail#extremes}: of the harder half the surest
   * mistakes before the surest hits, of the easier half the other way round.
   *
   * @param detail of these predictions
   * @param names of the network's classes
   * @param perClass the most of one class
   * @return in the order of the classes, then in that of the pictures
   */
  static List<Prediction> chosen(
      NetworkDetail detail, List<String> names, List<Prediction> predictions, int perClass) {
    Map<String, List<Prediction>> byClass = new HashMap<>();
    for (Prediction prediction : predictions) {
      byClass
          .computeIfAbsent(names.get(prediction.label()), name -> new ArrayList<>())
          .add(prediction);
    }
    Comparator<Prediction> surest =
        Comparator.comparingDouble(Prediction::confidence)
            .reversed()
            .thenComparing(Prediction::key);
    List<ClassResult> shown = detail.extremes();
    List<Prediction> chosen = new ArrayList<>();
    for (int i = 0; i < shown.size(); i++) {
      List<Prediction> all = byClass.get(shown.get(i).name());
      Stream<Prediction> right = all.stream().filter(p -> p.isRight(1)).sorted(surest);
      Stream<Prediction> wrong = all.stream().filter(p -> !p.isRight(1)).sorted(surest);
      (i < shown.size() / 2 ? Stream.concat(wrong, right) : Stream.concat(right, wrong))
          .limit(perClass)
          .forEach(chosen::add);
    }
    return chosen;
  }

  /**
   * Predictions with their pictures.
   *
   * @param pictures by key, one for each prediction
   */
  static List<Example> of(
      List<Prediction> chosen, List<String> names, Map<String, EncodedPicture> pictures) {
    return chosen.stream()
        .map(
            prediction -> {
              EncodedPicture picture = pictures.get(prediction.key());
              return new Example(
                  names.get(prediction.label()),
                  names.get(prediction.guess()),
                  prediction.confidence(),
                  prediction.key(),
                  picture.mediaType(),
                  picture.encoded());
            })
        .toList();
  }
}
