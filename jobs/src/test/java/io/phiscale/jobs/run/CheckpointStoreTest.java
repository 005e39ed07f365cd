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
    assertThat(latest.info().progress().round()).isEqualTo(2);
    assertThat(latest.info().network()).isEqualTo(network());
    assertThat(latest.info().identity().phi()).isEqualTo(1.5);
    assertThat(CheckpointStore.open(STORAGE, folder.toUri()).info()).isEqualTo(latest.info());
    assertThat(CheckpointStore.open(STORAGE, store.location(1)).info().progress().round())
        .isEqualTo(1);
  }

  /** As version 1 wrote it: without where the weights came from. */
  @Test
  void readsACheckpointOfTheVersionBefore() throws IOException {
    publish(1, 3);
    Path file = folder.resolve("checkpoints/round-00000001/checkpoint.json");
    String now = Files.readString(file);
    String before =
        now.replaceFirst("\"schemaVersion\" : 2", "\"schemaVersion\" : 1")
            .replaceFirst("(?s)  \"origin\" : \\{.*?\\},\n", "");
    assertThat(before).contains("\"schemaVersion\" : 1").doesNotContain("origin");
    Files.writeString(file, before);

    Checkpoint read = CheckpointStore.open(STORAGE, folder.toUri());
    assertThat(read.info().origin()).isEqualTo(Origin.DRAWN);
    assertThat(read.parameters()).containsExactly(PARAMETERS);

    Files.writeString(file, now.replaceFirst("\"schemaVersion\" : 2", "\"schemaVersion\" : 3"));
    assertThatThrownBy(() -> CheckpointStore.open(STORAGE, folder.toUri()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(
            "Invalid checkpoint schema version: 3 (this Phiscale reads version 2)");
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
    assertThatThrownBy(store::latest).hasMessageEndingWith("state.bin: it ends too early");

    Files.write(state, Arrays.copyOf(whole, whole.length + 1));
    assertThatThrownBy(store::latest).hasMessageEndingWith("state.bin: bytes after its end");

    Files.writeString(state, "something else");
    assertThatThrownBy(store::latest).hasMessageEndingWith("it does not start with PHISTATE");
  }

  @Test
  void aPlaceWithoutCheckpointSaysWhatWasExpected() {
    assertThatThrownBy(() -> CheckpointStore.open(STORAGE, folder.toUri()))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessage(
            "No checkpoint at %s: it has neither checkpoint.json nor checkpoints/latest.json (give a"
                + " run directory that train has written, or one checkpoint)",
            folder.toUri());
  }

  private static NetworkSpec network() {
    return NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 1.5, 2);
  }

  private void publish(int round, int keep) throws IOException {
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
            "");
    store.publish(new Checkpoint(info, PARAMETERS, STATE, AVERAGE));
    store.retain(new Retention(keep, 0));
  }
}
