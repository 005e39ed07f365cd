package io.phiscale.jobs.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

class TopKAccuracyTest {
  private static final List<Integer> RANKS = List.of(1, 2);

  @Test
  void countsRanksAndCrossEntropy() {
    FloatBuffer logits = FloatBuffer.wrap(new float[] {2, 1, 0, /**/ 0, 1, 2});
    TopKAccuracy counts = TopKAccuracy.of(RANKS, logits, 3, List.of(0, 1), 2);
    assertThat(counts.correct()).containsExactly(1L, 2L);
    assertThat(counts.accuracy(1)).isEqualTo(0.5);
    assertThat(counts.accuracy(2)).isEqualTo(1.0);
    double partition = Math.log(Math.exp(2) + Math.exp(1) + Math.exp(0));
    assertThat(counts.loss()).isCloseTo(((partition - 2) + (partition - 1)) / 2, within(1e-12));
  }

  @Test
  void constantScoresAreCorrectForTheFirstClassOnly() {
    FloatBuffer logits = FloatBuffer.wrap(new float[9]);
    TopKAccuracy counts = TopKAccuracy.of(RANKS, logits, 3, List.of(0, 1, 2), 3);
    assertThat(counts.correct()).containsExactly(1L, 2L);
  }

  @Test
  void theSumDoesNotDependOnTheDivision() {
    FloatBuffer logits = FloatBuffer.wrap(new float[] {2, 1, 0, 0, 1, 2, 5, 4, 3});
    TopKAccuracy whole = TopKAccuracy.of(RANKS, logits, 3, List.of(0, 1, 1), 3);
    TopKAccuracy parts =
        TopKAccuracy.none(RANKS)
            .plus(TopKAccuracy.of(RANKS, logits, 3, List.of(0, 1), 2))
            .plus(
                TopKAccuracy.of(RANKS, FloatBuffer.wrap(new float[] {5, 4, 3}), 3, List.of(1), 1));
    assertThat(parts.images()).isEqualTo(whole.images());
    assertThat(parts.correct()).isEqualTo(whole.correct());
    assertThat(parts.lossSum()).isCloseTo(whole.lossSum(), within(1e-12));
  }

  @Test
  void nothingScoredIsNotANumber() {
    assertThat(TopKAccuracy.none(RANKS).accuracy(1)).isNaN();
    assertThat(TopKAccuracy.none(RANKS).loss()).isNaN();
    assertThat(TopKAccuracy.none(RANKS).accuracy(5)).isNaN();
  }

  @Test
  void refusesToMixRanks() {
    assertThatThrownBy(() -> TopKAccuracy.none(RANKS).plus(TopKAccuracy.none(List.of(1))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Cannot add counts for ranks [1] to ranks [1, 2]");
  }
}
