package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkerMemoriesTest {
  private static final WorkerMemory MEMORY =
      new WorkerMemory(42, new float[] {1, -0.0f, 1e-30f}, new float[] {0.5f});

  @TempDir Path folder;
  private WorkerMemories memories;

  @BeforeEach
  void open() {
    memories = start("first");
  }

  private WorkerMemories start(String attempt) {
    return new WorkerMemories(Storage.of(Map.of()), folder.toUri(), attempt);
  }

  @Test
  void anotherStartReadsEveryBitBack() throws IOException {
    memories.remember(3, 1, 2, MEMORY);
    assertThat(memories.recall(3, 1, 2)).as("in the same JVM").isSameAs(MEMORY);
    WorkerMemory read = start("second").recall(3, 1, 2);
    assertThat(read).isNotSameAs(MEMORY);
    assertThat(read.steps()).isEqualTo(42);
    assertThat(read.optimizerState()).containsExactly(MEMORY.optimizerState());
    assertThat(read.residual()).containsExactly(MEMORY.residual());
  }

  /** A retry finds the memory of its round in the JVM, and must not take it for the one before. */
  @Test
  void aRetryReadsTheRoundBeforeAndWritesTheSameBytes() throws IOException {
    WorkerMemory later = new WorkerMemory(43, new float[] {2, 2, 2}, new float[] {0.25f});
    memories.remember(3, 0, 1, MEMORY);
    memories.remember(4, 0, 1, later);
    byte[] bytes = Files.readAllBytes(Path.of(memories.file(4, 0, 1)));
    assertThat(memories.recall(3, 0, 1).steps()).isEqualTo(42);
    memories.remember(4, 0, 1, new WorkerMemory(43, new float[] {2, 2, 2}, new float[] {0.25f}));
    assertThat(Files.readAllBytes(Path.of(memories.file(4, 0, 1)))).isEqualTo(bytes);
  }

  @Test
  void damageIsFoundAndNamed() throws IOException {
    memories.remember(1, 0, 1, MEMORY);
    Path file = Path.of(memories.file(1, 0, 1));
    byte[] whole = Files.readAllBytes(file);
    byte[] flipped = whole.clone();
    flipped[22] ^= 1;
    Files.write(file, flipped);
    assertThatThrownBy(() -> start("other").recall(1, 0, 1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("worker-0-of-1.bin: its bytes were damaged");
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));
    assertThatThrownBy(() -> start("other").recall(1, 0, 1))
        .hasMessageEndingWith("it ends too early");
    Files.writeString(file, "something else");
    assertThatThrownBy(() -> start("other").recall(1, 0, 1))
        .hasMessageEndingWith("it does not start with PHIWORK1");
    Files.delete(file);
    assertThatThrownBy(() -> start("other").recall(1, 0, 1))
        .isInstanceOf(FileNotFoundException.class);
  }

  @Test
  void aRunGoesOnOnlyIfEveryWorkerOfTheRoundIsThere() throws IOException {
    memories.remember(7, 0, 2, MEMORY);
    assertThatThrownBy(() -> memories.workers(7))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Cannot resume from round 7")
        .hasMessageContaining("has 1 files of workers' memories");
    memories.remember(7, 1, 2, MEMORY);
    assertThat(memories.workers(7)).isEqualTo(2);
    assertThatThrownBy(() -> memories.workers(8)).hasMessageContaining("has 0 files");
  }

  @Test
  void forgetsWholeRounds() throws IOException {
    assertThat(memories.rounds()).isEmpty();
    memories.remember(1, 0, 1, MEMORY);
    memories.remember(2, 0, 1, MEMORY);
    memories.forget(1);
    assertThat(memories.rounds()).containsExactly(2);
    assertThat(folder.resolve("workers/round-00000001")).doesNotExist();
  }
}
