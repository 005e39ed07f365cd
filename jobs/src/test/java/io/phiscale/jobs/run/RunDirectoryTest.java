package io.phiscale.jobs.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.report.Weights;
import io.phiscale.jobs.support.EventFileReader;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Metrics and event files of a run. */
class RunDirectoryTest {
  @TempDir Path folder;
  private RunDirectory directory;

  @BeforeEach
  void open() {
    directory = new RunDirectory(Storage.of(Map.of()), folder.toUri());
  }

  private static List<RoundMetrics> rounds(int from, int to) {
    return IntStream.rangeClosed(from, to).mapToObj(round -> metrics(round, 0.5)).toList();
  }

  private static RoundMetrics metrics(int round, double loss) {
    return new RoundMetrics(round, 0.1, 32L * round, loss, 1, 1, 32, 1, 0, 0, 0, 0, 0.5, 4, 1e9);
  }

  private List<Long> steps() throws IOException {
    List<Long> steps = new ArrayList<>();
    for (Path file : files("tensorboard")) {
      EventFileReader.read(Files.readAllBytes(file)).forEach(event -> steps.add(event.step()));
    }
    return steps;
  }

  private List<Path> files(String name) throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve(name))) {
      return files.sorted().toList();
    }
  }

  @Test
  void eventsFollowTheCheckpointsAndHoldEachRoundOnce() throws IOException {
    directory.append(rounds(1, 3));
    directory.writeEvents(3);
    directory.writeEvents(3);
    assertThat(steps()).containsExactly(32L, 64L, 96L);

    // The run dies after the metrics of the next checkpoint, before the checkpoint.
    directory.append(rounds(4, 9));
    directory.writeEvents(3);
    assertThat(steps()).hasSize(3);

    // With more workers there are fewer rounds.
    directory.forgetAfter(3);
    directory.append(rounds(4, 5));
    directory.writeEvents(5);
    assertThat(steps()).containsExactly(32L, 64L, 96L, 128L, 160L);
    assertThat(directory.metrics(100)).hasSize(5);
    assertThat(files("tensorboard"))
        .as("no files of checksums, which TensorBoard would take for events")
        .extracting(file -> file.getFileName().toString())
        .containsExactly(
            "events.out.tfevents.round-00000001", "events.out.tfevents.round-00000004");
  }

  @Test
  void eventsThatWereNotWrittenBeforeAreWrittenAtTheNextCheckpoint() throws IOException {
    directory.append(rounds(1, 2));
    directory.append(rounds(3, 4));
    directory.writeEvents(4);

    assertThat(steps()).containsExactly(32L, 64L, 96L, 128L);
  }

  @Test
  void aScoreIsAnEventAtItsCheckpoint() throws IOException {
    directory.append(rounds(1, 1));
    directory.writeEvents(1);
    directory.writeEvent(score(0.5), 1);
    directory.append(rounds(2, 3));
    directory.writeEvents(3);
    directory.writeEvent(score(0.75), 3);
    directory.writeEvents(3);

    assertThat(steps()).containsExactly(32L, 32L, 64L, 96L, 96L);
    assertThat(files("tensorboard"))
        .extracting(file -> file.getFileName().toString())
        .containsExactly(
            "events.out.tfevents.round-00000001",
            "events.out.tfevents.round-00000001.minival",
            "events.out.tfevents.round-00000002",
            "events.out.tfevents.round-00000003.minival");
    assertThat(EventFileReader.read(Files.readAllBytes(files("tensorboard").get(3))))
        .containsExactly(
            new EventFileReader.Event(1e9, 96, Map.of("minival/top1", 0.75f, "minival/loss", 2f)));

    directory.forgetAfter(1);
    assertThat(files("tensorboard")).hasSize(2);
  }

  private static MinivalScore score(double top1) {
    return new MinivalScore("round-00000001", "0", Weights.EMA, 8, top1, 2);
  }

  /** Where a run goes back to a checkpoint that is not the last. */
  @Test
  void whatIsTrainedAgainIsForgotten() throws IOException {
    directory.append(rounds(1, 2));
    directory.append(rounds(3, 4));
    directory.writeEvents(4);
    directory.forgetAfter(2);

    assertThat(steps()).containsExactly(32L, 64L);
    assertThat(directory.metrics(4)).hasSize(2);
  }

  @Test
  void metricsOfAnEarlierVersionAreRead() throws IOException {
    directory.append(List.of(metrics(1, Double.NaN)));
    Path file = files("metrics").get(0);
    String line = Files.readString(file);
    assertThat(line)
        .isEqualTo(
            "{\"round\":1,\"epoch\":0.1,\"images\":32,\"loss\":\"NaN\",\"learningRate\":1.0,"
                + "\"seconds\":1.0,\"imagesPerSecond\":32.0,\"computeSeconds\":1.0,"
                + "\"waitSeconds\":0.0,\"straggleSeconds\":0.0,\"averagingSeconds\":0.0,\"skipped\":0,"
                + "\"accuracy\":0.5,\"localSteps\":4,\"unixSeconds\":1.0E9}\n");

    String earlier = line.replace("\"straggleSeconds\":0.0,", "");
    Files.writeString(file, earlier.replaceAll(",\"accuracy.*", "}"));
    assertThat(directory.metrics(1))
        .containsExactly(
            new RoundMetrics(
                1, 0.1, 32, Double.NaN, 1, 1, 32, 1, 0, Double.NaN, 0, 0, Double.NaN, 0, 0));

    Files.writeString(file, earlier);
    assertThat(directory.metrics(1))
        .containsExactly(
            new RoundMetrics(
                1, 0.1, 32, Double.NaN, 1, 1, 32, 1, 0, Double.NaN, 0, 0, 0.5, 4, 1e9));

    Files.writeString(file, line.replace("\"images\":32,", ""));
    assertThatThrownBy(() -> directory.metrics(1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.getFileName().toString())
        .hasMessageContaining("images");
  }
}
