package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.Arrays;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DeltaCodecTest {

  private static float[] roundTrip(Wire wire, float[] values) {
    float[] decoded = new float[values.length];
    byte[] bytes = DeltaCodec.encode(wire, values, 0, values.length);
    DeltaCodec.decode(wire, bytes, decoded, 0, decoded.length);
    return decoded;
  }

  /** Of all magnitudes at once: from 1e-12 to 1e6. */
  private static float[] random(long seed, int length) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      double magnitude = Math.pow(10, random.nextDouble(-12, 6));
      values[i] = (float) (random.nextBoolean() ? magnitude : -magnitude);
    }
    return values;
  }

  private static float largestOfBlock(float[] values, int i) {
    int start = i / DeltaCodec.BLOCK * DeltaCodec.BLOCK;
    float largest = 0;
    for (int j = start; j < Math.min(values.length, start + DeltaCodec.BLOCK); j++) {
      largest = Math.max(largest, Math.abs(values[j]));
    }
    return largest;
  }

  @Property(tries = 100)
  void errorsStayWithinTheStatedBounds(
      @ForAll Wire wire, @ForAll @IntRange(min = 1, max = 700) int length, @ForAll long seed) {
    float[] values = random(seed, length);
    float[] decoded = roundTrip(wire, values);
    for (int i = 0; i < length; i++) {
      double value = Math.abs((double) values[i]);
      double largest = largestOfBlock(values, i);
      double bound =
          switch (wire) {
            case FP32 -> 0;
            case BF16 -> 0x1p-8 * value;
            case FP16 -> Math.max(0x1p-11 * value, 0x1p-39 * largest);
            // The scale and the product are rounded to single precision.
            case INT8 -> largest / 254 * (1 + 1e-4);
          };
      assertThat(Math.abs((double) decoded[i] - values[i])).isLessThanOrEqualTo(bound);
    }
  }

  @Property(tries = 100)
  void residualAndSentAddUpToTheDelta(
      @ForAll @Size(600) float @FloatRange(min = -10, max = 10) [] values) {
    float[] unsent = values.clone();
    byte[] bytes = DeltaCodec.encode(Wire.INT8, unsent, 0, unsent.length);
    DeltaCodec.residual(Wire.INT8, unsent, bytes, 0, unsent.length);
    float[] sent = roundTrip(Wire.INT8, values);
    for (int i = 0; i < values.length; i++) {
      double sum = (double) sent[i] + unsent[i];
      assertThat(Math.abs(sum - values[i])).isLessThanOrEqualTo(Math.ulp(sent[i]));
    }
  }

  /** What compensation is for: over many rounds what arrives is what was meant, to one step. */
  @Test
  void whatIsHeldBackIsSentInTheEnd() {
    WireOrder order =
        new WireOrder(ParameterLayout.builder().add("w", 300, Kind.DENSE_WEIGHT).build());
    float[] start = new float[300];
    float[] change = new float[300];
    for (int i = 0; i < change.length; i++) {
      change[i] = i == 0 ? 1 : 1e-3f; // far below the step of 1 / 127
    }
    float[] arrived = new float[300];
    float[] residual = new float[0];
    int rounds = 100;
    for (int round = 0; round < rounds; round++) {
      PackedState packed =
          PackedState.pack(Wire.INT8, order, start, change, new float[0], residual, 512);
      residual = packed.residual();
      float[] sent = packed.contributions(1).findFirst().orElseThrow().unpacked().values().values();
      for (int i = 0; i < arrived.length; i++) {
        arrived[i] += sent[i];
      }
    }
    for (int i = 0; i < arrived.length; i++) {
      assertThat(Math.abs(arrived[i] - rounds * change[i])).isLessThan(0.01f);
    }
  }

  @Test
  void everyBinary16IsReadAndWrittenBackAsItself() {
    for (int bits = 0; bits <= 0xFFFF; bits++) {
      if ((bits & 0x7C00) == 0x7C00) {
        continue; // infinities and NaN
      }
      assertThat(DeltaCodec.toFloat16(DeltaCodec.fromFloat16((short) bits)))
          .isEqualTo((short) bits);
    }
    assertThat(DeltaCodec.fromFloat16((short) 0x3C00)).isEqualTo(1);
    assertThat(DeltaCodec.fromFloat16((short) 0x7BFF)).isEqualTo(65_504);
    assertThat(DeltaCodec.fromFloat16((short) 0x8001)).isEqualTo(-0x1p-24f);
  }

  @Property(tries = 2_000)
  void binary16IsTheNearestAndOfTwoTheEven(@ForAll @FloatRange(min = 0, max = 65_504) float value) {
    int half = DeltaCodec.toFloat16(value);
    double error = Math.abs((double) DeltaCodec.fromFloat16((short) half) - value);
    for (int neighbour : new int[] {half - 1, half + 1}) {
      if (neighbour >= 0 && neighbour <= 0x7BFF) {
        double other = Math.abs((double) DeltaCodec.fromFloat16((short) neighbour) - value);
        assertThat(error).isLessThanOrEqualTo(other);
        assertThat(error < other || (half & 1) == 0).isTrue();
      }
    }
  }

  @Test
  void tiesGoToTheEvenNumberAndNothingOverflows() {
    assertThat(roundTrip(Wire.BF16, new float[] {1 + 0x1p-8f, 1 + 3 * 0x1p-8f, -1 - 0x1p-8f}))
        .containsExactly(1, 1 + 0x1p-6f, -1);
    assertThat(DeltaCodec.fromFloat16(DeltaCodec.toFloat16(1 + 0x1p-11f))).isEqualTo(1);
    assertThat(DeltaCodec.fromFloat16(DeltaCodec.toFloat16(1 + 3 * 0x1p-11f)))
        .isEqualTo(1 + 0x1p-9f);
    assertThat(DeltaCodec.fromFloat16(DeltaCodec.toFloat16(1e30f))).isEqualTo(65_504);
    for (Wire wire : Wire.values()) {
      float[] extremes = {Float.MAX_VALUE, -Float.MAX_VALUE, 70_000, 0, Float.MIN_VALUE};
      for (float decoded : roundTrip(wire, extremes)) {
        assertThat(decoded).isFinite();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Wire.class)
  void zerosAndTheSmallestNumbersPass(Wire wire) {
    assertThat(roundTrip(wire, new float[300])).containsOnly(0);
    float[] tiny = new float[3];
    Arrays.fill(tiny, 3 * Float.MIN_VALUE);
    for (float decoded : roundTrip(wire, tiny)) {
      assertThat(decoded).isBetween(0f, 4 * Float.MIN_VALUE);
    }
  }

  @Test
  void bytesAreAsFewAsStated() {
    assertThat(DeltaCodec.bytes(Wire.FP32, 1_024)).isEqualTo(4_096);
    assertThat(DeltaCodec.bytes(Wire.BF16, 1_024)).isEqualTo(2_048);
    assertThat(DeltaCodec.bytes(Wire.FP16, 1_024)).isEqualTo(2_056);
    assertThat(DeltaCodec.bytes(Wire.INT8, 1_024)).isEqualTo(1_040);
    assertThatThrownBy(() -> DeltaCodec.decode(Wire.BF16, new byte[3], new float[2], 0, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid encoded deltas: 3 bytes (must be 4 for 2 values)");
  }
}
