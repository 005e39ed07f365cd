package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.config.TrainSection;
import io.phiscale.jobs.config.TrainSection.Averaging.Wire;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.RoundMetrics;
import io.phiscale.jobs.shard.ShardJob;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.jobs.support.SmallImages;
import io.phiscale.jobs.train.Contribution.Slice;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Kind;
import io.phiscale.model.train.OptimizerSpec;
import io.phiscale.model.train.Replica;
import io.phiscale.model.train.ReplicaSpec;
import io.phiscale.model.train.WeightDecay;
import io.phiscale.pipeline.augment.Augmentation;
import io.phiscale.pipeline.batch.Batch;
import io.phiscale.pipeline.batch.BatchLoader;
import io.phiscale.pipeline.batch.LoaderSettings;
import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.image.TrainTransform;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.EpochOrder;
import io.phiscale.pipeline.shard.RowGroup;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import scala.Tuple2;

/** The identities of averaging, on real Spark. */
class AveragingExactnessTest {
  private static final Storage STORAGE = Storage.of(Map.of());
  private static final Map<String, String> EVERYTHING_ON =
      Map.of(
          "train.averaging.optimizer-state", "keep",
          "train.averaging.wire", "int8",
          "train.averaging.outer", "nesterov",
          "train.averaging.outer-momentum", "0.5",
          "train.averaging.schedule", "qsr",
          "train.averaging.qsr-alpha", "0.08",
          "train.averaging.synchronous-epochs", "0.3",
          "train.epochs", "3");

  @TempDir static Path folder;
  private static SparkSession session;

  @BeforeAll
  static void shard() throws Exception {
    PhiscaleConfiguration configuration = configuration("unused", Map.of());
    session = LocalSpark.open(configuration);
    new ShardJob(session, configuration).run();
  }

  @AfterAll
  static void close() {
    session.close();
  }

  private static TrainJob.Result train(String run, Map<String, String> values) throws Exception {
    return train(run, values, TrainingListener.SILENT);
  }

  private static TrainJob.Result train(
      String run, Map<String, String> values, TrainingListener listener) throws Exception {
    return new TrainJob(session, configuration(run, values)).run(listener);
  }

  /**
   * The classifier on features that batch statistics do not touch. Gradients of the union are the
   * weighted mean of the workers', and momentum and decay are linear: the same up to the rounding
   * of sums, which the tolerance of 1e-5 of weights about 0.1 allows for.
   */
  @Test
  void synchronousWorkersAreOneWorkerOnTheUnionBatch() throws Exception {
    train("pretrained", Map.of("train.epochs", "1"));
    Map<String, String> values = new TreeMap<>();
    values.put("train.initial-weights", folder.resolve("pretrained").toString());
    values.put("train.freeze", "features");
    values.put("network.dropout", "0");
    values.put("train.learning-rate.base", "0.2");
    values.put("train.averaging.local-steps", "1");
    values.put("train.epochs", "3");
    values.put("train.workers", "3");
    values.put("train.batch-size", "6");
    TrainJob.Result three = train("three", values);
    values.put("train.workers", "1");
    values.put("train.batch-size", "18");
    TrainJob.Result one = train("one", values);

    assertThat(images() % 18).as("the last round is uneven").isNotZero();
    assertThat(three.metrics()).hasSize(one.metrics().size());
    float[] moved =
        train("still", withValue(values, "train.learning-rate.base", "1e-30"))
            .checkpoint()
            .parameters();
    assertThat(largestDifference(one.checkpoint().parameters(), moved)).isGreaterThan(0.05f);
    assertThat(largestDifference(one.checkpoint().parameters(), three.checkpoint().parameters()))
        .isLessThan(1e-5f);
    assertThat(
            largestDifference(
                one.checkpoint().optimizerState(), three.checkpoint().optimizerState()))
        .isLessThan(1e-5f);
    for (int round = 0; round < one.metrics().size(); round++) {
      assertThat(three.metrics().get(round).loss())
          .isCloseTo(one.metrics().get(round).loss(), within(1e-5));
    }
  }

