package io.phiscale.jobs.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.report.PhiKind;
import io.phiscale.jobs.report.Weights;
import io.phiscale.jobs.support.EmbeddedS3;
import io.phiscale.jobs.support.FullDisk;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints on disks that fill up, in writes that die, with files that were damaged. */
class CheckpointDamageTest {
  private static final Storage STORAGE = Storage.of(Map.of());

  @TempDir Path folder;
  private final List<String> warnings = new ArrayList<>();
  private CheckpointStore store;

  @BeforeEach
  void open() {
    store = new CheckpointStore(STORAGE, folder.toUri());
  }

  @Test
  void whereverADiskFillsUpTheCheckpointBeforeStaysAndNothingIsLeft() throws IOException {
    store.publish(checkpoint(1));
    store.publish(checkpoint(2));
    long whole = bytes(3);
    for (long room = 0; room < whole; room += Math.max(1, whole / 20)) {
      CheckpointStore full = new CheckpointStore(FullDisk.after(room), folder.toUri());
      assertThatThrownBy(() -> full.publish(checkpoint(3)))
          .as("%s of %s bytes", room, whole)
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(
              "Cannot publish the checkpoint of round 3 (the one before stays: "
                  + store.location(2)
                  + "): Cannot write ")
          .hasMessageEndingWith(": No space left on device");
      assertThat(store.latest(warnings::add).orElseThrow().info().progress().round()).isEqualTo(2);
      assertThat(folder.resolve("checkpoints/round-00000003")).doesNotExist();
    }
    assertThat(warnings).isEmpty();
    try (Stream<Path> left = Files.walk(folder)) {
      assertThat(left).noneMatch(path -> path.getFileName().toString().endsWith(".tmp"));
    }
    new CheckpointStore(FullDisk.after(whole), folder.toUri()).publish(checkpoint(3));
    assertThat(store.latest(warnings::add).orElseThrow().parameters()).containsExactly(values(3));
  }

  /** What a killed process leaves: nobody has tidied up after it. */
  @ParameterizedTest
  @ValueSource(strings = {".state.bin.0.tmp", "state.bin", "checkpoint.json"})
  void aWriteThatDiedIsNoCheckpointAndIsWrittenAnew(String last) throws IOException {
    store.publish(checkpoint(1));
    Path checkpoints = folder.resolve("checkpoints");
    Path died = checkpoints.resolve("round-00000002");
    if (last.equals("checkpoint.json")) {
      byte[] before = Files.readAllBytes(checkpoints.resolve("latest.json"));
      store.publish(checkpoint(2));
      Files.write(checkpoints.resolve("latest.json"), before);
    } else {
      Files.createDirectories(died);
      Files.writeString(died.resolve(last), "PHISTATE");
      assertThat(store.stored().get(0)).isInstanceOf(StoredCheckpoint.Unpublished.class);
    }
    assertThat(store.latest(warnings::add).orElseThrow().info().progress().round()).isEqualTo(1);

    store.publish(checkpoint(2));
    store.retain(new Retention(1, 0));
    assertThat(store.latest(warnings::add).orElseThrow().parameters()).containsExactly(values(2));
    assertThat(store.stored()).hasSize(1);
    try (Stream<Path> files = Files.list(died)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("state.bin", "checkpoint.json");
    }
    assertThat(warnings).isEmpty();
  }

