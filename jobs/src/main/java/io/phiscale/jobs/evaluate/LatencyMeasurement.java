package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.report.Latency;
import io.phiscale.jobs.train.Threads;
import io.phiscale.model.benchmark.StepBenchmark;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.NetworkSpec;

/**
 * Times a network on random pixels in this process: one image alone (the form of Tan &amp; Le 2019,
 * table 4), then batches; medians after as many passes that warm up.
 */
final class LatencyMeasurement {
  private LatencyMeasurement() {}

  static Latency of(NetworkSpec network, PhiscaleConfiguration configuration) {
    EvaluateSection.Latency asked = configuration.evaluate().latency();
    StepBenchmark.Result single = run(network, configuration, 1);
    StepBenchmark.Result batch = run(network, configuration, asked.batchSize());
    return new Latency(
        1e3 * single.medianSeconds(),
        batch.imagesPerSecond(),
        asked.batchSize(),
        asked.threads(),
        batch.networkMebibytes(),
        Latency.costPerMillion(asked.pricePerHour(), batch.imagesPerSecond()));
  }

  private static StepBenchmark.Result run(
      NetworkSpec network, PhiscaleConfiguration configuration, int batch) {
    EvaluateSection evaluate = configuration.evaluate();
    return StepBenchmark.run(
        new StepBenchmark.Setting(
            StepBenchmark.Mode.EVAL,
            network,
            batch,
            Threads.kernels(configuration.train().kernels()),
            evaluate.latency().threads(),
            evaluate.latency().runs(),
            StepBenchmark.Detail.TOTAL,
            Freeze.NONE,
            Precision.valueOf(evaluate.precision().name())));
  }
}
