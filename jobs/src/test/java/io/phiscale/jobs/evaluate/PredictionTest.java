package io.phiscale.jobs.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.report.Difference;
import io.phiscale.jobs.report.NetworkDetail;
import io.phiscale.jobs.report.Weights;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From scores to counts, classes, calibration and differences. */
class PredictionTest {
  private static final List<Integer> RANKS = List.of(1, 2);
  private static final List<Integer> THREE = List.of(0, 1, 2);

  private static Prediction of(String key, int label, float... scores) {
    return Prediction.of(key, label, scores, THREE);
  }

  /** The first guess is right or wrong with a confidence. */
  private static Prediction sure(String key, boolean right, double confidence) {
    return new Prediction(
        key, 0, right ? 0 : 1, right ? List.of(0, 1) : List.of(1, 0), confidence, 0.5);
  }

  @Test
  void countsRanksAndCrossEntropy() {
    TopKAccuracy counts = TopKAccuracy.of(RANKS, List.of(of("a", 0, 2, 1, 0), of("b", 1, 0, 1, 2)));
    assertThat(counts.correct()).containsExactly(1L, 2L);
    assertThat(counts.accuracy(1)).isEqualTo(0.5);
    assertThat(counts.accuracy(2)).isEqualTo(1.0);
    assertThat(counts.accuracy(3)).isNaN();
    double partition = Math.log(Math.exp(2) + Math.exp(1) + Math.exp(0));
    assertThat(counts.loss()).isCloseTo(((partition - 2) + (partition - 1)) / 2, within(1e-12));
    Prediction first = of("a", 0, 2, 1, 0);
    assertThat(first.guesses()).containsExactly(0, 1, 2);
    assertThat(first.confidence()).isCloseTo(Math.exp(2 - partition), within(1e-12));
  }

  @Test
  void constantScoresAreRightForTheFirstClassOnly() {
    List<Prediction> constant =
        List.of(of("a", 0, 0, 0, 0), of("b", 1, 0, 0, 0), of("c", 2, 0, 0, 0));
    assertThat(TopKAccuracy.of(RANKS, constant).correct()).containsExactly(1L, 2L);
    assertThat(constant.get(1).guess()).isZero();
  }

  @Test
  void nothingScoredIsNotANumber() {
    assertThat(TopKAccuracy.of(RANKS, List.of()).accuracy(1)).isNaN();
    assertThat(TopKAccuracy.of(RANKS, List.of()).loss()).isNaN();
  }

  @Test
  void onlyFiveGuessesAreKeptAndOnlyAmongTheAllowedClasses() {
    float[] scores = {9, 1, 8, 2, 7, 3, 6, 4};
    Prediction all = Prediction.of("a", 7, scores, List.of(0, 1, 2, 3, 4, 5, 6, 7));
    assertThat(all.guesses()).containsExactly(0, 2, 4, 6, 7);
    assertThat(all.rank()).isEqualTo(4);
    Prediction some = Prediction.of("a", 7, scores, List.of(1, 3, 5, 7));
    assertThat(some.guesses()).containsExactly(7, 5, 3, 1);
    assertThat(some.rank()).isZero();
    assertThat(some.confidence())
        .isCloseTo(1 / (1 + Math.exp(-1) + Math.exp(-2) + Math.exp(-3)), within(1e-12));
  }

  @Test
  void scoresThatAreNotFiniteShowInTheLoss() {
    assertThat(of("a", 0, Float.NaN, 1, 0).loss()).isNaN();
    assertThat(of("a", 0, 1, Float.POSITIVE_INFINITY, 0).loss()).isNaN();
  }

  @Test
  void classesConfusionsAndCalibrationAddUp() {
    List<Prediction> predictions =
        List.of(of("a", 0, 5, 0, 0), of("b", 0, 0, 5, 0), of("c", 0, 0, 5, 0), of("d", 2, 0, 0, 5));
    NetworkDetail detail =
        Details.of("n", Weights.RAW, "val", List.of("x", "y", "z"), predictions, Optional.empty());
    assertThat(detail.top1()).isEqualTo(0.5);
    assertThat(detail.top5()).isEqualTo(1);
    assertThat(detail.classes())
        .containsExactly(
            new NetworkDetail.ClassResult("x", 3, 1), new NetworkDetail.ClassResult("z", 1, 1));
    assertThat(detail.confusions()).containsExactly(new NetworkDetail.Confusion("x", "y", 2));
    assertThat(detail.calibration()).hasSize(Details.BINS);
    double confidence = 1 / (1 + 2 * Math.exp(-5));
    assertThat(detail.calibrationError()).isCloseTo(confidence - 0.5, within(1e-9));
  }

  /** By hand: bins (0.6, 0.667] and (0.933, 1] of 15. */
  @Test
  void calibrationErrorIsTheMeanDistanceOfTheBins() {
    List<Prediction> predictions =
        List.of(
            sure("a", true, 0.62),
            sure("b", false, 0.64),
            sure("c", true, 0.95),
            sure("d", true, 1.0));
    NetworkDetail detail =
        Details.of("n", Weights.EMA, "val", List.of("x", "y"), predictions, Optional.empty());
    double first = Math.abs(0.5 - 0.63);
    double second = Math.abs(1 - 0.975);
    assertThat(detail.calibrationError()).isCloseTo((2 * first + 2 * second) / 4, within(1e-12));
    assertThat(detail.calibration().get(9).images()).isEqualTo(2);
    assertThat(detail.calibration().get(14).images()).isEqualTo(2);
    assertThat(detail.calibration().get(0).accuracy()).isNaN();
  }