  @Test
  void ofADamagedCheckpointTheOneBeforeIsTakenWithAWarning() throws IOException {
    for (int round = 1; round <= 3; round++) {
      store.publish(checkpoint(round));
    }
    Path newest = folder.resolve("checkpoints/round-00000003");
    Path state = newest.resolve("state.bin");
    byte[] whole = Files.readAllBytes(state);
    Files.write(state, Arrays.copyOf(whole, whole.length / 2));
    assertTaken(
        2, "round-00000003/state.bin: it ends too early; taking ", "round-00000002 instead");
    byte[] flipped = whole.clone();
    flipped[30] ^= 4;
    Files.write(state, flipped);
    assertTaken(2, "round-00000003/state.bin: its SHA-256 is ");
    Files.delete(state);
    assertTaken(2, "round-00000003/state.bin: there is no such file");
    Files.write(state, whole);

    Path info = newest.resolve("checkpoint.json");
    String text = Files.readString(info);
    Files.writeString(info, text.substring(0, text.length() / 2));
    assertTaken(2, "round-00000003/checkpoint.json: ");
    Files.writeString(info, text.replace("\"position\" : 30", "\"position\" : 31"));
    assertTaken(2, "round-00000003/checkpoint.json: its SHA-256 is ");
    Files.writeString(info, "");
    assertTaken(2, "checkpoint.json: it is no JSON object");
    Files.delete(info);
    assertTaken(2, "checkpoint.json: there is no such file");

    Files.write(folder.resolve("checkpoints/round-00000002/state.bin"), flipped);
    assertTaken(1, "round-00000003/checkpoint.json: there", "round-00000002/state.bin: its SHA");

    // The last whole one is never deleted, nor is anything else while the newest is damaged.
    store.retain(new Retention(1, 0));
    assertTaken(1, "round-00000001 instead");
    store.publish(checkpoint(2));
    store.retain(new Retention(1, 0));
    assertThat(store.stored()).extracting(StoredCheckpoint::name).containsExactly("round-00000002");
  }

  @Test
  void aDamagedPointerCostsNothing() throws IOException {
    store.publish(checkpoint(1));
    store.publish(checkpoint(2));
    Path pointer = folder.resolve("checkpoints/latest.json");
    for (String text :
        List.of("", "{", "{\"checkpoint\" : \"../../x\"}", "{\"checkpoint\":null}")) {
      Files.writeString(pointer, text);
      assertTaken(2, "latest.json", "round-00000002 instead");
      assertThat(store.pointerProblems()).hasSize(1);
    }
    Files.writeString(pointer, "{\"checkpoint\" : \"round-00000009\"}");
    assertTaken(2, "round-00000009/checkpoint.json: there is no such file");
    Files.delete(pointer);
    assertTaken(2, "there is no ", "latest.json");
  }

  @Test
  void whereEveryCheckpointIsDamagedNothingStartsAnewInSilence() throws IOException {
    store.publish(checkpoint(1));
    store.publish(checkpoint(2));
    for (int round = 1; round <= 2; round++) {
      Files.writeString(
          folder.resolve("checkpoints/round-0000000" + round + "/state.bin"), "PHISTATE");
    }
    assertThatThrownBy(() -> store.latest(warnings::add))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("No whole checkpoint is left in file:" + folder)
        .hasMessageContainingAll(
            "round-00000002/state.bin: it ends too early",
            "round-00000001/state.bin: it ends too early",
            "(restore one from a copy, or move the folder away to start anew)");
  }

  /** Readers see the old or the new, whatever the writer is at, also while it deletes. */
  @Test
  void readersNeverSeeAHalf() throws Exception {
    store.publish(checkpoint(1));
    AtomicBoolean done = new AtomicBoolean();
    ExecutorService reader = Executors.newSingleThreadExecutor();
    try {
      Future<Integer> read =
          reader.submit(
              () -> {
                int last = 0;
                while (!done.get()) {
                  Checkpoint seen = store.latest(warnings::add).orElseThrow();
                  int round = seen.info().progress().round();
                  assertThat(round).isGreaterThanOrEqualTo(last);
                  assertThat(seen.parameters()).containsExactly(values(round));
                  last = round;
                }
                return last;
              });
      for (int round = 2; round <= 30 && !read.isDone(); round++) {
        store.publish(checkpoint(round));
        store.retain(new Retention(1, 0));
      }
      done.set(true);
      assertThat(read.get()).isPositive();
    } finally {
      done.set(true);
      reader.shutdownNow();
    }
    assertThat(warnings).isEmpty();
  }

