package io.phiscale.pipeline.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class BatchMemoryTest {
  @Test
  void memoryOfTheSameSizeIsUsedAgain() {
    BatchMemory memory = new BatchMemory(1000);
    ByteBuffer first = memory.take(100);
    ByteBuffer second = memory.take(100);
    assertThat(second).isNotSameAs(first);
    assertThat(first.isDirect()).isTrue();
    memory.giveBack(first);
    assertThat(memory.take(101)).isNotSameAs(first).matches(other -> other.capacity() == 101);
    assertThat(memory.take(100)).isSameAs(first);
    assertThat(memory.take(100)).isNotSameAs(first);
  }

  @Test
  void whatWasGivenBackLongestAgoIsDroppedAboveTheLimit() {
    BatchMemory memory = new BatchMemory(250);
    ByteBuffer oldest = memory.take(100);
    ByteBuffer newer = memory.take(120);
    ByteBuffer newest = memory.take(130);
    memory.giveBack(oldest);
    memory.giveBack(newer);
    memory.giveBack(newest);
    assertThat(memory.take(100)).isNotSameAs(oldest);
    assertThat(memory.take(120)).isSameAs(newer);
    assertThat(memory.take(130)).isSameAs(newest);
    memory.giveBack(memory.take(251));
    assertThat(memory.take(251)).matches(fresh -> fresh.get(0) == 0);
  }
}
