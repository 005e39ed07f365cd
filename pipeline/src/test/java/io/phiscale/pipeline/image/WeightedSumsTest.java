package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WeightedSumsTest {
  private static final int PIXEL = ImageResampler.CHANNELS * WeightedSums.COLUMN;

  private final WeightedSums vectors = WeightedSums.best();
  private final WeightedSums plain = new PlainWeightedSums();

  @Test
  void testsRunWithVectors() {
    assertThat(vectors).isInstanceOf(VectorWeightedSums.class);
  }

  @ParameterizedTest
  @CsvSource({"1, 4", "5, 5", "40, 24", "100, 24", "300, 7", "31, 64"})
  void rowsGiveTheSameBitsWithAndWithoutVectors(int in, int out) {
    Random random = new Random(in);
    ResampleWeights weights = new ResampleWeights(in, 0, in, out, Interpolation.BICUBIC);
    for (int length : new int[] {1, 63, 64, 65, 200}) {
      int end = WeightedSums.roundUp(length);
      byte[][] rows = new byte[in][end];
      for (byte[] row : rows) {
        random.nextBytes(row);
      }
      for (int output = 0; output < out; output++) {
        float[] expected = new float[end];
        float[] actual = new float[end];
        int first = weights.first(output);
        plain.ofBytes(expected, rows, first, weights, output, length);
        vectors.ofBytes(actual, rows, first, weights, output, length);
        assertThat(actual).isEqualTo(expected);
        int last = length - 1;
        assertThat(actual[last])
            .isEqualTo(byHand(k -> (float) (rows[first + k][last] & 0xff), weights, output));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 4", "5, 5", "40, 24", "100, 24", "300, 7", "31, 64"})
  void columnsGiveTheSameBitsWithAndWithoutVectors(int in, int out) {
    ResampleWeights weights = new ResampleWeights(in, 0, in, out, Interpolation.BICUBIC);
    float[] columns = floats(in * PIXEL, new Random(in));
    for (Mirroring mirroring : Mirroring.values()) {
      float[] expected = new float[out * PIXEL];
      float[] actual = new float[out * PIXEL];
      plain.ofColumns(expected, columns, weights, mirroring);
      vectors.ofColumns(actual, columns, weights, mirroring);
      assertThat(actual).isEqualTo(expected);
      for (int x = 0; x < out; x++) {
        int first = weights.first(x) * PIXEL;
        int to = (mirroring == Mirroring.HORIZONTAL ? out - 1 - x : x) * PIXEL;
        for (int i = 0; i < PIXEL; i += 13) {
          int at = first + i;
          assertThat(actual[to + i]).isEqualTo(byHand(k -> columns[at + k * PIXEL], weights, x));
        }
      }
    }
  }

  private static float[] floats(int length, Random random) {
    float[] floats = new float[length];
    for (int i = 0; i < length; i++) {
      floats[i] = 300 * random.nextFloat() - 20;
    }
    return floats;
  }

  private static float byHand(IntFunction<Float> input, ResampleWeights weights, int output) {
    float sum = 0;
    for (int k = 0; k < weights.taps(output); k++) {
      sum += weights.weights()[weights.offset(output) + k] * input.apply(k);
    }
    return sum;
  }

  @Test
  void rowsThatAreTooShortAreRefused() {
    ResampleWeights weights = new ResampleWeights(2, 0, 2, 1, Interpolation.BICUBIC);
    byte[][] rows = {new byte[128], new byte[127]};
    byte[][] whole = {new byte[128], new byte[128]};
    assertThatThrownBy(() -> vectors.ofBytes(new float[128], rows, 0, weights, 0, 65))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> vectors.ofBytes(new float[127], whole, 0, weights, 0, 65))
        .isInstanceOf(IndexOutOfBoundsException.class);
    float[] columns = new float[2 * PIXEL];
    float[] column = new float[PIXEL];
    assertThatThrownBy(() -> ofColumns(new float[PIXEL], new float[2 * PIXEL - 1], weights))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> ofColumns(new float[PIXEL - 1], columns, weights))
        .isInstanceOf(IndexOutOfBoundsException.class);
    ofColumns(column, columns, weights);
  }

  private void ofColumns(float[] target, float[] columns, ResampleWeights weights) {
    vectors.ofColumns(target, columns, weights, Mirroring.NONE);
  }
}