  /** The interval is that of the discordant images: ±1.96·√((b + c − (b − c)²/n))/n. */
  @Test
  void differencesOnTheSameImagesHaveNarrowIntervals() {
    List<Prediction> better = new ArrayList<>();
    List<Prediction> worse = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      String key = String.format("%04d", i);
      better.add(sure(key, i < 830, 0.8));
      worse.add(sure(key, i < 790 || i >= 990, 0.8));
    }
    Answers a = Answers.of("val", better);
    Answers b = Answers.of("val", worse);
    Difference difference = a.over("a", b, "b", 3).orElseThrow();
    assertThat(difference.difference()).isEqualTo(0.03);
    double reach = 1.96 * Math.sqrt(50 - 0.9) / 1000;
    assertThat(difference.low()).isCloseTo(0.03 - reach, within(0.002));
    assertThat(difference.high()).isCloseTo(0.03 + reach, within(0.002));
    assertThat(difference.isSettled()).isTrue();
    assertThat(a.over("a", b, "b", 3)).contains(difference);
    assertThat(a.over("a", a, "a", 3).orElseThrow().isSettled()).isFalse();

    List<Prediction> others = new ArrayList<>(better);
    others.set(5, sure("other", true, 0.8));
    assertThat(a.over("a", Answers.of("val", others), "c", 3)).isEmpty();
  }

  @Test
  void classesOfADataSetAreMatchedAsAsked() {
    List<String> network = List.of("a", "b", "c", "d");
    List<String> some = List.of("d", "b");
    ClassMatch subset =
        ClassMatch.of(network, some, EvaluateSection.ClassMatch.SUBSET, "run", "data");
    assertThat(subset.classOfLabel()).containsExactly(3, 1);
    assertThat(subset.among()).containsExactly(0, 1, 2, 3);
    assertThat(
            ClassMatch.of(network, some, EvaluateSection.ClassMatch.RESTRICTED, "run", "data")
                .among())
        .containsExactly(1, 3);
    assertThatThrownBy(
            () -> ClassMatch.of(network, some, EvaluateSection.ClassMatch.EXACT, "run", "data"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessage(
            "The checkpoint run was trained on 4 classes (a, ...), the data set data has 2 (d,"
                + " ...): all are among the network's; set evaluate.class-match = subset or"
                + " restricted to evaluate on them, or evaluate on the data set it was trained on");
    assertThatThrownBy(
            () ->
                ClassMatch.of(
                    network,
                    List.of("d", "c", "b", "a"),
                    EvaluateSection.ClassMatch.EXACT,
                    "run",
                    "data"))
        .hasMessageContaining("the same ones in another order");
    assertThatThrownBy(
            () ->
                ClassMatch.of(
                    network,
                    List.of("a", "x"),
                    EvaluateSection.ClassMatch.RESTRICTED,
                    "run",
                    "data"))
        .hasMessageContaining("the network does not know 1 of them (x); evaluate on the data set");
  }

  @TempDir Path folder;

  private RealLabels real(String json) throws IOException {
    Path file = Files.writeString(folder.resolve("real.json"), json);
    return RealLabels.read(Storage.of(Map.of()), file.toUri(), 3);
  }

  @Test
  void realLabelsCountAnyRightLabelAndLeaveOutImagesWithout() throws IOException {
    List<Prediction> imageNet =
        List.of(
            of("val/ILSVRC2012_val_00000001.JPEG", 0, 0, 5, 0),
            of("val/ILSVRC2012_val_00000002.JPEG", 0, 0, 5, 0),
            of("val/ILSVRC2012_val_00000003.JPEG", 0, 5, 0, 0));
    assertThat(real("[[0, 1], [2], []]").count(imageNet)).contains(new NetworkDetail.Real(2, 1));
    assertThat(
            real("{\"x/1.png\": [1], \"2.png\": [0]}")
                .count(List.of(of("x/1.png", 0, 0, 5, 0), of("y/2.png", 0, 0, 5, 0))))
        .contains(new NetworkDetail.Real(2, 1));
    assertThat(real("{\"z.png\": [1]}").count(imageNet)).isEmpty();
    assertThatThrownBy(() -> real("[[0], [1]]").count(imageNet))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("know 2 of 3 images, but not val/ILSVRC2012_val_00000003.JPEG");
    URI file = folder.resolve("real.json").toUri();
    assertThatThrownBy(() -> real("[[3]]"))
        .hasMessage("Cannot read labels " + file + ": 1. entry has label 3 (must be in [0, 3))");
    assertThatThrownBy(() -> real("[5]"))
        .hasMessage("Cannot read labels " + file + ": 1. entry is no array");
    assertThatThrownBy(() -> real("5"))
        .hasMessageContaining("it is neither an array of arrays nor an object");
    assertThatThrownBy(() -> real("{")).hasMessageStartingWith("Cannot read labels " + file);
  }
}