  @Test
  void theBestAndEveryKthStay() throws IOException {
    double[] top1 = {0.1, 0.6, 0.9, 0.9, 0.3, 0.2};
    for (int round = 1; round <= 6; round++) {
      CheckpointInfo published = store.publish(checkpoint(round));
      assertThat(store.score(published)).isEmpty();
      store.record(MinivalScore.of(published, Weights.EMA, 10, top1[round - 1], 1));
      store.retain(new Retention(1, 4));
    }
    // Of equally good ones the earlier.
    assertThat(store.stored())
        .extracting(StoredCheckpoint::name)
        .containsExactly("round-00000006", "round-00000004", "round-00000003");
    assertThat(round("best")).isEqualTo(3);
    assertThat(round("newest")).isEqualTo(6);
    assertThat(Files.readString(folder.resolve("checkpoints/best.json")))
        .contains("round-00000003");

    Files.write(folder.resolve("checkpoints/round-00000003/state.bin"), new byte[9]);
    assertThat(store.best(warnings::add).orElseThrow().info().progress().round()).isEqualTo(4);
    assertThat(warnings).singleElement().asString().contains("round-00000004 instead");
    // A score of another state under the same name does not count.
    assertThat(store.score(store.publish(checkpoint(5)))).isPresent();
    float[] other = values(5);
    other[0]++;
    CheckpointInfo changed = store.publish(checkpoint(5, other));
    assertThat(store.score(changed)).isEmpty();
  }

  @Test
  void onAnObjectStoreTheSameHolds() throws Exception {
    try (EmbeddedS3 server = new EmbeddedS3(folder.resolve("s3"))) {
      Storage storage =
          Storage.of(
              LocalSpark.configuration(folder, server.configuration())
                  .storage()
                  .hadoopProperties());
      URI run = EmbeddedS3.uri("run");
      CheckpointStore remote = new CheckpointStore(storage, run);
      for (int round = 1; round <= 3; round++) {
        CheckpointInfo published = remote.publish(checkpoint(round));
        remote.record(MinivalScore.of(published, Weights.RAW, 10, round == 1 ? 0.5 : 0.25, 1));
        remote.retain(new Retention(1, 0));
      }
      assertThat(remote.stored())
          .extracting(StoredCheckpoint::name)
          .containsExactly("round-00000003", "round-00000001");
      assertThat(CheckpointStore.open(storage, EmbeddedS3.uri("run/best")).parameters())
          .containsExactly(values(1));
      storage.writeAtomically(
          EmbeddedS3.uri("run/checkpoints/round-00000003/state.bin"), new byte[] {1, 2});
      assertThat(remote.latest(warnings::add).orElseThrow().parameters())
          .containsExactly(values(1));
      assertThat(warnings)
          .singleElement()
          .asString()
          .contains("s3a://phiscale/run/checkpoints/round-00000003/state.bin: it does not start");
    }
  }

  private int round(String word) throws IOException {
    return CheckpointStore.open(STORAGE, folder.resolve(word).toUri()).info().progress().round();
  }

  private void assertTaken(int round, String... reasons) throws IOException {
    warnings.clear();
    assertThat(store.latest(warnings::add).orElseThrow().parameters())
        .containsExactly(values(round));
    assertThat(warnings).singleElement().asString().contains(reasons);
  }

  private long bytes(int round) throws IOException {
    Path copy = folder.resolve("copy");
    new CheckpointStore(STORAGE, copy.toUri()).publish(checkpoint(round));
    try (Stream<Path> files = Files.walk(copy)) {
      return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
    }
  }

  private static float[] values(int round) {
    float[] values = new float[100];
    for (int i = 0; i < values.length; i++) {
      values[i] = round + i / 128f;
    }
    return values;
  }

  private static Checkpoint checkpoint(int round) {
    return checkpoint(round, values(round));
  }

  /** At the end of epoch {@code round}. */
  private static Checkpoint checkpoint(int round, float[] parameters) {
    return new Checkpoint(
        new CheckpointInfo(
            CheckpointInfo.SCHEMA_VERSION,
            NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 2),
            new NetworkIdentity("phi-0", Double.NaN, PhiKind.COMPOUND, 1, 1),
            List.of("cat", "dog"),
            new Progress(round, round, round == 3 ? 30 : 0, round, 10L * round, 5),
            7,
            "manifest",
            "configuration",
            Origin.DRAWN,
            0,
            0,
            0,
            0,
            ""),
        parameters,
        new float[] {round},
        parameters.clone(),
        new float[0]);
  }
}
