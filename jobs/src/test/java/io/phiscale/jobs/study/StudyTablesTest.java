package io.phiscale.jobs.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.ConfigurationLoader;
import io.phiscale.jobs.config.NetworkSection;
import io.phiscale.jobs.study.CellOutcome.Failed;
import io.phiscale.jobs.study.SettingTable.Setting;
import io.phiscale.jobs.train.StepCalibration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Means over seeds, comparisons, rankings and forecasts, of outcomes that were invented. */
class StudyTablesTest {
  private static final String[] AXES = {
    "study.axes=[compound, width]", "study.phi=[0, 1]", "study.seeds=[0, 1, 2]"
  };

  private static double top1(StudyCell cell) {
    double of = cell.name().startsWith("width") ? 0.70 : cell.phi() == 1 ? 0.73 : 0.6;
    return of + 0.01 * cell.seed();
  }

  @Test
  void meansAndStudentsIntervalsAreThoseOfTheTables() {
    SeedMean mean = SeedMean.of(List.of(0.70, 0.71, 0.72));

    assertThat(mean.mean()).isCloseTo(0.71, within(1e-12));
    assertThat(mean.deviation()).isCloseTo(0.01, within(1e-12));
    // t(0.975, 2) = 4.302653 (any table of Student's t).
    assertThat(mean.high() - mean.mean()).isCloseTo(4.302653 * 0.01 / Math.sqrt(3), within(1e-8));
    assertThat(mean.isSettled()).isTrue();
    assertThat(SeedMean.of(List.of(-0.1, 0.1)).isSettled()).isFalse();
    assertThat(SeedMean.of(List.of(0.5)).low()).isNaN();
    assertThat(SeedMean.of(List.of(0.5)).isSettled()).isFalse();
    assertThatThrownBy(() -> SeedMean.of(List.of()))
        .hasMessage("Invalid values: [] (must not be empty)");
  }

  @Test
  void settingsAreMeansOverSeedsAgainstTheCompoundNetworkSeedBySeed() {
    SettingTable table =
        SettingTable.of(StudySamples.finished(StudySamples.plan(AXES), StudyTablesTest::top1));

    assertThat(table.isComparison()).isTrue();
    assertThat(table.settings())
        .extracting(setting -> setting.cell().setting())
        .containsExactly("phi-0", "phi-1", "width-phi-1");
    Setting width = table.settings().get(2);
    assertThat(width.top1().mean()).isCloseTo(0.71, within(1e-12));
    assertThat(table.compound(width)).contains(table.settings().get(1));
    assertThat(table.compound(table.settings().get(1))).isEmpty();
    SeedMean over = width.over(table.settings().get(1)).orElseThrow();
    assertThat(over.mean()).isCloseTo(-0.03, within(1e-12));
    assertThat(over.seeds()).isEqualTo(3);
    assertThat(table.toText()).contains("setting", "width-phi-1", "71.00", "-3.00 (-3.0..-3.0)");
    assertThat(table.toMarkdown()).startsWith("| setting | width |").contains("| -3.00 (");
    assertThat(table.toCsv().lines().toList().get(3))
        .startsWith("width-phi-1,width,1,")
        .contains(",3,71.000,1.000,", ",seeds,-3.000,-3.000,-3.000");
  }

  @Test
  void aSingleSeedHasTheIntervalOfItsImages() {
    SettingTable table =
        SettingTable.of(StudySamples.finished(StudySamples.plan("study.phi=[0, 1]"), cell -> 0.5));

    assertThat(table.isComparison()).isFalse();
    // Wilson, 500 of 1,000.
    assertThat(table.settings().get(0).interval().low()).isCloseTo(0.469, within(5e-4));
    assertThat(table.toCsv()).contains(",1,50.000,,46.907,53.093,images,,,");
  }

  @Test
  void gridsAreRankedAndTheBestConstantsAreReadBack(@TempDir Path folder) throws IOException {
    StudyPlan plan =
        StudySamples.plan(
            "study.phi=[1]",
            "study.search.alpha=[1, 1.2, 1.4]",
            "study.search.beta=[1, 1.1]",
            "study.search.gamma=[1.15, 1.2, 1.3]",
            "study.seeds=[0, 1]");
    SettingTable table =
        SettingTable.of(
            StudySamples.finished(
                plan,
                // The best one is 1.2, 1.1, 1.15, which nothing is too near to.
                cell ->
                    0.7
                        - Math.abs(cell.constants().alpha() - 1.2)
                        - Math.abs(cell.constants().gamma() - 1.15)
                        + 0.001 * cell.seed()));
    String csv = table.rankingCsv();

    assertThat(csv.lines().toList().get(0))
        .isEqualTo(
            "rank,alpha,beta,gamma,product,images,macs,parameters,seeds,top1_mean,top1_low,top1_high,"
                + "to_best,to_best_low,to_best_high");
    assertThat(csv.lines().toList().get(1))
        .startsWith("1,1.2,1.1,1.15,1.9203,")
        .contains(",2,70.050,")
        .endsWith(",,,");
    List<Double> means = table.ranking().stream().map(setting -> setting.top1().mean()).toList();
    assertThat(means).hasSizeGreaterThan(3).isSortedAccordingTo((a, b) -> Double.compare(b, a));

    String found = table.scalingConf("mine");
    Files.writeString(folder.resolve("scaling.conf"), found);
    Path study = folder.resolve("study.conf");
    Files.writeString(study, "include \"scaling.conf\"\nname = next\n");
    assertThat(new ConfigurationLoader().file(study.toString()).load().network().coefficients())
        .isEqualTo(new NetworkSection.Coefficients(1.2, 1.1, 1.15));
    assertThat(found)
        .contains("the best of " + means.size() + " in ranking.csv of study mine", "top-1 70.05%");
  }

