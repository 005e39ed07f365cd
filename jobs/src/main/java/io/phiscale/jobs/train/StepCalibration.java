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
 * @param steps timed, of each worker
 */
public record StepCalibration(
    double secondsPerImage, long multiplyAdds, int workersAtOnce, int steps) {
  /** Steps before those that are timed, at least: buffers are made. */
  private static final int WARM_UP = 3;

  /** As long as Java needs to compile what small networks spend their time in. */
  private static final Duration WARM_UP_TIME = Duration.ofSeconds(5);

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
   * Measures.
   *
   * @param session where
   * @param configuration the network, its data and how it is trained
   * @param steps to time, &gt; 0
   * @throws IOException if the shards cannot be read
   */
  public static StepCalibration measure(
      SparkSession session, PhiscaleConfiguration configuration, int steps) throws IOException {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    Storage storage = DriverStorage.of(configuration);
    URI shards = Storage.uri(configuration.data().shards().toString());
    ShardManifest manifest = ShardManifest.read(storage, shards, configuration.data().version());
    NetworkPlan network = NetworkPlan.of(configuration.network(), manifest.labels().size());
    TrainingRecipe recipe = new TrainJob(session, configuration).recipe(manifest, network);
    int room = room(spark, configuration.train().workers());
    String what = String.format("%s: time %s steps of training", configuration.name(), steps);
    Broadcast<TrainingRecipe> shipped = spark.broadcast(recipe);
    try {
      List<Double> seconds =
          SparkJobs.run(
              spark,
              what,
              configuration.train().deadline(),
              "train.deadline",
              () ->
                  spark
                      .parallelize(IntStream.range(0, room).boxed().toList(), room)
                      .mapPartitions(new TimedSteps(shipped, steps))
                      .collect());
      return new StepCalibration(
          seconds.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN),
          NetworkCounts.of(network.spec()).multiplyAdds(),
          room,
          steps);
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

  /**
   * How long another network would train: in proportion to multiply-adds and images.
   *
   * @param otherMultiplyAdds of one forward pass of one image
   * @param images over all workers, repeats counted
   */
  public double seconds(long otherMultiplyAdds, long images) {
    return secondsPerImage
        * ((double) otherMultiplyAdds / multiplyAdds)
        * ((double) images / workersAtOnce);
  }

  /** Trains some batches and says how many seconds an image took. */
  private static final class TimedSteps implements FlatMapFunction<Iterator<Integer>, Double> {
    private static final long serialVersionUID = 1L;

    private final Broadcast<TrainingRecipe> recipe;
    private final int steps;

    TimedSteps(Broadcast<TrainingRecipe> recipe, int steps) {
      this.recipe = recipe;
      this.steps = steps;
    }

    @Override
    public Iterator<Double> call(Iterator<Integer> workers) {
      TrainingRecipe run = recipe.value();
      workers.next();
      try (Replicas.Lease lease = Replicas.borrow(run.replica())) {
        Replica replica = lease.replica();
        replica.load(replica.initialParameters(run.seed()), replica.initialOptimizerState());
        int done = 0;
        int warmUp = Integer.MAX_VALUE - steps;
        long images = 0;
        long began = System.nanoTime();
        for (int epoch = 0; done < warmUp + steps; epoch++) {
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
            for (; next.isPresent() && done < warmUp + steps; next = loader.next()) {
              long now = System.nanoTime();
              if (done >= WARM_UP && done < warmUp && now - began > WARM_UP_TIME.toNanos()) {
                warmUp = done;
                began = now;
                images = 0;
              }
              try (Batch batch = next.get()) {
                replica.step(
                    batch.images(),
                    WorkerRound.labels(batch, run.targets()),
                    run.schedule().rate(0, (double) run.plan().samples()),
                    done,
                    done);
                images += batch.count();
              }
              done++;
            }
            next.ifPresent(Batch::close);
          }
        }
        return List.of((System.nanoTime() - began) / 1e9 / images).iterator();
      }
    }
  }
}