  /** Against a plain loop over the workers: one round of uneven shares, weighted by examples. */
  @Test
  void unevenWorkersCountByTheirExamples() throws Exception {
    Map<String, String> values = new TreeMap<>();
    values.put("network.dropout", "0");
    values.put("network.stochastic-depth", "0");
    values.put("train.epochs", "1");
    values.put("train.workers", "5");
    values.put("train.averaging.local-steps", "100");
    TrainJob.Result result = train("uneven", values);
    assertThat(result.metrics()).hasSize(1);

    PhiscaleConfiguration configuration = configuration("uneven", values);
    URI shards = folder.resolve("shards").toUri();
    List<RowGroup> rowGroups = ShardManifest.read(STORAGE, shards).rowGroups(shards, "train");
    ReplicaSpec spec =
        new ReplicaSpec(
            NetworkPlan.of(configuration.network(), 3).spec(),
            new OptimizerSpec.Sgd(0.9, OptimizerSpec.Sgd.Variant.CLASSICAL),
            new WeightDecay(1e-5, WeightDecay.Exclusion.BATCH_NORM),
            0,
            "auto",
            1);
    EpochPlan plan = new EpochPlan(images(), 5, new LocalSteps.Constant(100), 8);
    double[] sums = new double[result.checkpoint().parameters().length];
    List<Long> counts = new ArrayList<>();
    try (Replica replica = new Replica(spec)) {
      for (int worker = 0; worker < 5; worker++) {
        EpochPlan.Share share = plan.share(plan.round(0, 0), worker);
        counts.add(share.count());
        replica.load(replica.initialParameters(0), replica.initialOptimizerState());
        steps(replica, rowGroups, share, spec.network().resolutionPx());
        float[] parameters = new float[sums.length];
        replica.store(parameters, new float[replica.initialOptimizerState().length]);
        for (int i = 0; i < sums.length; i++) {
          sums[i] += (double) share.count() * parameters[i];
        }
      }
    }
    assertThat(counts.stream().distinct().count()).as("%s", counts).isGreaterThan(1);
    float[] expected = new float[sums.length];
    for (int i = 0; i < sums.length; i++) {
      expected[i] = (float) (sums[i] / images());
    }
    assertThat(result.checkpoint().parameters()).containsExactly(expected);
  }

  private static void steps(
      Replica replica, List<RowGroup> rowGroups, EpochPlan.Share share, int resolutionPx)
      throws IOException {
    TrainTransform transform =
        TrainTransform.inception(resolutionPx)
            .withAreaRange(0.5, 1)
            .withMirrorProbability(0.5)
            .withInterpolation(Interpolation.BICUBIC);
    try (BatchLoader loader =
        Loaders.open(
            STORAGE,
            new EpochOrder(rowGroups, 0, 0).slice(share.start(), share.count()),
            share.start(),
            DamagePolicy.FAIL,
            transform,
            Augmentation.NONE,
            0,
            0,
            LoaderSettings.ofBatchSize(share.batchSize()))) {
      int step = 0;
      for (Optional<Batch> next = loader.next(); next.isPresent(); next = loader.next()) {
        try (Batch batch = next.get()) {
          replica.step(
              batch.images(), WorkerRound.labels(batch, TrainSection.Targets.SOFT), 0.05, step, 0);
        }
        step++;
      }
    }
  }

