package io.phiscale.jobs.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.report.PhiKind;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointStoreTest {
  private static final Storage STORAGE = Storage.of(Map.of());
  private static final float[] PARAMETERS = {1, -0.0f, Float.MIN_VALUE, 1e30f};
  private static final float[] STATE = {0.5f, 0.25f};
  private static final float[] AVERAGE = {3, 4, 5, 6};
  private static final float[] OUTER = {-1, 0.125f};

  @TempDir Path folder;
  private CheckpointStore store;

  @BeforeEach
  void open() {
    store = new CheckpointStore(STORAGE, folder.toUri());
  }

  @Test
  void readsBackEveryBitOfTheNewestCheckpoint() throws IOException {
    assertThat(store.latest()).isEmpty();
    publish(1, 3);
    publish(2, 3);
    Checkpoint latest = store.latest().orElseThrow();
    assertThat(latest.parameters()).containsExactly(PARAMETERS);
    assertThat(latest.optimizerState()).containsExactly(STATE);
    assertThat(latest.movingAverage()).containsExactly(AVERAGE);
    assertThat(latest.outerState()).containsExactly(OUTER);
    assertThat(latest.info().progress().round()).isEqualTo(2);
    assertThat(latest.info().network()).isEqualTo(network());
    assertThat(latest.info().identity().phi()).isEqualTo(1.5);
    assertThat(CheckpointStore.open(STORAGE, folder.toUri()).info()).isEqualTo(latest.info());
    assertThat(CheckpointStore.open(STORAGE, store.location(1)).info().progress().round())
        .isEqualTo(1);
  }

  /**
   * As version 2 wrote it, without an outer optimizer, and version 1, without where the weights
   * came from.
   */
  @Test
  void readsACheckpointOfTheVersionsBefore() throws IOException {
    publish(1, 3, new float[0]);
    assertThat(Files.size(folder.resolve("checkpoints/round-00000001/state.bin")))
        .as("three vectors")
        .isEqualTo(8 + 3 * 4 + 4L * (PARAMETERS.length + STATE.length + AVERAGE.length));
    Path file = folder.resolve("checkpoints/round-00000001/checkpoint.json");
    // Neither had a digest of itself.
    String now = Files.readString(file).replaceFirst(",\n  \"sha256\" : \"[0-9a-f]{64}\"", "");
    String two =
        now.replaceFirst("\"schemaVersion\" : 3", "\"schemaVersion\" : 2")
            .replaceFirst("  \"outerState\" : 0,\n", "");
    assertThat(two).contains("\"schemaVersion\" : 2").doesNotContain("outerState");
    Files.writeString(file, two);
    Checkpoint second = CheckpointStore.open(STORAGE, folder.toUri());
    assertThat(second.info().schemaVersion()).isEqualTo(CheckpointInfo.SCHEMA_VERSION);
    assertThat(second.parameters()).containsExactly(PARAMETERS);
    assertThat(second.movingAverage()).containsExactly(AVERAGE);
    assertThat(second.outerState()).isEmpty();

    String before =
        two.replaceFirst("\"schemaVersion\" : 2", "\"schemaVersion\" : 1")
            .replaceFirst("(?s)  \"origin\" : \\{.*?\\},\n", "");
    assertThat(before).contains("\"schemaVersion\" : 1").doesNotContain("origin");
    Files.writeString(file, before);

    Checkpoint read = CheckpointStore.open(STORAGE, folder.toUri());
    assertThat(read.info().origin()).isEqualTo(Origin.DRAWN);
    assertThat(read.parameters()).containsExactly(PARAMETERS);

    Files.writeString(file, now.replaceFirst("\"schemaVersion\" : 3", "\"schemaVersion\" : 4"));
    assertThatThrownBy(() -> CheckpointStore.open(STORAGE, folder.toUri()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(
            "Invalid checkpoint schema version: 4 (this Phiscale reads version 3)");
  }

  @Test
  void keepsTheNewestOnly() throws IOException {
    for (int round = 1; round <= 5; round++) {
      publish(round, 2);
    }
    try (Stream<Path> left = Files.list(folder.resolve("checkpoints"))) {
      assertThat(
              left.map(path -> path.getFileName().toString()).filter(name -> !name.startsWith(".")))
          .containsExactlyInAnyOrder("round-00000004", "round-00000005", "latest.json");
    }
  }

  @Test
  void aCheckpointThatNoPointerNamesDoesNotExist() throws IOException {
    publish(1, 3);
    // A write that died before the pointer.
    Path halfWritten = folder.resolve("checkpoints/round-00000002");
    Files.createDirectories(halfWritten);
    Files.writeString(halfWritten.resolve("state.bin"), "PHISTATE");
    assertThat(store.latest().orElseThrow().info().progress().round()).isEqualTo(1);
  }

  @Test
  void damageIsFoundAndNamed() throws IOException {
    publish(1, 3);
    Path state = folder.resolve("checkpoints/round-00000001/state.bin");
    byte[] whole = Files.readAllBytes(state);
    Files.deleteIfExists(state.resolveSibling(".state.bin.crc"));

    byte[] flipped = whole.clone();
    flipped[20] ^= 1;
    Files.write(state, flipped);
    assertThatThrownBy(store::latest)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("round-00000001/state.bin: its SHA-256 is");

    Files.write(state, Arrays.copyOf(whole, whole.length - 3));
    assertThatThrownBy(store::latest).hasMessageContaining("state.bin: it ends too early");

    Files.write(state, Arrays.copyOf(whole, whole.length + 1));
    assertThatThrownBy(store::latest).hasMessageContaining("state.bin: bytes after its end");

    Files.writeString(state, "something else");
    assertThatThrownBy(store::latest).hasMessageContaining("it does not start with PHISTATE");
  }

  @Test
  void aPlaceWithoutCheckpointSaysWhatWasExpected() {
    assertThatThrownBy(() -> CheckpointStore.open(STORAGE, folder.toUri()))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage(
            "No checkpoint at %s: it has neither checkpoint.json nor checkpoints/latest.json (give"
                + " a run directory that train has written, or one checkpoint)",
            folder.toUri());
  }

  private static NetworkSpec network() {
    return NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 1.5, 2);
  }

  private void publish(int round, int keep) throws IOException {
    publish(round, keep, OUTER);
  }

  private void publish(int round, int keep, float[] outerState) throws IOException {
    CheckpointInfo info =
        new CheckpointInfo(
            CheckpointInfo.SCHEMA_VERSION,
            network(),
            new NetworkIdentity("phi-1.5", 1.5, PhiKind.COMPOUND, 1.15, 1.31),
            List.of("cat", "dog"),
            new Progress(round, 0, 10L * round, round, 10L * round, 5),
            7,
            "manifest",
            "configuration",
            Origin.DRAWN,
            0,
            0,
            0,
            0,
            "");
    store.publish(new Checkpoint(info, PARAMETERS, STATE, AVERAGE, outerState));
    store.retain(new Retention(keep, 0));
  }
}