  @Test
  void forecastsListTheCellsByCostAndAddUpWhatIsMissing() {
    StudyPlan plan = StudySamples.plan("study.phi=[1, 0, 2]");
    long base = plan.cells().get(1).counts().multiplyAdds();
    long middle = plan.cells().get(0).counts().multiplyAdds();
    long most = plan.cells().get(2).counts().multiplyAdds();
    // 0.36 s an image, two workers: 35,000 images of the base are 1.75 hours; of phi-2, at twice
    // that, 3.5, whatever its multiply-adds are.
    StudyJob.Forecast forecast =
        new StudyJob.Forecast(
            plan,
            List.of(new CellState.Begun(175), new CellState.Done(), new CellState.Missing()),
            new StudyCalibration(
                List.of(
                    new StudyCalibration.Timed(
                        plan.cells().get(1), new StepCalibration(0.36, base, 2, 10)),
                    new StudyCalibration.Timed(
                        plan.cells().get(2), new StepCalibration(0.72, most, 2, 4)))),
            1);

    List<String> lines = CellTable.forecast(forecast).lines().toList();

    assertThat(lines.get(0)).contains("cell", "mult-adds", "off", "FLOPs", "hours", "state");
    assertThat(lines.get(1)).matches("phi-0 .* 1\\.750 +done");
    assertThat(lines.get(2)).startsWith("phi-1 ").endsWith("175 epochs");
    assertThat(lines.get(3)).matches("phi-2 .* 3\\.500 +missing");
    double hours = 3.5 + 0.5 * 1.75 * (1 + (double) (middle - base) / (most - base));
    assertThat(lines.get(5))
        .startsWith("2 of 3 cells to train: 52.5 k images, ")
        .endsWith(String.format("about %.2f hours of training.", hours));
    StudyJob.Forecast two =
        new StudyJob.Forecast(plan, forecast.states(), forecast.calibration(), 2);
    assertThat(CellTable.forecast(two).lines().toList().get(5))
        .endsWith(
            String.format(
                "about %.2f hours of training, with 2 cells at a time %.2f.", hours, hours / 2));
    assertThat(CellTable.forecast(forecast)).doesNotContain("network.resolution");
    assertThat(lines.get(6)).startsWith("Hours by training steps of the smallest network and");
    assertThat(lines)
        .contains(
            "  phi-0: 5.6 images/s (10 steps timed)", "  phi-2: 2.8 images/s (4 steps timed)");
  }

  @Test
  void theSmallestNetworkAndTheLargestOfEachAxisAreTimed() {
    StudyPlan plan =
        StudySamples.plan(
            "study.phi=[2, 0, 1]", "study.axes=[width, compound, depth]", "study.seeds=[1, 0]");

    assertThat(StudyCalibration.chosen(plan))
        .extracting(StudyCell::name)
        .containsExactly("phi-0-seed1", "phi-2-seed1", "depth-phi-2-seed1", "width-phi-2-seed1");
    assertThat(StudyCalibration.chosen(StudySamples.plan("study.phi=[1]")))
        .extracting(StudyCell::name)
        .containsExactly("phi-1");
  }

  /** At equal multiply-adds a deep network may take longer than a wide one. */
  @Test
  void hoursFollowTheAxis() {
    StudyPlan plan = StudySamples.plan("study.phi=[0, 1, 2]", "study.axes=[width, depth]");
    List<StudyCalibration.Timed> timed = new ArrayList<>();
    for (StudyCell cell : StudyCalibration.chosen(plan)) {
      double seconds = timed.isEmpty() ? 1 : cell.name().startsWith("depth") ? 7 : 3;
      timed.add(
          new StudyCalibration.Timed(
              cell, new StepCalibration(seconds, cell.counts().multiplyAdds(), 4, 1)));
    }
    StudyCalibration calibration = new StudyCalibration(timed);

    for (StudyCell cell : plan.cells()) {
      double most = cell.name().startsWith("depth") ? 7 : 3;
      double seconds = calibration.seconds(cell) * 4 / cell.images();
      switch (cell.name().replaceFirst(".*phi", "phi")) {
        case "phi-0" -> assertThat(seconds).isEqualTo(1);
        case "phi-2" -> assertThat(seconds).isCloseTo(most, within(1e-9));
        default -> assertThat(seconds).isBetween(1.1, most - 0.1);
      }
    }
  }

  @Test
  void everyCellIsInTheTableWithItsStateAndCause() {
    StudyPlan plan = StudySamples.plan("study.phi=[0, 1]");
    List<CellOutcome> outcomes = new ArrayList<>();
    outcomes.add(StudySamples.finished(plan.cells().get(0), 0.5));
    outcomes.add(new Failed(plan.cells().get(1), new IOException("no, \"never\"")));

    List<String> lines = CellTable.csv(outcomes).lines().toList();

    assertThat(lines.get(0)).startsWith("cell,setting,axis,phi,").endsWith(",error");
    assertThat(lines.get(1))
        .startsWith("phi-0,phi-0,compound,0,")
        .contains(",done,50.000,")
        .endsWith(",0.70,");
    assertThat(lines.get(2)).startsWith("phi-1,").endsWith(",failed,,,,,\"no, \"\"never\"\"\"");
  }

  @Test
  void numbersAreWrittenShort() {
    assertThat(
            Stream.of(7L, 999L, 5_288_548L, 385_814_752L, 10_000_000_000_000L).map(CellTable::si))
        .containsExactly("7", "999", "5.29 M", "386 M", "10.0 T");
  }
}
