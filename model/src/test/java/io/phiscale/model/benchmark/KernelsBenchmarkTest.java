package io.phiscale.model.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.model.benchmark.KernelsBenchmark.Clock;
import io.phiscale.model.benchmark.KernelsBenchmark.Row;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.NetworkSpec;
import java.util.List;
import org.junit.jupiter.api.Test;

class KernelsBenchmarkTest {

  private static final NetworkSpec NETWORK =
      NetworkSpec.efficientNet(EfficientNetVariant.B0, 10).withResolutionPx(32);

  @Test
  void everyCallOfAStepIsTimed() {
    try (Kernels kernels = Kernels.create(Kernels.ONEDNN, 1)) {
      List<Row> rows = KernelsBenchmark.trainingStep(NETWORK, 2, kernels, 1, Clock.WALL, "");
      assertThat(calls(rows, "batch norm forward")).isEqualTo(49);
      assertThat(calls(rows, "depthwise forward")).isEqualTo(16);
      assertThat(calls(rows, "pointwise input gradient")).isEqualTo(32);
      assertThat(calls(rows, "squeeze-excitation backward")).isEqualTo(16);
      assertThat(rows).allSatisfy(row -> assertThat(row.fastestMillis()).isPositive());
      assertThat(KernelsBenchmark.table(rows))
          .contains("depthwise weight gradient", "sum of all kernel calls");
    }
  }

  @Test
  void someCallsCanBeTimedAlone() {
    try (Kernels kernels = Kernels.create(Kernels.ONEDNN, 1)) {
      List<Row> rows = KernelsBenchmark.trainingStep(NETWORK, 2, kernels, 1, Clock.CPU, "head");
      assertThat(rows).extracting(Row::operation).containsExactly("head");
    }
  }

  private static int calls(List<Row> rows, String operation) {
    return rows.stream()
        .filter(row -> row.operation().equals(operation))
        .mapToInt(Row::count)
        .sum();
  }
}
