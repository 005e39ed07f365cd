package io.phiscale.jobs.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.cli.Console;
import io.phiscale.jobs.cli.SparkJobRunner;
import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.run.RunDirectory;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.study.CellOutcome.Finished;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.jobs.train.TrainingListener;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole studies of tiny networks on real Spark. */
class StudyJobTest {
  @TempDir static Path folder;

  @BeforeAll
  static void shard() throws Exception {
    SmallImages.write(folder.resolve("images"), 20);
    PhiscaleConfiguration configuration = configuration("none", Map.of());
    try (SparkSession session = LocalSpark.open(configuration)) {
      new ShardJob(session, configuration).run();
    }
  }

  private static PhiscaleConfiguration configuration(String study, Map<String, String> more) {
    Map<String, String> values = new TreeMap<>(LocalSpark.tinyTraining());
    values.put("data.source.layout", "class-folders");
    values.put("data.source.train", folder.resolve("images").toString());
    values.put("data.source.validation.uri", "null");
    values.put("data.source.validation-fraction", "0.3");
    values.put("data.row-group-bytes", "2KiB");
    values.put("study.axes", "[compound, width]");
    values.put("study.phi", "[0, 1]");
    values.put("study.seeds", "[0, 1]");
    values.put("study.calibration-steps", "2");
    values.put("train.epochs", "1");
    values.put("study.output", folder.resolve(study).toUri().toString());
    values.putAll(more);
    return LocalSpark.configuration(folder, values);
  }

  /** Fails a cell in its second round, and counts rounds. */
  private static final class Watch implements StudyListener {
    private final String fails;
    private final AtomicInteger rounds = new AtomicInteger();
    private final List<String> planned = Collections.synchronizedList(new ArrayList<>());
    private final ConcurrentLinkedQueue<String> ended = new ConcurrentLinkedQueue<>();

    Watch(String fails) {
      this.fails = fails;
    }

    @Override
    public void planned(List<StudyCell> cells) {
      cells.forEach(cell -> planned.add(cell.name()));
    }

    @Override
    public TrainingListener started(StudyCell cell) {
      return new TrainingListener() {
        @Override
        public void completed(RoundMetrics round) {
          rounds.incrementAndGet();
          if (cell.name().equals(fails) && round.round() == 2) {
            throw new IllegalStateException("this cell is to fail");
          }
        }
      };
    }

    @Override
    public void ended(CellOutcome outcome) {
      ended.add(outcome.cell().name());
    }
  }

  private static float[] parameters(PhiscaleConfiguration configuration, String cell)
      throws IOException {
    URI place = Storage.resolve(Storage.uri(configuration.study().output().toString()), cell);
    Checkpoint checkpoint =
        new RunDirectory(DriverStorage.of(configuration), place)
            .checkpoints()
            .latest()
            .orElseThrow();
    return checkpoint.parameters();
  }

  @Test
  void aFailedCellStopsNoOtherAndOnlyItIsTrainedAgainAndConcurrencyChangesNoNumber()
      throws Exception {
    PhiscaleConfiguration first = configuration("study", Map.of());
    PhiscaleConfiguration concurrent =
        configuration("concurrent", Map.of("study.concurrent", "2", "study.axes", "[compound]"));
    Watch failing = new Watch("width-phi-1");
    StudyJob.Result result;
    StudyJob.Result again;
    StudyJob.Result atOnce;
    Watch resumed = new Watch("none");
    Watch together = new Watch("none");
    try (SparkSession session = LocalSpark.open(concurrent)) {
      assertThat(session.sparkContext().getSchedulingMode().toString()).isEqualTo("FAIR");
      result = new StudyJob(session, first).run(failing);

      StudyJob.Forecast forecast = new StudyJob(session, first).forecast();
      assertThat(forecast.states())
          .filteredOn(CellState.Done.class::isInstance)
          .hasSize(forecast.states().size() - 1);
      assertThat(forecast.calibration().timed())
          .extracting(timed -> timed.cell().setting() + " " + timed.steps().steps())
          .containsExactly("phi-0 2", "phi-1 2", "width-phi-1 2");
      assertThat(CellTable.forecast(forecast)).contains("1 of 6 cells to train");

      // Another order of axes and seeds: the same cells.
      PhiscaleConfiguration turned =
          configuration(
              "study",
              Map.of(
                  "study.axes", "[width, compound]",
                  "study.phi", "[1, 0]",
                  "study.seeds", "[1, 0]"));
      again = new StudyJob(session, turned).run(resumed);
      atOnce = new StudyJob(session, concurrent).run(together);

      PhiscaleConfiguration other =
          configuration("study", Map.of("train.learning-rate.base", "0.1"));
      assertThatThrownBy(() -> new StudyJob(session, other).run(StudyListener.SILENT))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageStartingWith("Cannot go on with cell phi-0, which file:")
          .hasMessageContaining("train.learning-rate.base is 0.1, was 0.05");
    }

    assertThat(failing.planned).startsWith("phi-0", "phi-0-seed1").hasSize(6);
    assertThat(failing.ended).containsExactlyElementsOf(failing.planned);
    assertThat(result.failures())
        .singleElement()
        .satisfies(
            failed -> {
              assertThat(failed.cell().name()).isEqualTo("width-phi-1");
              assertThat(failed.cause()).hasMessage("this cell is to fail");
            });
    assertThat(result.report().orElseThrow().rows())
        .extracting(row -> row.name())
        .containsExactly("phi-0", "phi-0-seed1", "phi-1", "phi-1-seed1", "width-phi-1-seed1");
    assertThat(Files.readString(folder.resolve("study/cells.csv"))).contains("width-phi-1,");

    assertThat(again.failures()).isEmpty();
    int each = together.rounds.get() / 4;
    assertThat(each).isPositive();
    assertThat(resumed.rounds).as("rounds of the one cell that was missing").hasValue(each);
    assertThat(folder.resolve("study/report.html")).isRegularFile();
    assertThat(Files.readString(folder.resolve("study/cells.csv"))).doesNotContain("failed");
    assertThat(Files.readAllLines(folder.resolve("study/settings.csv"))).hasSize(4);

    assertThat(atOnce.failures()).isEmpty();
    for (String cell : together.planned) {
      assertThat(parameters(concurrent, cell)).containsExactly(parameters(first, cell));
      assertThat(row(atOnce, cell).row().score().loss())
          .isEqualTo(row(again, cell).row().score().loss());
    }
    assertThat(parameters(first, "phi-1")).isNotEqualTo(parameters(first, "phi-1-seed1"));
  }