  /** The shuffle itself: cut and spread in any way, the average of a round has the same bits. */
  @Test
  void neitherSlicesNorPartitionsNorFormatsOfTheShuffleMatter() {
    ParameterLayout layout =
        ParameterLayout.builder()
            .add("stem", 700, Kind.CONVOLUTION_WEIGHT)
            .add("mean", 30, Kind.RUNNING_MEAN)
            .add("variance", 30, Kind.RUNNING_VARIANCE)
            .add("classifier", 901, Kind.DENSE_WEIGHT)
            .build();
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    float[] start = random(0, layout.length(), 1);
    float[][] locals = new float[3][];
    float[][] states = new float[3][];
    long[] weights = {320, 17, 64};
    for (int worker = 0; worker < 3; worker++) {
      float[] change = random(worker + 1, layout.length(), 0.01);
      locals[worker] = start.clone();
      for (int i = 0; i < change.length; i++) {
        locals[worker][i] += change[i];
      }
      states[worker] = random(worker + 10, 1_601, 1);
    }
    WireOrder order = new WireOrder(layout);
    for (Wire wire : List.of(Wire.FP16, Wire.BF16, Wire.INT8)) {
      float[] expected = null;
      for (int sliceLength : new int[] {4_096, 256, 512}) {
        Slices slices = new Slices(layout.length() + 1_601, sliceLength);
        List<Tuple2<SliceKey, Contribution>> sent = new ArrayList<>();
        for (int worker = 0; worker < 3; worker++) {
          int index = worker;
          PackedState.pack(
                  wire, order, start, locals[worker], states[worker], new float[0], sliceLength)
              .contributions(weights[worker])
              .forEach(slice -> sent.add(new Tuple2<>(new SliceKey(slice.slice(), index), slice)));
        }
        for (int partitions : new int[] {1, 2, 5}) {
          spark.setJobDescription("test: averaging in " + partitions + " partitions");
          List<Slice> averaged =
              spark
                  .parallelizePairs(sent, partitions)
                  .repartitionAndSortWithinPartitions(new SliceKey.BySlice(partitions))
                  .mapPartitions(new SliceAveraging())
                  .map(contribution -> (Slice) contribution)
                  .collect();
          float[] state = new float[1_601];
          float[] parameters = PackedState.unpack(order, start, averaged, slices, state);
          float[] all = new float[parameters.length + state.length];
          System.arraycopy(parameters, 0, all, 0, parameters.length);
          System.arraycopy(state, 0, all, parameters.length, state.length);
          if (expected == null) {
            expected = all;
            requireAverage(wire, start, locals, states, weights, all);
          }
          assertThat(all).containsExactly(expected);
        }
      }
    }
    spark.setJobDescription(null);
  }

  private static void requireAverage(
      Wire wire, float[] start, float[][] locals, float[][] states, long[] weights, float[] all) {
    double tolerance = wire == Wire.INT8 ? 0.01 / 254 * 1.01 : 0.01 * 0x1p-8;
    for (int i = 0; i < all.length; i++) {
      double sum = 0;
      for (int worker = 0; worker < 3; worker++) {
        float[] from = i < start.length ? locals[worker] : states[worker];
        sum += weights[worker] * (double) from[i < start.length ? i : i - start.length];
      }
      if ((i >= 700 && i < 760) || i >= start.length) {
        assertThat(all[i]).as("fp32: %s", i).isEqualTo((float) (sum / 401));
      } else {
        assertThat((double) all[i]).isCloseTo(sum / 401, within(tolerance + 1e-7));
      }
    }
  }

