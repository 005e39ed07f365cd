package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.image.SampleRandom.Stream;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The golden values were computed from the Javadoc's definition by an independent program. */
class SampleRandomTest {
  @Test
  void givesTheGoldenValues() {
    SampleRandom random = SampleRandom.of(42, 3, 17);
    assertThat(random.nextLong()).isEqualTo(0xBB22D1CAD4C0709EL);
    assertThat(random.nextLong()).isEqualTo(0xE27C2EB351CA0812L);
    assertThat(random.nextLong()).isEqualTo(0x7B284BBAC603639FL);
    assertThat(SampleRandom.of(42, 3, 17).stream(Stream.MIRROR).nextLong())
        .isEqualTo(0x1B6FFD904EA142F4L);
  }

  @Test
  void aStreamDoesNotDependOnWhatWasDrawnFromAnother() {
    SampleRandom fresh = SampleRandom.of(1, 2, 3);
    SampleRandom used = SampleRandom.of(1, 2, 3);
    used.nextLong();
    used.nextLong();
    assertThat(used.stream(Stream.MIRROR).nextLong())
        .isEqualTo(fresh.stream(Stream.MIRROR).nextLong());
    assertThat(used.stream(Stream.CROP).nextLong()).isEqualTo(fresh.nextLong());
  }

  @Test
  void everyPartOfTheKeyMatters() {
    Set<Long> values = new HashSet<>();
    for (long seed = -8; seed < 8; seed++) {
      for (long epoch = 0; epoch < 16; epoch++) {
        for (long position = 0; position < 16; position++) {
          for (Stream stream : Stream.values()) {
            values.add(SampleRandom.of(seed, epoch, position).stream(stream).nextLong());
          }
        }
      }
    }
    assertThat(values).hasSize(16 * 16 * 16 * Stream.values().length);
  }

  @Test
  void isUniformOverNeighbouringPositions() {
    int draws = 20_000;
    double sum = 0;
    int[] counts = new int[10];
    for (int position = 0; position < draws; position++) {
      SampleRandom random = SampleRandom.of(7, 0, position);
      sum += random.nextDouble();
      counts[random.nextInt(10)]++;
    }
    assertThat(sum / draws).isCloseTo(0.5, within(0.01));
    for (int count : counts) {
      assertThat(count).isBetween(draws / 10 - 200, draws / 10 + 200);
    }
  }

  @Test
  void refusesKeysAndBoundsThatCannotBe() {
    assertThatThrownBy(() -> SampleRandom.of(0, -1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid epoch: -1 (must be >= 0)");
    assertThatThrownBy(() -> SampleRandom.of(0, 0, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid position: -1 (must be >= 0)");
    assertThatThrownBy(() -> SampleRandom.of(0, 0, 0).nextInt(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid bound: 0 (must be > 0)");
  }
}
