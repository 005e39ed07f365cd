package io.phiscale.jobs.train;

import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.jobs.train.Contribution.Report;
import io.phiscale.jobs.train.Contribution.Slice;
import io.phiscale.model.spec.ParameterLayout;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import scala.Tuple2;

/**
 * The trainer's rounds without their training, to measure what is left: workers send replicas that
 * differ from the round's start by noise, and everything else is done as {@link
 * ParameterAveragingTrainer} does it.
 */
public final class SimulatedRound {
  private static final Duration DEADLINE = Duration.ofMinutes(10);

  private static final int NOISE = 1 << 14;

  private final JavaSparkContext spark;
  private final ParameterLayout layout;
  private final int workers;
  private final Wire wire;
  private float[] parameters;
  private float[] optimizerState;
  private int rounds;

  /**
   * @param spark the context
   * @param layout of the parameters
   * @param optimizerValues length of the optimizer's state
   * @param workers number of replicas (&gt; 0)
   * @param wire what they are sent in
   */
  public SimulatedRound(
      JavaSparkContext spark, ParameterLayout layout, int optimizerValues, int workers, Wire wire) {
    this.spark = spark;
    this.layout = layout;
    this.workers = workers;
    this.wire = wire;
    parameters = noise(layout.length(), 0);
    optimizerState = noise(optimizerValues, 1);
  }

  private static float[] noise(int length, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextDouble() - 0.5f;
    }
    return values;
  }

  /** One round: broadcast, workers, averaging, collection, the new state. */
  public void run() throws InterruptedException {
    RoundState start = new RoundState(new FloatVector(parameters), new FloatVector(optimizerState));
    Broadcast<RoundState> state = spark.broadcast(start);
    rounds++;
    List<Contribution> results =
        new AveragingRound(spark, "phiscale-bench", DEADLINE, "fixed", "Nothing was to be kept")
            .run(
                rounds,
                "bench: round " + rounds + " of averaging",
                Slices.of(start),
                state,
                workers,
                () ->
                    spark
                        .parallelize(IntStream.range(0, workers).boxed().toList(), workers)
                        .mapPartitionsToPair(new Worker(state, layout, wire)));
    float[] newState = new float[optimizerState.length];
    if (wire == Wire.FP32) {
      float[] averaged = new float[parameters.length];
      Slices.of(start).assemble(results, averaged, newState);
      parameters = averaged;
    } else {
      List<Slice> slices =
          results.stream().filter(Slice.class::isInstance).map(Slice.class::cast).toList();
      parameters =
          PackedState.unpack(new WireOrder(layout), parameters, slices, Slices.of(start), newState);
    }
    optimizerState = newState;
  }

  /** The averaged parameters after the rounds so far. */
  float[] parameters() {
    return parameters;
  }

  private record Worker(Broadcast<RoundState> state, ParameterLayout layout, Wire wire)
      implements PairFlatMapFunction<Iterator<Integer>, SliceKey, Contribution> {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Tuple2<SliceKey, Contribution>> call(Iterator<Integer> ids) {
      int worker = ids.next();
      RoundState start = state.value();
      float[] replica = start.parameters().values().clone();
      // Few numbers used again and again: drawing one for every value would take as long as the
      // rest.
      float[] noise = noise(NOISE, 2L + worker);
      for (int i = 0; i < replica.length; i++) {
        replica[i] += 1e-3f * noise[i % NOISE];
      }
      float[] sent = start.optimizerState().values();
      Report report = new Report(worker, 1, 1, 0, 0, List.of(), 0, 0, 0, null);
      if (wire == Wire.FP32) {
        return Slices.of(start).contributions(report, replica, sent).iterator();
      }
      Stream<Tuple2<SliceKey, Contribution>> packed =
          PackedState.pack(
                  wire,
                  new WireOrder(layout),
                  start.parameters().values(),
                  replica,
                  sent,
                  new float[0],
                  Slices.DEFAULT_SLICE_LENGTH)
              .contributions(1)
              .map(slice -> new Tuple2<>(new SliceKey(slice.slice(), worker), slice));
      return Stream.concat(Slices.report(report), packed).iterator();
    }
  }
}