  /**
   * Kept optimizer states, error compensation, outer momentum, changing H: on one thread or two,
   * and killed and resumed, the same bits.
   */
  @Test
  void withEverythingOnAResumedRunIsTheUnbrokenOne() throws Exception {
    TrainJob.Result expected = train("unbroken", EVERYTHING_ON);
    List<Double> losses = losses(expected);
    assertThat(losses.get(losses.size() - 1)).isLessThan(0.8 * losses.get(0));
    assertThat(expected.checkpoint().outerState()).isNotEmpty();
    assertThat(expected.checkpoint().optimizerState()).isEmpty();
    int rounds = expected.checkpoint().info().progress().round();
    assertThat(memoriesOf("unbroken"))
        .as("of the last two rounds and the three checkpoints")
        .hasSize(4)
        .contains("round-%08d".formatted(rounds), "round-%08d".formatted(rounds - 1));

    assertSame(train("again", EVERYTHING_ON), expected);

    int checkpoint = roundOfFirstEpoch(expected);
    assertThatThrownBy(() -> train("broken", EVERYTHING_ON, new Killer(checkpoint + 2)))
        .isInstanceOf(Killed.class);
    assertSame(train("broken", EVERYTHING_ON), expected);

    session.close();
    PhiscaleConfiguration alone =
        configuration("alone", withValue(EVERYTHING_ON, "spark.master", "local[1]"));
    session = LocalSpark.open(alone);
    assertSame(new TrainJob(session, alone).run(TrainingListener.SILENT), expected);
    session.close();
    session = LocalSpark.open(configuration("unused", Map.of()));
  }