  private static Finished row(StudyJob.Result result, String cell) {
    return result.outcomes().stream()
        .map(Finished.class::cast)
        .filter(finished -> finished.cell().name().equals(cell))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aGridIsRankedAndItsBestConstantsAreAConfiguration() throws Exception {
    PhiscaleConfiguration configuration =
        configuration(
            "grid",
            Map.of(
                "study.axes", "[compound]",
                "study.phi", "[1]",
                "study.seeds", "[]",
                "study.search.alpha", "[1, 2]",
                "study.search.beta", "[1, 1.4]",
                "study.search.gamma", "[1]",
                "study.data-fractions", "[0.5]",
                "study.budget.epochs", "[1, 2]",
                "study.search.keep", "0.5"));
    StudyJob.Result result;
    try (SparkSession session = LocalSpark.open(configuration)) {
      result = new StudyJob(session, configuration).run(StudyListener.SILENT);
    }

    assertThat(result.outcomes())
        .extracting(outcome -> outcome.cell().name())
        .containsExactlyInAnyOrder(
            "a2-b1-g1-phi-1-data0.5-1epochs",
            "a1-b1.4-g1-phi-1-data0.5-1epochs",
            "a2-b1-g1-phi-1-data0.5-2epochs",
            "a1-b1.4-g1-phi-1-data0.5-2epochs");
    // The better one of the first epoch goes on.
    assertThat(result.outcomes()).filteredOn(Finished.class::isInstance).hasSize(3);
    assertThat(result.outcomes()).filteredOn(CellOutcome.Dropped.class::isInstance).hasSize(1);
    assertThat(Files.readString(folder.resolve("grid/cells.csv"))).containsOnlyOnce(",dropped,");
    Finished cell = (Finished) result.outcomes().get(0);
    assertThat(cell.row().training().images())
        .isEqualTo(cell.cell().imagesPerEpoch())
        .isLessThan(30);
    assertThat(Files.readAllLines(folder.resolve("grid/ranking.csv"))).hasSize(4);
    assertThat(
            new ConfigurationLoader()
                .file(folder.resolve("grid/scaling.conf").toString())
                .load()
                .network()
                .coefficients())
        .isEqualTo(result.comparison().ranking().get(0).cell().constants());
  }

  /** What the user sees of a cell that cannot be: its folder holds a damaged checkpoint. */
  @Test
  void theCommandNamesFailedCellsAndFails() throws Exception {
    PhiscaleConfiguration configuration =
        configuration(
            "damaged",
            Map.of(
                "study.axes", "[compound]",
                "study.seeds", "[]",
                "study.budget.epochs", "[1]"));
    Path checkpoint =
        Files.createDirectories(folder.resolve("damaged/phi-1-1epochs/checkpoints/round-00000001"));
    Files.writeString(checkpoint.resolve("checkpoint.json"), "{}");
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    Console console =
        new Console(new PrintWriter(out), new PrintWriter(err), Console.Terminal.PLAIN);

    assertThatThrownBy(() -> new SparkJobRunner().study(configuration, console))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "1 of 2 cells failed (phi-1-1epochs); what is finished stays, and the next start tries"
                + " the others again");

    assertThat(out.toString()).contains("phi-0-1epochs", "Report: ", "Failed: phi-1-1epochs: ");
    assertThat(err.toString())
        .contains("phi-0-1epochs (1/2): training 1 epochs", "phi-1-1epochs (2/2): failed: ");
  }
}
