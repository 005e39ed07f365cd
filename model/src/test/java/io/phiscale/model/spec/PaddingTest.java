package io.phiscale.model.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PaddingTest {

  @ParameterizedTest
  @CsvSource({
    // convention, input, kernel, stride, before, after, output
    "SYMMETRIC, 224, 3, 1, 1, 1, 224",
    "SYMMETRIC, 224, 3, 2, 1, 0, 112",
    "SYMMETRIC, 224, 5, 2, 2, 1, 112",
    "SYMMETRIC, 7, 3, 2, 1, 1, 4",
    "SYMMETRIC, 8, 1, 2, 0, 0, 4",
    "SAME, 224, 3, 1, 1, 1, 224",
    "SAME, 224, 3, 2, 0, 1, 112",
    "SAME, 224, 5, 2, 1, 2, 112",
    "SAME, 7, 3, 2, 1, 1, 4",
    "SAME, 8, 1, 2, 0, 0, 4",
  })
  void zerosOnEachSide(
      Padding padding, int input, int kernel, int stride, int before, int after, int output) {
    assertThat(padding.before(input, kernel, stride)).isEqualTo(before);
    assertThat(padding.after(input, kernel, stride)).isEqualTo(after);
    assertThat(padding.outputPx(input, stride)).isEqualTo(output);
  }

  /** The output size that both conventions are said to share, from the textbook formulas. */
  @Test
  void outputSizeAgreesWithBothDefinitions() {
    for (int input = 1; input <= 64; input++) {
      for (int kernel : new int[] {1, 3, 5, 7}) {
        for (int stride : new int[] {1, 2}) {
          int symmetric = (input + 2 * ((kernel - 1) / 2) - kernel) / stride + 1;
          int same = (int) Math.ceil(input / (double) stride);
          assertThat(Padding.SYMMETRIC.outputPx(input, stride)).isEqualTo(symmetric);
          assertThat(Padding.SAME.outputPx(input, stride)).isEqualTo(same);
        }
      }
    }
  }

  @Test
  void namesInAnyCase() {
    assertThat(Padding.named("same")).isEqualTo(Padding.SAME);
    assertThatThrownBy(() -> Padding.named("valid"))
        .hasMessage("Invalid padding: valid (must be SYMMETRIC or SAME)");
  }
}
