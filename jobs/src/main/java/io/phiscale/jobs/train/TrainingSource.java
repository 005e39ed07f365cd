package io.phiscale.jobs.train;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import io.phiscale.jobs.run.MinivalScore;
import io.phiscale.jobs.run.RoundMetrics;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToDoubleFunction;
import org.apache.spark.SparkEnv;
import org.apache.spark.metrics.source.Source;

/**
 * How training goes, as gauges of Spark's metrics system, on the driver: source {@code phiscale},
 * so that every sink shows them (Prometheus as {@code metrics_APP_driver_phiscale_loss_Value}). A
 * run that has a name, as one of several at a time, is source {@code NAME.phiscale} ({@code
 * metrics_APP_driver_NAME_phiscale_loss_Value}, where Prometheus writes _ for all but letters and
 * digits).
 *
 * <p>The name comes first since Spark takes out a source by what its gauges' names start with: of
 * {@code phiscale.phi-1} it would also take those of {@code phiscale.phi-1-seed1}.
 *
 * <p>Values are those of the last round, units as in {@link RoundMetrics}; NaN before the first
 * round. {@code rounds} is that of the whole run, {@code skippedTotal} counts since this start,
 * {@code minivalTop1} is that of the last checkpoint scored.
 */
final class TrainingSource implements Source, TrainingListener, AutoCloseable {
  private static final String NAME = "phiscale";

  private final String name;
  private final MetricRegistry registry = new MetricRegistry();
  private volatile RoundMetrics last;
  private volatile int rounds;
  private volatile double minivalTop1 = Double.NaN;
  private final AtomicLong skipped = new AtomicLong();

  private TrainingSource(String name) {
    this.name = name;
    ofLastRound("round", RoundMetrics::round);
    registry.register("rounds", (Gauge<Integer>) () -> rounds);
    ofLastRound("epoch", RoundMetrics::epoch);
    ofLastRound("images", RoundMetrics::images);
    ofLastRound("loss", RoundMetrics::loss);
    ofLastRound("accuracy", RoundMetrics::accuracy);
    ofLastRound("learningRate", RoundMetrics::learningRate);
    ofLastRound("imagesPerSecond", RoundMetrics::imagesPerSecond);
    ofLastRound("localSteps", RoundMetrics::localSteps);
    ofLastRound("seconds", RoundMetrics::seconds);
    ofLastRound("computeSeconds", RoundMetrics::computeSeconds);
    ofLastRound("waitSeconds", RoundMetrics::waitSeconds);
    ofLastRound("straggleSeconds", RoundMetrics::straggleSeconds);
    ofLastRound("averagingSeconds", RoundMetrics::averagingSeconds);
    ofLastRound("unixSeconds", RoundMetrics::unixSeconds);
    registry.register("minivalTop1", (Gauge<Double>) () -> minivalTop1);
    registry.register("skippedTotal", (Gauge<Long>) skipped::get);
  }

  private void ofLastRound(String gauge, ToDoubleFunction<RoundMetrics> value) {
    registry.register(
        gauge,
        (Gauge<Double>)
            () -> {
              RoundMetrics round = last;
              return round == null ? Double.NaN : value.applyAsDouble(round);
            });
  }

  /**
   * Adds a new source to the metrics system of this JVM's Spark; closing takes it out.
   *
   * @param run name of the run; empty where it is the only one
   */
  static TrainingSource register(Optional<String> run) {
    TrainingSource source = new TrainingSource(run.map(of -> of + "." + NAME).orElse(NAME));
    SparkEnv.get().metricsSystem().registerSource(source);
    return source;
  }

  @Override
  public String sourceName() {
    return name;
  }

  @Override
  public MetricRegistry metricRegistry() {
    return registry;
  }

  @Override
  public void started(int firstRound, int allRounds) {
    rounds = allRounds;
  }

  @Override
  public void completed(RoundMetrics round) {
    skipped.addAndGet(round.skipped());
    last = round;
  }

  @Override
  public void scored(MinivalScore score) {
    minivalTop1 = score.top1();
  }

  @Override
  public void close() {
    SparkEnv.get().metricsSystem().removeSource(this);
  }
}
