package io.phiscale.model.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.SerialCopies;
import io.phiscale.model.scaling.ScalingCoefficients;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MBConvSpecTest {

  @Test
  void decodesEveryToken() {
    assertThat(MBConvSpec.decode("r2_k5_s22_e6_i24_o40_se0.25_noskip"))
        .isEqualTo(new MBConvSpec(2, 5, 2, 6, 24, 40, 0.25, MBConvSpec.Skip.NONE));
    assertThat(MBConvSpec.decode("o16_i32_e1_s11_k3_r1_c0"))
        .isEqualTo(new MBConvSpec(1, 3, 1, 1, 32, 16, 0, MBConvSpec.Skip.IDENTITY));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "r1_k3_s11_e1_i32_o16_se0.25",
        "r4_k5_s22_e6_i112_o192_se0.25_noskip",
        "r1_k3_s22_e4_i16_o24"
      })
  void encodesAsTheOriginalWrites(String text) {
    assertThat(MBConvSpec.decode(text).encode()).isEqualTo(text);
  }

  @Property(seed = "1")
  void decodesWhatItEncodes(
      @ForAll @IntRange(min = 1, max = 30) int repeats,
      @ForAll @IntRange(min = 0, max = 4) int halfKernel,
      @ForAll @IntRange(min = 1, max = 2) int stride,
      @ForAll @IntRange(min = 1, max = 8) int expandRatio,
      @ForAll @IntRange(min = 1, max = 4000) int inputFilters,
      @ForAll @IntRange(min = 1, max = 4000) int outputFilters,
      @ForAll @DoubleRange(min = 0, max = 1) double squeezeRatio,
      @ForAll MBConvSpec.Skip skip) {
    MBConvSpec spec =
        new MBConvSpec(
            repeats,
            2 * halfKernel + 1,
            stride,
            expandRatio,
            inputFilters,
            outputFilters,
            squeezeRatio,
            skip);
    assertThat(MBConvSpec.decode(spec.encode())).isEqualTo(spec);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "r1_k3_s11_e1_i32_o16_q4|unknown token 'q4'",
        "r1_k3_s11_e1_i32_o16_|unknown token ''",
        "r1_k3_s11_e1_i32_o-16|unknown token 'o-16'",
        "r1_k3_s11_e1_i32_o16_r2|token 'r2' repeats 'r'",
        "r1_k3_s12_e1_i32_o16|token 's12' must be two equal strides, s11 or s22",
        "r1_k3_s2_e1_i32_o16|token 's2' must be two equal strides, s11 or s22",
        "r1_k3_s33_e1_i32_o16|Invalid stride: 3 (must be 1 or 2)",
        "r1_k3_s.._e1_i32_o16|unknown token 's..'",
        "r1_k3_e1_i32_o16|token 's' is missing",
        "r1_k3_s11_e1_i32|token 'o' is missing",
        "r1_k3_s11_e1.5_i32_o16|token 'e1.5' needs a whole number",
        "r1_k99999999999_s11_e1_i32_o16|token 'k99999999999' needs a whole number",
        "r1_k3_s11_e1_i32_o16_se0.2.5|token 'se0.2.5' needs a number",
        "r1_k3_s11_e1_i32_o16_se1.5|Invalid squeeze ratio: 1.5 (must be in [0, 1])",
        "r1_k4_s11_e1_i32_o16|Invalid kernel: 4 (must be odd and > 0)",
        "r0_k3_s11_e1_i32_o16|Invalid repeats: 0 (must be > 0)",
        "r1_k3_s11_e1_i32_o16_c1|token 'c1': only c0 exists",
      })
  void namesTheBadTokenAndTheValidOnes(String text, String problem) {
    assertThatThrownBy(() -> MBConvSpec.decode(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Invalid block string: "
                + text
                + " ("
                + problem
                + "; valid tokens: r<repeats> k<kernel> s<stride><stride> e<expand ratio>"
                + " i<input filters> o<output filters> se<squeeze ratio> noskip,"
                + " e.g. r2_k3_s22_e6_i16_o24_se0.25)");
  }

  @Test
  void scalesRepeatsAndChannels() {
    assertThat(
            MBConvSpec.decode("r3_k5_s11_e6_i80_o112_se0.25")
                .scaled(new ScalingCoefficients(1.4, 1.8, 380))
                .encode())
        .isEqualTo("r6_k5_s11_e6_i112_o160_se0.25");
  }

  @Test
  void survivesSerialization() throws Exception {
    MBConvSpec spec = MBConvSpec.decode("r3_k5_s11_e6_i80_o112_se0.25_noskip");
    assertThat(SerialCopies.copy(spec)).isEqualTo(spec);
  }
}
