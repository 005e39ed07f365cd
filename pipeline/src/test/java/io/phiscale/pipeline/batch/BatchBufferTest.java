package io.phiscale.pipeline.batch;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class BatchBufferTest {
  @Property(tries = 200)
  void holdsEveryValueWhateverTheSize(
      @ForAll @IntRange(min = 1, max = 40) int capacity,
      @ForAll @IntRange(min = 1, max = 40) int resolutionPx) {
    int values = resolutionPx * resolutionPx * 3;
    BatchBuffer buffer = new BatchBuffer(capacity, values);
    assertThat(buffer.images().capacity()).isEqualTo(capacity * values);
  }
}
