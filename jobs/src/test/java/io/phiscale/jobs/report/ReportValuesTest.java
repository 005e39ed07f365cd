package io.phiscale.jobs.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.report.NetworkResult.Scaling;
import io.phiscale.jobs.report.NetworkResult.Score;
import io.phiscale.jobs.report.NetworkResult.Training;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class ReportValuesTest {
  private static void assertRefused(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }

  private static Score score(long images, int classes, double top1, double top5, double loss) {
    return new Score(images, classes, top1, top5, loss, 0.875, "bicubic", Duration.ZERO);
  }

  @Test
  void scoresThatNoEvaluationGivesAreRefused() {
    assertRefused(() -> score(0, 10, 0.5, 0.9, 1), "Invalid image count: 0 (must be > 0)");
    assertRefused(() -> score(10, 1, 0.5, 0.9, 1), "Invalid class count: 1 (must be > 1)");
    assertRefused(
        () -> score(10, 10, Double.NaN, 0.9, 1), "Invalid top-1 fraction: NaN (must be 0..1)");
    assertRefused(() -> score(10, 10, 71.2, 90, 1), "Invalid top-1 fraction: 71.2 (must be 0..1)");
    assertRefused(
        () -> score(10, 10, 0.5, 0.4, 1), "Invalid top-5 fraction: 0.4 (must be >= top-1 0.5)");
    assertRefused(
        () -> score(10, 10, 0.5, 0.9, Double.NaN), "Invalid loss: NaN (must be finite and >= 0)");
    assertThat(score(10, 10, 0.5, Double.NaN, 1).top5()).isNaN();
  }

  @Test
  void topFiveIsTopKWhereThereAreFewerClasses() {
    assertThat(score(10, 3, 0.5, 1, 1).k()).isEqualTo(3);
    assertThat(score(10, 5, 0.5, 1, 1).k()).isEqualTo(5);
    assertThat(score(10, 1000, 0.5, 1, 1).k()).isEqualTo(5);
  }

  @Test
  void phiMustFitItsKind() {
    assertRefused(
        () -> new Scaling(Double.NaN, PhiKind.COMPOUND, 1, 1, 224),
        "Invalid phi: NaN (must be finite for phi kind compound)");
    assertRefused(
        () -> new Scaling(1, PhiKind.NONE, 1, 1, 224),
        "Invalid phi: 1.0 (must be NaN for phi kind none)");
    assertRefused(
        () -> new Scaling(1, PhiKind.COMPOUND, 0, 1, 224),
        "Invalid width: 0.0 (must be finite and > 0)");
    assertRefused(
        () -> new Scaling(1, PhiKind.COMPOUND, 1, 1, 0),
        "Invalid resolution in px: 0 (must be > 0)");
    assertThat(new Scaling(-0.5, PhiKind.COMPOUND, 0.95, 0.9, 28).phi()).isEqualTo(-0.5);
    assertThat(Scaling.withoutPhi(2, 1, 224).phi()).isNaN();
  }

  @Test
  void namesAndTrainingAreChecked() {
    assertRefused(
        () -> SampleReports.awkward("a\u001b[31mb", 10, 1),
        "Invalid network name: 'a?[31mb' (must not be blank and hold no control characters)");
    assertRefused(
        () -> new Training(-1, 1, 1, Duration.ZERO, 1),
        "Invalid training image count: -1 (must be >= 0)");
    assertRefused(
        () -> new Training(1, 1, 1, Duration.ofSeconds(-1), 1),
        "Invalid training time: PT-1S (must be >= 0)");
  }

  @Test
  void curvesRunForwards() {
    LearningPoint first = new LearningPoint(1, 0.5, 10, 2, 0.1, 5);
    LearningPoint second = new LearningPoint(2, 1, 20, 1, 0.1, 5);
    assertRefused(
        () -> new LearningCurve("b0", List.of(second, first)),
        "Invalid learning curve of b0: round 1 (epoch 0.5) follows round 2 (epoch 1.0) (must"
            + " ascend)");
    assertRefused(
        () -> new LearningPoint(3, 1, 20, Double.POSITIVE_INFINITY, 0.1, 5),
        "Invalid loss of round 3: Infinity (must be finite)");
  }

  @Test
  void reportsNeedRowsAndCopyWhatTheyGet() {
    assertRefused(
        () -> new EvaluationReport("t", List.of(), List.of(), Map.of(), List.of()),
        "Invalid report: no rows (nothing was evaluated)");
    List<NetworkResult> rows = new ArrayList<>(List.of(SampleReports.awkward("a", 10, 1)));
    Map<String, String> provenance = new LinkedHashMap<>();
    provenance.put("z", "1");
    provenance.put("a", "2");
    EvaluationReport report = new EvaluationReport("t", rows, List.of(), provenance, List.of());
    rows.clear();
    provenance.clear();
    assertThat(report.rows()).hasSize(1);
    assertThat(report.provenance()).containsExactly(Map.entry("z", "1"), Map.entry("a", "2"));
    LearningCurve curve = new LearningCurve("a", List.of());
    assertRefused(
        () -> new EvaluationReport("t", report.rows(), List.of(curve, curve), Map.of(), List.of()),
        "Invalid report: two learning curves have the same network name");
  }

  @Test
  void headlineNamesTheBestTheDoubtAndTheGain() {
    Headline headline = Headline.of(SampleReports.phiStudy());
    assertThat(headline.best().name()).isEqualTo("phi-2");
    assertThat(headline.best().weights()).isEqualTo(Weights.EMA);
    assertThat(headline.sentences())
        .containsExactly(
            "phi-2 is best with 81.40% top-1.",
            "Its 95% interval is 78.9–83.7% (EMA weights); it has 533 k parameters and takes 18.9 M"
                + " multiply-adds per image.",
            "The interval of phi-1 overlaps it.",
            "3 sizes of network are too few to say what a doubling of multiply-adds buys (4 are"
                + " needed).");
    Headline eight = Headline.of(SampleReports.published());
    assertThat(eight.sentences().get(0))
        .isEqualTo(
            "efficientnet-b7 is best with 84.30% top-1; each doubling of multiply-adds buys 1.0"
                + " points.");
    assertThat(eight.sentences())
        .contains("The gain per doubling is that of the least-squares line through 8 results.");
  }

  /** A rate through networks of several axes would be that of none. */
  @Test
  void theGainIsThatOfTheBestOnesAxis() {
    List<NetworkResult> rows = new ArrayList<>();
    for (int phi = 0; phi < 4; phi++) {
      long macs = 1_000_000_000L << phi;
      Scaling compound = new Scaling(phi, PhiKind.COMPOUND, 1 + phi, 1, 224);
      rows.add(
          SampleReports.crowdedRow("compound-" + phi, compound, macs, 0.50 + 0.01 * phi, 0)
              .withAxis(StudyAxis.COMPOUND));
      if (phi > 0) {
        Scaling wide = Scaling.withoutPhi(1 + phi, 1, 224);
        rows.add(
            SampleReports.crowdedRow("wide-" + phi, wide, macs, 0.50 + 0.05 * phi, 0)
                .withAxis(StudyAxis.WIDTH));
      }
    }
    Headline headline =
        Headline.of(new EvaluationReport("t", rows, List.of(), Map.of(), List.of()));
    assertThat(headline.trend().orElseThrow().gainPerDoubling()).isCloseTo(0.05, within(1e-9));
    assertThat(headline.sentences().get(0))
        .isEqualTo(
            "wide-3 is best with 65.00% top-1; each doubling of multiply-adds in width alone buys"
                + " 5.0 points.");
    assertThat(headline.sentences())
        .contains(
            "The gain per doubling is that of the least-squares line through 4 results, those"
                + " of the base network and those scaled in width alone.");
  }

  /** Seeds of a setting lie in one place; checkpoints of one size are different things. */
  @Test
  void ofTheSeedsOfAStudyThePlotNamesTheBest() {
    Scaling compound = new Scaling(1, PhiKind.COMPOUND, 1, 1, 224);
    List<NetworkResult> rows = new ArrayList<>();
    for (int seed = 0; seed < 3; seed++) {
      rows.add(
          SampleReports.crowdedRow("phi-1-seed" + seed, compound, 1_000, 0.5 + 0.01 * seed, 0));
    }
    assertThat(Plots.labelled(rows)).hasSize(3);
    rows.replaceAll(row -> row.withAxis(StudyAxis.COMPOUND));
    assertThat(Plots.labelled(rows)).containsExactly(rows.get(2));
    // Of another budget: another setting, with a name of its own.
    NetworkResult row = rows.get(0);
    NetworkResult shorter =
        new NetworkResult(
                "phi-1-epochs-2",
                row.scaling(),
                row.parameters(),
                row.multiplyAdds(),
                row.weights(),
                row.score(),
                new NetworkResult.Training(10_000, 2, 0, Duration.ofSeconds(8), 1290),
                row.checkpoint())
            .withAxis(StudyAxis.COMPOUND);
    rows.add(shorter);
    assertThat(Plots.labelled(rows)).containsExactlyInAnyOrder(rows.get(2), shorter);
  }

  /** As many as a law needs, but so close together that a slope would be noise. */
  @Test
  void networksOfNearlyOneSizeHaveNoGain() {
    List<NetworkResult> rows = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      NetworkResult row = SampleReports.awkward("n" + i, 10, 1);
      rows.add(
          new NetworkResult(
              row.name(),
              row.scaling(),
              row.parameters(),
              row.multiplyAdds() + i,
              row.weights(),
              row.score(),
              row.training(),
              row.checkpoint()));
    }
    Headline headline =
        Headline.of(new EvaluationReport("t", rows, List.of(), Map.of(), List.of()));
    assertThat(headline.trend()).isEmpty();
    assertThat(headline.sentences())
        .contains(
            "The networks are too close in size to say what a doubling of multiply-adds buys.");
  }

  @Test
  void oneNetworkHasNoGain() {
    EvaluationReport report =
        new EvaluationReport(
            "t", List.of(SampleReports.awkward("a", 10, 1)), List.of(), Map.of(), List.of());
    assertThat(Headline.of(report).trend()).isEmpty();
    assertThat(Headline.of(report).sentences().get(0)).isEqualTo("a is best with 50.00% top-1.");
  }

  @Test
  void trendRecoversAStraightLine() {
    List<NetworkResult> rows = new ArrayList<>();
    for (NetworkResult row : SampleReports.published().rows()) {
      double top1 = 0.1 + 0.02 * Math.log((double) row.multiplyAdds()) / Math.log(2);
      Score score = new Score(1000, 10, top1, 1, 1, 0.875, "bicubic", Duration.ZERO);
      rows.add(
          new NetworkResult(
              row.name(),
              row.scaling(),
              row.parameters(),
              row.multiplyAdds(),
              row.weights(),
              score,
              row.training(),
              row.checkpoint()));
    }
    Trend trend = Trend.of(rows).orElseThrow();
    assertThat(trend.gainPerDoubling()).isCloseTo(0.02, within(1e-9));
    assertThat(trend.intercept()).isCloseTo(0.1, within(1e-9));
  }
}
