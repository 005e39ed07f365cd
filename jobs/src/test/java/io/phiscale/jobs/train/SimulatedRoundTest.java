package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.benchmark.AveragingBenchmark;
import io.phiscale.jobs.benchmark.AveragingSetting;
import io.phiscale.jobs.benchmark.AveragingSetting.Trainer;
import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.ParameterLayout;
import java.nio.file.Path;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the benchmark of averaging measures is averaging. */
class SimulatedRoundTest {
  private static final NetworkSpec NETWORK = NetworkSpec.efficientNet(EfficientNetVariant.B0, 10);

  @TempDir static Path folder;

  @Test
  void workersNoiseIsAveragedWhateverTheWire() throws Exception {
    ParameterLayout layout = EfficientNets.parameterLayout(NETWORK);
    try (SparkSession session = LocalSpark.open(LocalSpark.configuration(folder, Map.of()))) {
      JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
      float[] start = new SimulatedRound(spark, layout, 10, 3, Wire.FP32).parameters();
      float[] exact = averaged(spark, layout, Wire.FP32);
      double squares = 0;
      for (int i = 0; i < exact.length; i++) {
        squares += Math.pow(exact[i] - start[i], 2);
      }
      // Each worker's noise is uniform over 1e-3, of variance 1e-6 / 12; the mean of 3 has a third.
      assertThat(Math.sqrt(squares / exact.length)).isCloseTo(1e-3 / 6, within(2e-6));
      assertThat(averaged(spark, layout, Wire.FP32)).isEqualTo(exact);
      for (Wire wire : new Wire[] {Wire.FP16, Wire.BF16, Wire.INT8}) {
        assertThat(largestDifference(averaged(spark, layout, wire), exact)).isLessThan(3e-6);
      }
    }
  }

  private static double largestDifference(float[] one, float[] other) {
    double largest = 0;
    for (int i = 0; i < one.length; i++) {
      largest = Math.max(largest, Math.abs(one[i] - other[i]));
    }
    return largest;
  }

  private static float[] averaged(JavaSparkContext spark, ParameterLayout layout, Wire wire)
      throws InterruptedException {
    SimulatedRound round = new SimulatedRound(spark, layout, 10, 3, wire);
    round.run();
    return round.parameters();
  }

  @Test
  void everyTrainerIsMeasured() throws Exception {
    try (SparkSession session = LocalSpark.open(LocalSpark.configuration(folder, Map.of()))) {
      JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
      for (Trainer trainer : Trainer.values()) {
        AveragingBenchmark.Result result =
            AveragingBenchmark.run(
                spark, new AveragingSetting(trainer, NETWORK, 1, Wire.FP32, 1, 2, 512), 2);
        assertThat(result.seconds()).isPositive();
        assertThat(result.line())
            .startsWith(trainer.key() + " ")
            // Momentum, and 4,020,358 parameters and 42,016 statistics of 4 bytes.
            .contains(" 32.5 ");
      }
    }
  }
}
