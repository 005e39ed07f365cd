package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.report.PhiKind;
import io.phiscale.jobs.report.Weights;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.NetworkIdentity;
import io.phiscale.jobs.run.Origin;
import io.phiscale.jobs.run.Progress;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointsCommandTest {
  private static final Storage STORAGE = Storage.of(Map.of());
  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 2);

  @TempDir Path folder;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private float[] first;
  private float[] second;

  @BeforeEach
  void run() throws IOException {
    first = EfficientNets.initialParameters(NETWORK, 1);
    second = EfficientNets.initialParameters(NETWORK, 2);
    CheckpointStore store = new CheckpointStore(STORAGE, folder.resolve("run").toUri());
    store.record(
        MinivalScore.of(store.publish(checkpoint(1, NETWORK, first)), Weights.RAW, 8, 0.75, 1));
    store.record(
        MinivalScore.of(store.publish(checkpoint(2, NETWORK, second)), Weights.RAW, 8, 0.5, 1));
    NetworkSpec other = NETWORK.withClasses(3);
    new CheckpointStore(STORAGE, folder.resolve("other").toUri())
        .publish(checkpoint(1, other, EfficientNets.initialParameters(other, 1)));
    Files.createDirectories(folder.resolve("empty"));
  }

  private static Checkpoint checkpoint(int round, NetworkSpec network, float[] parameters) {
    return new Checkpoint(
        new CheckpointInfo(
            CheckpointInfo.SCHEMA_VERSION,
            network,
            new NetworkIdentity("phi-0", 0, PhiKind.COMPOUND, 1, 1),
            List.of("cat", "dog"),
            new Progress(round, round, 0, round, 1000L * round, 5),
            7,
            "",
            "",
            Origin.DRAWN,
            0,
            0,
            0,
            0,
            ""),
        parameters,
        new float[3],
        new float[0],
        new float[0]);
  }

  private int run(String line) {
    PrintWriter outWriter = new PrintWriter(out, true);
    PrintWriter errWriter = new PrintWriter(err, true);
    return new Phiscale(
            () -> {
              throw new IllegalStateException("No job is needed");
            },
            new Console(outWriter, errWriter, Console.Terminal.PLAIN))
        .execute(outWriter, errWriter, line.replace("@", folder + "/").split(" ", -1));
  }

  private Checkpoint open(String place) throws IOException {
    return CheckpointStore.open(STORAGE, folder.resolve(place).toUri());
  }

  @Test
  void listsWhatIsThereAndMarksNewestAndBest() throws IOException {
    Files.writeString(
        Files.createDirectories(folder.resolve("run/checkpoints/round-00000003"))
            .resolve("state.bin"),
        "PHI");
    assertThat(run("checkpoints list @run")).as(err.toString()).isZero();
    List<String> lines = out.toString().lines().toList();
    assertThat(lines).hasSize(4);
    assertThat(lines.get(0))
        .matches("checkpoint +epoch +images +loss +minival top-1 +size +kept as");
    assertThat(lines.get(1))
        .matches("round-00000002 +2.00 +2,000 +- +50.00% raw +[0-9.]+ MiB .* newest");
    assertThat(lines.get(2))
        .matches("round-00000001 +1.00 +1,000 +- +75.00% raw +[0-9.]+ MiB .* best");
    assertThat(lines.get(3)).isEqualTo("round-00000003 was never published: a write died");
  }

  @Test
  void verifyNamesWhatIsDamagedAndFails() throws IOException {
    assertThat(run("checkpoints verify @run")).as(err.toString()).isZero();
    assertThat(out.toString())
        .contains("round-00000001 is whole", "round-00000002 is whole", "2 whole, 0 problems");

    Path state = folder.resolve("run/checkpoints/round-00000001/state.bin");
    byte[] bytes = Files.readAllBytes(state);
    bytes[bytes.length - 1] ^= 1;
    Files.write(state, bytes);
    Files.writeString(folder.resolve("run/checkpoints/best.json"), "{");
    assertThat(run("checkpoints verify @run")).isEqualTo(Phiscale.FAILURE);
    assertThat(out.toString()).contains("1 whole, 2 problems");
    assertThat(err.toString().lines()).hasSize(2);
    assertThat(err.toString())
        .contains("phiscale checkpoints verify: round-00000001 is damaged: Cannot read checkpoint ")
        .contains("state.bin: its SHA-256 is ")
        .contains("phiscale checkpoints verify: Cannot read ")
        .contains("best.json: ");
  }

  @Test
  void averagesAreCheckpointsThatEverythingReads() throws IOException {
    assertThat(run("checkpoints average --output @mean @run @run/best"))
        .as(err.toString())
        .isZero();
    Checkpoint mean = open("mean");
    float[] expected = new float[first.length];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = (float) (((double) first[i] + second[i]) / 2);
    }
    assertThat(mean.parameters()).containsExactly(expected);
    assertThat(mean.optimizerState()).isEmpty();
    assertThat(mean.info().network()).isEqualTo(NETWORK);
    assertThat(mean.info().progress().images()).isEqualTo(2000);
    assertThat(mean.info().origin().initialWeights()).startsWith("mean of ").contains("/run/best");
    assertThat(out.toString())
        .contains("batch-norm statistics included (averaged, not measured anew)");

    assertThat(run("checkpoints average --mix 3,1 --output @mix @run/newest @run/best")).isZero();
    assertThat(open("mix").parameters()[5]).isEqualTo((float) ((3.0 * second[5] + first[5]) / 4));
  }

  @Test
  void aZipOfDl4jGoesOutAndComesBack() throws IOException {
    assertThat(run("convert --input @run/best --output @best.zip")).as(err.toString()).isZero();
    assertThat(run("convert --input @best.zip --output @back")).as(err.toString()).isZero();
    assertThat(open("back").parameters()).containsExactly(first);
    assertThat(open("back").info().network()).isEqualTo(NETWORK);
    assertThat(open("back").info().classNames()).containsExactly("cat", "dog");

    byte[] zip = Files.readAllBytes(folder.resolve("best.zip"));
    Files.write(folder.resolve("cut.zip"), Arrays.copyOf(zip, zip.length / 2));
    assertThat(run("convert --input @cut.zip --output @o")).isEqualTo(1);
    assertThat(err.toString().replace(folder + "/", "@").lines())
        .containsExactly(
            "phiscale convert: Cannot read @cut.zip: not a whole zip file: zip END header not"
                + " found");
    assertThat(folder.resolve("o")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1 | list @empty | phiscale checkpoints list: No checkpoints in @empty (give a run"
            + " directory that train has written)",
        "1 | average --output @run @run @run/best | phiscale checkpoints average: Will not"
            + " overwrite @run: remove it first",
        "2 | average --output @o @run | phiscale checkpoints average: Nothing to average: give at"
            + " least two checkpoints (see phiscale checkpoints average --help)",
        "2 | average --output @o --mix 1,-1 @run @run/best | phiscale checkpoints average: Invalid"
            + " value for option '--mix': [1.0, -1.0] (must be 2 numbers > 0) (see phiscale"
            + " checkpoints average --help)",
        "2 | average --output @o --mix 1 @run @run/best | phiscale checkpoints average: Invalid"
            + " value for option '--mix': [1.0] (must be 2 numbers > 0) (see phiscale checkpoints"
            + " average --help)",
        "2 | average --output @o --weights avg @run @run | phiscale checkpoints average: Invalid"
            + " value for option '--weights': avg (must be raw or ema) (see phiscale checkpoints"
            + " average --help)",
        "2 | list | phiscale checkpoints list: Missing required parameter: 'RUN' (see phiscale"
            + " checkpoints list --help)",
        "2 | lst @run | phiscale checkpoints: Unmatched arguments from index 1: 'lst', '@run' (did"
            + " you mean list?) (see phiscale checkpoints --help)",
      })
  void refusalsAreOneLine(int exitCode, String line, String expected) {
    assertThat(run("checkpoints " + line)).isEqualTo(exitCode);
    assertThat(err.toString().replace(folder + "/", "@").lines()).containsExactly(expected);
    assertThat(folder.resolve("o")).doesNotExist();
  }

  @Test
  void otherNetworksAreNotAveraged() {
    assertThat(run("checkpoints average --output @o @run @other")).isEqualTo(1);
    assertThat(err.toString())
        .contains("phiscale checkpoints average: Cannot average ", "/other with ");
    assertThat(folder.resolve("o")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"list", "verify", "average"})
  void helpHasAnExample(String command) {
    assertThat(run("checkpoints " + command + " --help")).isZero();
    assertThat(out.toString())
        .contains("Usage: phiscale checkpoints " + command)
        .containsPattern("Examples?:\\R  phiscale checkpoints " + command + " ")
        .contains("--config", "Exit codes:");
  }
}