  /** Checkpoints within an epoch change no number, and a run goes on from one as if unbroken. */
  @Test
  void killedWithinAnEpochARunGoesOnFromThere() throws Exception {
    TrainJob.Result expected = train("continuous", EVERYTHING_ON);
    Map<String, String> often = withValue(EVERYTHING_ON, "train.checkpoint.every-rounds", "2");
    int within =
        expected.metrics().stream()
            .filter(round -> round.epoch() > 1 && round.epoch() < 2 && round.round() % 2 == 0)
            .mapToInt(RoundMetrics::round)
            .findFirst()
            .orElseThrow();

    assertThatThrownBy(() -> train("often", often, new Killer(within + 1)))
        .isInstanceOf(Killed.class);
    copy(folder.resolve("often"), folder.resolve("often-3"));
    Starts starts = new Starts();
    assertSame(train("often", often, starts), expected);
    assertThat(starts.first).as("first round of the run that resumed").isEqualTo(within + 1);

    // With other workers: from the same image on, and every image of the epoch once.
    Starts others = new Starts();
    TrainJob.Result three = train("often-3", withValue(often, "train.workers", "3"), others);
    assertThat(others.first).isEqualTo(within + 1);
    assertThat(losses(three).subList(0, within)).isEqualTo(losses(expected).subList(0, within));
    assertThat(three.metrics().get(within).loss()).isNotEqualTo(losses(expected).get(within));
    // The driver compares the positions that workers report with the plan's, round by round: what
    // is left to see is that the rounds follow on each other and end with the epoch.
    assertThat(three.metrics())
        .allSatisfy(
            round ->
                assertThat(round.epoch() * images())
                    .isCloseTo((double) round.images(), within(1e-6)));
    assertThat(three.checkpoint().info().progress().images()).isEqualTo(3 * images());
    assertThat(three.checkpoint().info().progress().epoch()).isEqualTo(3);
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path path : (Iterable<Path>) all::iterator) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  @Test
  void workersMayChangeButNotGoMissing() throws Exception {
    Map<String, String> first = withValue(EVERYTHING_ON, "train.epochs", "1");
    train("changing", first);
    Map<String, String> more = withValue(EVERYTHING_ON, "train.workers", "3");
    TrainJob.Result three = train("changing", withValue(more, "train.epochs", "2"));
    assertThat(three.checkpoint().info().progress().images()).isEqualTo(2 * images());
    TrainJob.Result one = train("changing", withValue(EVERYTHING_ON, "train.workers", "1"));
    assertThat(one.checkpoint().info().progress().images()).isEqualTo(3 * images());
    List<Double> losses = losses(one);
    assertThat(losses.get(losses.size() - 1)).isLessThan(losses.get(0));

    int round = one.checkpoint().info().progress().round();
    Path memory = folder.resolve("changing/workers/round-%08d/worker-0-of-1.bin".formatted(round));
    Files.delete(memory);
    assertThatThrownBy(() -> train("changing", withValue(EVERYTHING_ON, "train.epochs", "4")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Cannot resume from round " + round);
  }

  @ParameterizedTest
  @CsvSource({
    "bf16, reset, slowmo, constant",
    "fp16, average, momentum, qsr",
    "fp32, keep, average, constant",
  })
  void everyPolicyLearnsAndIsReproducible(
      String wire, String optimizerState, String outer, String schedule) throws Exception {
    Map<String, String> values = new TreeMap<>();
    values.put("train.epochs", "3");
    values.put("train.averaging.wire", wire);
    values.put("train.averaging.optimizer-state", optimizerState);
    values.put("train.averaging.outer", outer);
    values.put("train.averaging.outer-momentum", "0.3");
    values.put("train.averaging.outer-learning-rate", "1");
    values.put("train.averaging.schedule", schedule);
    values.put("train.averaging.qsr-alpha", "0.1");
    TrainJob.Result first = train("first-" + wire, values);
    List<Double> losses = losses(first);
    assertThat(losses.get(losses.size() - 1)).isLessThan(losses.get(0));
    assertSame(train("second-" + wire, values), first);
  }

  private static int roundOfFirstEpoch(TrainJob.Result result) {
    return (int) result.metrics().stream().filter(round -> round.epoch() <= 1).count();
  }

  private static List<String> memoriesOf(String run) throws IOException {
    try (Stream<Path> rounds = Files.list(folder.resolve(run).resolve("workers"))) {
      return rounds.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  private static void assertSame(TrainJob.Result result, TrainJob.Result expected) {
    assertThat(losses(result)).isEqualTo(losses(expected));
    Checkpoint end = result.checkpoint();
    assertThat(end.parameters()).containsExactly(expected.checkpoint().parameters());
    assertThat(end.optimizerState()).containsExactly(expected.checkpoint().optimizerState());
    assertThat(end.movingAverage()).containsExactly(expected.checkpoint().movingAverage());
    assertThat(end.outerState()).containsExactly(expected.checkpoint().outerState());
  }

  private static List<Double> losses(TrainJob.Result result) {
    return result.metrics().stream().map(RoundMetrics::loss).toList();
  }

  private static float largestDifference(float[] first, float[] second) {
    assertThat(first).hasSameSizeAs(second);
    float largest = 0;
    for (int i = 0; i < first.length; i++) {
      largest = Math.max(largest, Math.abs(first[i] - second[i]));
    }
    return largest;
  }

  private static float[] random(long seed, int length, double scale) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (scale * random.nextDouble(-1, 1));
    }
    return values;
  }

  private static long images() throws IOException {
    return ShardManifest.read(STORAGE, folder.resolve("shards").toUri()).split("train").images();
  }

  private static Map<String, String> withValue(
      Map<String, String> values, String key, String value) {
    Map<String, String> all = new TreeMap<>(values);
    all.put(key, value);
    return all;
  }

  private static PhiscaleConfiguration configuration(String run, Map<String, String> values)
      throws IOException {
    Path images = folder.resolve("images");
    if (!Files.exists(images)) {
      SmallImages.write(images, 40);
    }
    Map<String, String> all = new TreeMap<>(LocalSpark.tinyTraining());
    all.put("data.source.layout", "class-folders");
    all.put("data.source.train", images.toString());
    all.put("data.source.validation.uri", "null");
    all.put("data.source.validation-fraction", "0.3");
    all.put("data.row-group-bytes", "4KiB");
    all.put("train.output", folder.resolve(run).toUri().toString());
    all.putAll(values);
    return LocalSpark.configuration(folder, all);
  }

  /** Remembers where training began. */
  private static final class Starts implements TrainingListener {
    private int first;

    @Override
    public void started(int firstRound, int rounds) {
      first = firstRound;
    }
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Ends the driver's loop as a kill would: nothing is written after it. */
  private record Killer(int round) implements TrainingListener {
    @Override
    public void completed(RoundMetrics metrics) {
      if (metrics.round() == round) {
        throw new Killed();
      }
    }
  }
}
