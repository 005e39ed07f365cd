package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WeightedSumsTest {
  private final WeightedSums vectors = WeightedSums.best();
  private final WeightedSums plain = new PlainWeightedSums();

  @Test
  void testsRunWithVectors() {
    assertThat(vectors).isInstanceOf(VectorWeightedSums.class);
  }

  @ParameterizedTest
  @CsvSource({"1, 4", "5, 5", "40, 24", "100, 24", "300, 7", "31, 64"})
  void theSameBitsWithAndWithoutVectors(int in, int out) {
    Random random = new Random(in);
    ResampleWeights weights = new ResampleWeights(in, 0, in, out, Interpolation.BICUBIC);
    int step = 3;
    for (int length : new int[] {1, 63, 64, 65, 200}) {
      int end = WeightedSums.roundUp(length);
      byte[][] bytes = new byte[in][end];
      float[][] floats = new float[in * step][end];
      for (byte[] row : bytes) {
        random.nextBytes(row);
      }
      for (float[] row : floats) {
        for (int i = 0; i < end; i++) {
          row[i] = 300 * random.nextFloat() - 20;
        }
      }
      for (int output = 0; output < out; output++) {
        int first = weights.first(output);
        float[] expected = new float[end];
        float[] actual = new float[end];
        plain.ofBytes(expected, bytes, first, weights, output, length);
        vectors.ofBytes(actual, bytes, first, weights, output, length);
        assertThat(actual).isEqualTo(expected);
        assertThat(actual[0]).isEqualTo(byHand(bytes, weights, output));
        plain.ofFloats(expected, floats, first * step + 1, step, weights, output, length);
        vectors.ofFloats(actual, floats, first * step + 1, step, weights, output, length);
        assertThat(actual).isEqualTo(expected);
      }
    }
  }

  private static float byHand(byte[][] rows, ResampleWeights weights, int output) {
    float sum = 0;
    for (int k = 0; k < weights.taps(output); k++) {
      float weight = weights.weights()[weights.offset(output) + k];
      sum += weight * (rows[weights.first(output) + k][0] & 0xff);
    }
    return sum;
  }

  @Test
  void rowsThatAreTooShortAreRefused() {
    ResampleWeights weights = new ResampleWeights(2, 0, 2, 1, Interpolation.BICUBIC);
    byte[][] bytes = {new byte[128], new byte[127]};
    float[][] floats = {new float[128], new float[127]};
    assertThatThrownBy(() -> vectors.ofBytes(new float[128], bytes, 0, weights, 0, 65))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> vectors.ofFloats(new float[128], floats, 0, 1, weights, 0, 65))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> vectors.ofFloats(new float[127], floats, 0, 1, weights, 0, 65))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
