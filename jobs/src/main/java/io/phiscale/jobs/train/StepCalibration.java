package io.phiscale.jobs.train;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.SparkJobs;
import io.phiscale.model.spec.NetworkCounts;
import io.phiscale.model.train.Replica;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;

/**
 * Times real training steps of a configuration where they will be computed: one Spark job in which
 * every worker that has room trains a few batches of its images, all at once, and forgets them.
 * Averaging, checkpoints and evaluation are not in it.
 *
 * @param secondsPerImage of one worker, loading included, mean over the workers
 * @param multiplyAdds of the network that was timed, of one forward pass of one image
 * @param workersAtOnce workers that compute at the same time
 * @param steps timed, of the worker that did the fewest
 */
public record StepCalibration(
    double secondsPerImage, long multiplyAdds, int workersAtOnce, int steps) {
  /** Steps before those that are timed: buffers are made. */
  private static final int WARM_UP = 3;

  /** Nor longer than this before steps are timed: a step of a large network is long. */
  private static final Duration LONGEST_WARM_UP = Duration.ofSeconds(8);

  /** No step begins when others were timed for so long. */
  private static final Duration LONGEST = Duration.ofMillis(1500);

  /** What the workers' Java has done before. */
  public enum Java {
    /** Nothing of this: it needs as long to compile what small networks spend their time in. */
    COLD(Duration.ofSeconds(5)),
    /** Steps of another network, not long ago. */
    WARM(Duration.ofSeconds(1));

    private final Duration warmUp;

    Java(Duration warmUp) {
      this.warmUp = warmUp;
    }
  }

  public StepCalibration {
    if (!(secondsPerImage > 0) || Double.isInfinite(secondsPerImage)) {
      throw new IllegalArgumentException(
          String.format("Invalid seconds per image: %s (must be > 0)", secondsPerImage));
    }
    if (multiplyAdds <= 0 || workersAtOnce <= 0 || steps <= 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid calibration: %s multiply-adds, %s workers, %s steps (must be > 0)",
              multiplyAdds, workersAtOnce, steps));
    }
  }

  /**
   * Measures, for about {@link #LONGEST} after warming up, or one step.
   *
   * @param session where
   * @param configuration the network, its data and how it is trained
   * @param steps to time at most, &gt; 0
   * @param java what was measured before
   * @throws IOException if the shards cannot be read
   */
  public static StepCalibration measure(
      SparkSession session, PhiscaleConfiguration configuration, int steps, Java java)
      throws IOException {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    Storage storage = DriverStorage.of(configuration);
    URI shards = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, shards, configuration.data().version());
    NetworkPlan network = NetworkPlan.of(configuration.network(), manifest.labels().size());
    TrainingRecipe recipe = new TrainJob(session, configuration).recipe(manifest, network);
    int room = room(spark, configuration.train().workers());
    String what =
        String.format(
            "%s: time steps of training %s", configuration.name(), network.identity().name());
    Broadcast<TrainingRecipe> shipped = spark.broadcast(recipe);
    try {
      List<Timed> timed =
          SparkJobs.run(
              spark,
              what,
              configuration.train().deadline(),
              "train.deadline",
              () ->
                  spark
                      .parallelize(IntStream.range(0, room).boxed().toList(), room)
                      .mapPartitions(new TimedSteps(shipped, steps, java.warmUp))
                      .collect());
      return new StepCalibration(
          timed.stream().mapToDouble(Timed::secondsPerImage).average().orElse(Double.NaN),
          NetworkCounts.of(network.spec()).multiplyAdds(),
          room,
          timed.stream().mapToInt(Timed::steps).min().orElse(0));
    } finally {
      shipped.destroy();
    }
  }

  /** How many of so many workers compute at the same time. */
  public static int room(JavaSparkContext spark, int workers) {
    return Math.max(1, Math.min(workers, slots(spark)));
  }

  /** Tasks that the cluster runs at a time. */
  public static int slots(JavaSparkContext spark) {
    return Math.max(1, spark.defaultParallelism() / Threads.ofTask(spark.sc()));
  }

  /** Of all workers. */
  public double imagesPerSecond() {
    return workersAtOnce / secondsPerImage;
  }

  /** What one worker measured. */
  private record Timed(double secondsPerImage, int steps) implements Serializable {}

  /** Warms up, then times steps. */
  private static final class Watch {
    private final int steps;
    private final Duration warmUp;
    private boolean isWarm;
    private long began = System.nanoTime();
    private long passed;
    private int done;
    private long images;

    Watch(int steps, Duration warmUp) {
      this.steps = steps;
      this.warmUp = warmUp;
    }

    /** A step of so many images has ended; says whether one more is wanted. */
    boolean stepped(int count) {
      passed = System.nanoTime() - began;
      done++;
      images += count;
      if (isWarm) {
        return done < steps && passed < LONGEST.toNanos();
      }
      if ((done >= WARM_UP && passed >= warmUp.toNanos()) || passed >= LONGEST_WARM_UP.toNanos()) {
        isWarm = true;
        began = System.nanoTime();
        done = 0;
        images = 0;
      }
      return true;
    }

    Timed timed() {
      return new Timed(passed / 1e9 / images, done);
    }
  }

  /** Trains some batches and says how many seconds an image took. */
  private static final class TimedSteps implements FlatMapFunction<Iterator<Integer>, Timed> {
    private static final long serialVersionUID = 1L;

    private final Broadcast<TrainingRecipe> recipe;
    private final int steps;
    private final Duration warmUp;

    TimedSteps(Broadcast<TrainingRecipe> recipe, int steps, Duration warmUp) {
      this.recipe = recipe;
      this.steps = steps;
      this.warmUp = warmUp;
    }

    @Override
    public Iterator<Timed> call(Iterator<Integer> workers) {
      TrainingRecipe run = recipe.value();
      workers.next();
      try (Replicas.Lease lease = Replicas.borrow(run.replica())) {
        Replica replica = lease.replica();
        replica.load(replica.initialParameters(run.seed()), replica.initialOptimizerState());
        Watch watch = new Watch(steps, warmUp);
        boolean goesOn = true;
        int step = 0;
        for (int epoch = 0; goesOn; epoch++) {
          EpochOrder order = new EpochOrder(run.rowGroups(), run.seed(), epoch);
          try (BatchLoader loader =
              Loaders.open(
                  run.storage(),
                  order.slice(0, order.size()),
                  0,
                  DamagePolicy.SKIP,
                  run.transform(),
                  run.augmentation(),
                  run.seed(),
                  epoch,
                  run.loader())) {
            Optional<Batch> next = loader.next();
            if (next.isEmpty()) {
              throw new IllegalStateException(
                  "Cannot time training steps: no training image can be read");
            }
            while (next.isPresent()) {
              try (Batch batch = next.get()) {
                replica.step(
                    batch.images(),
                    WorkerRound.labels(batch, run.targets()),
                    run.schedule().rate(0, (double) run.plan().samples()),
                    step,
                    step);
                goesOn = watch.stepped(batch.count());
              }
              step++;
              next = goesOn ? loader.next() : Optional.empty();
            }
          }
        }
        return List.of(watch.timed()).iterator();
      }
    }
  }
}
