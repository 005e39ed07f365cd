package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.Threads;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.train.Predictor;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.image.EvaluationTransform;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.ShardSamples;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * What an evaluation costs over what it cannot do without: the time of {@link EvaluateJob#evaluate}
 * over the time of the network on batches that lie ready plus the time of the loader that nobody
 * waits for, all three with as many tasks, threads and images, in one process, in turns.
 *
 * <p>A loader works while the network computes, but both want the same cores: on busy cores the sum
 * is the least that an evaluation can take.
 */
public final class EvaluationBenchmark {
  private EvaluationBenchmark() {}

  /**
   * What is computed.
   *
   * @param network with the input that it is evaluated with
   * @param parameters of it
   * @param groups where the images lie
   */
  record Work(NetworkSpec network, FloatVector parameters, List<RowGroup> groups) {
    Work {
      groups = List.copyOf(groups);
    }
  }

  /**
   * One turn, in seconds of wall time.
   *
   * @param inference scores of ready batches
   * @param loading of all images
   * @param scoring of the Spark job that does both
   * @param evaluation all of it: checkpoint, scoring, statistics, predictions and pictures as
   *     configured
   */
  public record Turn(double inference, double loading, double scoring, double evaluation) {
    /** What the whole evaluation costs over its parts. */
    public double ratio() {
      return evaluation / (inference + loading);
    }

    /** What the Spark job alone costs over them. */
    public double scoringRatio() {
      return scoring / (inference + loading);
    }
  }

  /**
   * What was measured.
   *
   * @param what network, input and tasks, in words
   * @param images of the set
   * @param turns that count, not empty
   */
  public record Result(String what, long images, List<Turn> turns) {
    public Result {
      turns = List.copyOf(turns);
    }

    /** Medians and the ratio in one line. */
    public String line() {
      return String.format(
          Locale.ROOT,
          "evaluate %s: %,d images in %.2f s, %.3f times inference + loading (%.2f + %.2f s); median"
              + " of %d turns, %.3f to %.3f",
          what,
          images,
          median(Turn::evaluation),
          median(Turn::ratio),
          median(Turn::inference),
          median(Turn::loading),
          turns.size(),
          turns.stream().mapToDouble(Turn::ratio).min().orElseThrow(),
          turns.stream().mapToDouble(Turn::ratio).max().orElseThrow());
    }

    /** Where the time of an image goes, by the medians. */
    public String table() {
      return String.format(
          Locale.ROOT,
          "ms an image: inference %.3f, loading %.3f, scoring job %.3f (%.3f times both), whole"
              + " evaluation %.3f",
          1e3 * median(Turn::inference) / images,
          1e3 * median(Turn::loading) / images,
          1e3 * median(Turn::scoring) / images,
          median(Turn::scoringRatio),
          1e3 * median(Turn::evaluation) / images);
    }

    private double median(ToDoubleFunction<Turn> value) {
      double[] sorted = turns.stream().mapToDouble(value).sorted().toArray();
      int middle = sorted.length / 2;
      return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
  }

  /**
   * Measures, after one turn that warms up. Predictions are written as an evaluation does.
   *
   * @param session the Spark session, of this process alone: {@code local[n]}
   * @param configuration of one network, one set of images and one kind of weights
   * @param turns that count, &gt; 0
   * @throws ConfigurationException if there are several of them, or latency is measured too
   * @throws IOException if checkpoint or shards cannot be read
   */
  public static Result run(SparkSession session, PhiscaleConfiguration configuration, int turns)
      throws IOException, InterruptedException {
    if (turns <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of turns: %s (must be > 0)", turns));
    }
    SparkContext spark = session.sparkContext();
    if (!spark.isLocal()) {
      throw new ConfigurationException(
          String.format(
              "Invalid spark.master: %s (must be local[n]: what is compared runs in one process)",
              spark.master()));
    }
    EvaluateJob job = new EvaluateJob(session, configuration);
    Work work = job.work();
    int tasks = Math.min(work.groups().size(), Math.max(1, spark.defaultParallelism()));
    int threads = Threads.ofTask(spark);
    List<Share> shares = new ArrayList<>();
    ExecutorService pool = Executors.newFixedThreadPool(tasks);
    try {
      for (int task = 0; task < tasks; task++) {
        int from = (int) ((long) work.groups().size() * task / tasks);
        int to = (int) ((long) work.groups().size() * (task + 1) / tasks);
        shares.add(new Share(configuration, work, work.groups().subList(from, to), threads));
      }
      List<Turn> counted = new ArrayList<>();
      for (int turn = 0; turn <= turns; turn++) {
        double loading = seconds(pool, shares, Share::load);
        double inference = seconds(pool, shares, Share::infer);
        long began = System.nanoTime();
        Evaluation evaluation = job.evaluate();
        double whole = (System.nanoTime() - began) / 1e9;
        if (turn > 0) {
          counted.add(
              new Turn(
                  inference * images(shares) / shares.stream().mapToLong(Share::inferred).sum(),
                  loading,
                  evaluation.rows().get(0).score().time().toNanos() / 1e9,
                  whole));
        }
      }
      EvaluateSection evaluate = configuration.evaluate();
      return new Result(
          String.format(
              "%s res=%s batch=%s %s tasks=%s threads=%s loader=%s",
              work.network().name(),
              work.network().resolutionPx(),
              evaluate.batchSize(),
              Precision.valueOf(evaluate.precision().name()).key(),
              tasks,
              threads,
              configuration.train().loader().threads()),
          images(shares),
          counted);
    } finally {
      pool.shutdownNow();
      shares.forEach(Share::close);
    }
  }

  private static long images(List<Share> shares) {
    return shares.stream().mapToLong(share -> share.order.size()).sum();
  }

  /** How long all shares take at the same time. */
  private static double seconds(ExecutorService pool, List<Share> shares, Consumer<Share> part)
      throws InterruptedException {
    long began = System.nanoTime();
    List<Future<?>> running = new ArrayList<>();
    for (Share share : shares) {
      running.add(pool.submit(() -> part.accept(share)));
    }
    for (Future<?> each : running) {
      try {
        each.get();
      } catch (ExecutionException e) {
        throw new IllegalStateException(
            "Cannot measure an evaluation: " + e.getCause().getMessage(), e.getCause());
      }
    }
    return (System.nanoTime() - began) / 1e9;
  }

  /** What one task would do, its two halves apart. Owns a network and a batch. */
  private static final class Share implements AutoCloseable {
    private final PhiscaleConfiguration configuration;
    private final Storage storage;
    private final EpochOrder order;
    private final List<EvaluationTransform> views;
    private final Predictor predictor;
    private FloatBuffer ready;
    private int readyImages;

    Share(PhiscaleConfiguration configuration, Work work, List<RowGroup> groups, int threads) {
      EvaluateSection evaluate = configuration.evaluate();
      this.configuration = configuration;
      this.storage = DriverStorage.of(configuration);
      this.order = new EpochOrder(groups, 0, 0);
      this.views = SplitScoring.views(evaluate, work.network().resolutionPx());
      this.predictor =
          new Predictor(
              work.network(),
              Threads.kernels(configuration.train().kernels()),
              threads,
              Precision.valueOf(evaluate.precision().name()));
      predictor.load(work.parameters().values());
    }

    /** Loads all images in all views; keeps the first batch. */
    void load() {
      for (EvaluationTransform view : views) {
        KeyedSamples samples =
            new KeyedSamples(
                new ShardSamples(storage, order.slice(0, order.size()), 0, DamagePolicy.FAIL));
        try (BatchLoader loader =
            new BatchLoader(
                samples, view, Augmentation.NONE, 0, 0, SplitScoring.loader(configuration))) {
          for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
            try (Batch batch = next.get()) {
              if (ready == null) {
                keep(batch);
              }
            }
          }
        }
      }
    }

    private void keep(Batch batch) {
      FloatBuffer images = batch.images();
      ready =
          ByteBuffer.allocateDirect(images.remaining() * Float.BYTES)
              .order(ByteOrder.nativeOrder())
              .asFloatBuffer()
              .put(images)
              .flip();
      readyImages = batch.count();
    }

    /** Batches of the size of the first, as many as come nearest to all images. */
    private long batches() {
      return Math.max(1, Math.round((double) order.size() / readyImages));
    }

    void infer() {
      for (long batch = 0; batch < batches() * views.size(); batch++) {
        predictor.logits(ready.duplicate(), readyImages);
      }
    }

    /** How many images {@link #infer} scores, each in all views. */
    long inferred() {
      return batches() * readyImages;
    }

    @Override
    public void close() {
      predictor.close();
    }
  }
}
