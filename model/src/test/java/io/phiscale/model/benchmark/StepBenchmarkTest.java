package io.phiscale.model.benchmark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.benchmark.StepBenchmark.Detail;
import io.phiscale.model.benchmark.StepBenchmark.Mode;
import io.phiscale.model.benchmark.StepBenchmark.Part;
import io.phiscale.model.benchmark.StepBenchmark.Result;
import io.phiscale.model.benchmark.StepBenchmark.Setting;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.NetworkCounts;
import io.phiscale.model.spec.NetworkSpec;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StepBenchmarkTest {

  private static final NetworkSpec NETWORK =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 10).withName("tiny");

  private static final double MEBIBYTE = 1024 * 1024;

  private static Setting setting(Mode mode, String kernels, Detail detail) {
    return new Setting(mode, NETWORK, 2, kernels, 1, 3, detail, Freeze.NONE);
  }

  @ParameterizedTest
  @CsvSource({"STEP, onednn", "STEP, nd4j", "EVAL, onednn", "EVAL, nd4j"})
  void oneLineSaysEverything(Mode mode, String kernels) {
    Result result = StepBenchmark.run(setting(mode, kernels, Detail.TOTAL));

    assertThat(result.seconds()).hasSize(3).allMatch(seconds -> seconds > 0);
    assertThat(result.imagesPerSecond()).isCloseTo(2 / result.medianSeconds(), within(1e-9));
    assertThat(result.line())
        .matches(
            "phiscale tiny "
                + mode.name().toLowerCase(Locale.ROOT)
                + " batch=2 res="
                + NETWORK.resolutionPx()
                + " "
                + kernels
                + " fp32 threads=1: \\d+\\.\\d\\d images/s \\(median step \\d+\\.\\d{3} s\\), peak RSS"
                + " \\d+ MiB");
    assertThat(result.parts()).isEmpty();
    assertThat(Double.isNaN(result.networkMebibytes())).isEqualTo(mode == Mode.STEP);
  }

  /** Whatever else the process has taken: a larger one in between changes nothing. */
  @ParameterizedTest
  @ValueSource(strings = {Kernels.ONEDNN, Kernels.ND4J})
  void memoryOfAnEvaluationIsThatOfItsNetworkAlone(String kernels) {
    Setting small = new Setting(Mode.EVAL, NETWORK, 2, kernels, 1, 1, Detail.TOTAL, Freeze.NONE);
    Setting large = new Setting(Mode.EVAL, NETWORK, 8, kernels, 1, 1, Detail.TOTAL, Freeze.NONE);

    double first = StepBenchmark.run(small).networkMebibytes();
    double larger = StepBenchmark.run(large).networkMebibytes();

    assertThat(StepBenchmark.run(small).networkMebibytes()).isEqualTo(first);
    // Weights, without the running statistics, and images.
    double images = 3.0 * NETWORK.resolutionPx() * NETWORK.resolutionPx() * Float.BYTES / MEBIBYTE;
    double parameters = NetworkCounts.of(NETWORK).parameters() * Float.BYTES / MEBIBYTE;
    assertThat(first).isGreaterThan(2 * images + 0.8 * parameters);
    assertThat(larger - first).isGreaterThan(6 * images);
    assertThat(larger).isLessThan(4 * first);
  }

  @Test
  void partsOfATrainingStepAddUpToIt() {
    Result result = StepBenchmark.run(setting(Mode.STEP, Kernels.ONEDNN, Detail.PROFILE));

    assertThat(result.parts())
        .extracting(Part::name)
        .contains(
            "depthwise backward",
            "squeeze-excitation and projection forward",
            "classifier",
            "optimizer",
            "images and labels",
            "DL4J and layers, outside kernels");
    addsUp(result);
  }

  @ParameterizedTest
  @ValueSource(strings = {Kernels.ONEDNN, Kernels.ND4J})
  void aStepOnFrozenFeaturesConvolvesForwardOnly(String kernels) {
    Result result =
        StepBenchmark.run(
            new Setting(Mode.STEP, NETWORK, 2, kernels, 1, 3, Detail.PROFILE, Freeze.FEATURES));

    assertThat(result.line()).startsWith("phiscale tiny step freeze=features batch=2 res=");
    assertThat(result.parts())
        .extracting(Part::name)
        .contains("depthwise forward", "pointwise forward", "classifier", "optimizer")
        .noneMatch(name -> name.contains("backward") || name.contains("batch norm"));
    addsUp(result);
  }

  @Test
  void partsOfAnEvaluationAreFoldedConvolutions() {
    Result result = StepBenchmark.run(setting(Mode.EVAL, Kernels.ONEDNN, Detail.PROFILE));

    assertThat(result.parts())
        .extracting(Part::name)
        .contains("pointwise forward", "depthwise forward", "copying, outside kernels")
        .noneMatch(name -> name.contains("batch norm"));
    assertThat(result.parts())
        .filteredOn(part -> part.name().equals("depthwise forward"))
        .extracting(Part::calls)
        .containsExactly((long) NETWORK.blocks().size());
    addsUp(result);
  }

  private static void addsUp(Result result) {
    double mean = result.seconds().stream().mapToDouble(Double::doubleValue).average().orElse(0);
    assertThat(result.parts().stream().mapToDouble(Part::seconds).sum())
        .isCloseTo(mean, within(1e-9));
    assertThat(result.parts()).allMatch(part -> part.seconds() >= 0);
    assertThat(result.table().lines())
        .hasSize(result.parts().size() + 2)
        .last()
        .asString()
        .startsWith("mean step")
        .endsWith("100.0%");
  }

  @Test
  void wrongSettingsSaySo() {
    assertThatThrownBy(
            () -> new Setting(Mode.STEP, NETWORK, 0, Kernels.AUTO, 1, 1, Detail.TOTAL, Freeze.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid batch size: 0 (must be > 0)");
    assertThatThrownBy(
            () ->
                new Setting(Mode.STEP, NETWORK, 1, Kernels.AUTO, -1, 1, Detail.TOTAL, Freeze.NONE))
        .hasMessage("Invalid number of threads: -1 (must be > 0)");
    assertThatThrownBy(
            () -> new Setting(Mode.STEP, NETWORK, 1, Kernels.AUTO, 1, 0, Detail.TOTAL, Freeze.NONE))
        .hasMessage("Invalid number of steps: 0 (must be > 0)");
    assertThatThrownBy(
            () -> new Setting(Mode.STEP, NETWORK, 1, "cuda", 1, 1, Detail.TOTAL, Freeze.NONE))
        .hasMessage("Invalid kernels: cuda (must be one of %s)", List.of("auto", "onednn", "nd4j"));
    assertThatThrownBy(
            () ->
                new Setting(
                    Mode.EVAL, NETWORK, 1, Kernels.AUTO, 1, 1, Detail.TOTAL, Freeze.FEATURES))
        .hasMessage("Invalid freeze: features (eval trains nothing)");
  }
}
