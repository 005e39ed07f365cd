package io.phiscale.jobs.evaluate;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.EvaluateSection;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.dataset.EncodedPicture;
import io.phiscale.jobs.report.Latency;
import io.phiscale.jobs.report.NetworkDetail;
import io.phiscale.jobs.report.NetworkResult;
import io.phiscale.jobs.report.Weights;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.DriverStorage;
import io.phiscale.jobs.run.Progress;
import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.NetworkPlan;
import io.phiscale.model.spec.NetworkCounts;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.pipeline.shard.DamagePolicy;
import io.phiscale.pipeline.shard.ShardManifest;
import io.phiscale.pipeline.shard.ShardSplit;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Evaluates checkpoints on sets of images: every image once, in as many tasks as the cluster runs
 * at a time.
 */
public final class EvaluateJob {
  /** Side of pictures in the report, at most. */
  private static final int PICTURE_PX = 72;

  /** Keys of the section that change no score; checkpoints and sets count by their digests. */
  private static final List<String> NO_SCORES =
      List.of(
          "evaluate.checkpoint",
          "evaluate.compare-with",
          "evaluate.sets",
          "evaluate.batch-size",
          "evaluate.latency.",
          "evaluate.predictions",
          "evaluate.output",
          "evaluate.report.",
          "evaluate.top-k",
          "evaluate.real-labels");

  private final SparkSession session;
  private final PhiscaleConfiguration configuration;
  private final Storage storage;

  /**
   * @param session the Spark session
   * @param configuration its {@code data}, {@code evaluate} and {@code train.kernels} values
   */
  public EvaluateJob(SparkSession session, PhiscaleConfiguration configuration) {
    this.session = session;
    this.configuration = configuration;
    this.storage = DriverStorage.of(configuration);
  }

  /** A set of images that was found. */
  private record Images(String name, URI shards, String split, ShardManifest manifest) {}

  /** Images that the report shows, by a network of these classes and this input. */
  private record Shown(List<Prediction> predictions, List<String> names, int resolutionPx) {}

  /** A checkpoint that was read. */
  private record Network(String name, URI place, Checkpoint checkpoint) {}

  /** What is evaluated on what. */
  private record Asked(List<Network> networks, List<Images> sets) {}

  /** What a network said of the images of a set, and how long it took. */
  private record Scored(List<Prediction> predictions, Duration time) {}

  /** Where predictions come from. */
  @FunctionalInterface
  private interface Scoring {
    Scored of(Network network, Weights weights, Images images);
  }

  /**
   * The rows of {@code evaluate.split} alone: one for each checkpoint and kind of weights asked
   * for. Writes nothing.
   *
   * @throws ConfigurationException if the checkpoint, the shards and the configuration do not fit
   * @throws IOException if one of them cannot be read
   */
  public List<NetworkResult> run() throws IOException {
    return score(asked(), this::scored, new ArrayList<>(), new ArrayList<>()).rows();
  }

  /**
   * Evaluates all that was asked for, writes the predictions into {@code predictions} below {@code
   * evaluate.output}, unless {@code evaluate.predictions} is none, and measures latency where
   * asked.
   *
   * @throws ConfigurationException if the checkpoint, the shards and the configuration do not fit
   * @throws IOException if one of them cannot be read
   */
  public Evaluation evaluate() throws IOException {
    return evaluate(asked());
  }

  /**
   * As {@link #evaluate}, but images are not scored again where the predictions of an earlier
   * evaluation lie below {@code evaluate.output}, of the same checkpoints, sets and settings.
   * Latency is measured anew.
   *
   * @throws ConfigurationException if the checkpoint, the shards and the configuration do not fit
   * @throws IOException if one of them cannot be read
   */
  public Evaluation evaluateUnlessDone() throws IOException {
    Asked asked = asked();
    Optional<KeptPredictions> kept = KeptPredictions.find(storage, output(), identity(asked));
    if (kept.isEmpty()) {
      return evaluate(asked);
    }
    describe("read predictions");
    try {
      Map<String, List<Row>> rows =
          PredictionTable.read(session, Storage.resolve(output(), KeptPredictions.PREDICTIONS))
              .stream()
              .collect(Collectors.groupingBy(PredictionTable::key));
      List<Shown> shown = new ArrayList<>();
      Evaluation evaluation =
          score(
              asked,
              (network, weights, images) -> {
                String key = PredictionTable.key(network.name(), weights, images.name());
                return new Scored(
                    PredictionTable.predictions(
                        rows.getOrDefault(key, List.of()),
                        network.checkpoint().info().classNames()),
                    Duration.ofMillis(kept.get().millis().getOrDefault(key, 0L)));
              },
              new ArrayList<>(),
              shown);
      return withExamples(evaluation, shown);
    } finally {
      session.sparkContext().setJobDescription(null);
    }
  }

  /**
   * What {@link #evaluate} computes, for a benchmark of it.
   *
   * @throws ConfigurationException if that is more than one network on one set of images
   */
  EvaluationBenchmark.Work work() throws IOException {
    Asked asked = asked();
    Network network = asked.networks().get(0);
    Checkpoint checkpoint = network.checkpoint();
    List<Weights> weights = weights(checkpoint);
    int scorings = asked.networks().size() * asked.sets().size() * weights.size();
    if (scorings > 1
        || configuration.evaluate().latency().measure() == EvaluateSection.Measure.ON) {
      throw new ConfigurationException(
          "Cannot measure more than one network on one set of images: evaluate.compare-with and"
              + " evaluate.sets must be empty, evaluate.weights ema or raw, and"
              + " evaluate.latency.measure off");
    }
    Images images = asked.sets().get(0);
    return new EvaluationBenchmark.Work(
        evaluated(network),
        new FloatVector(
            weights.get(0) == Weights.EMA ? checkpoint.movingAverage() : checkpoint.parameters()),
        images.manifest().rowGroups(images.shards(), images.split()));
  }

  private Evaluation evaluate(Asked asked) throws IOException {
    List<Row> predictions = new ArrayList<>();
    List<Shown> shown = new ArrayList<>();
    Map<String, Long> millis = new TreeMap<>();
    Evaluation evaluation =
        score(
            asked,
            (network, weights, images) -> {
              Scored scored = scored(network, weights, images);
              millis.put(
                  PredictionTable.key(network.name(), weights, images.name()),
                  scored.time().toMillis());
              return scored;
            },
            predictions,
            shown);
    if (configuration.evaluate().predictions() == EvaluateSection.Predictions.WRITE) {
      describe("write predictions");
      try {
        KeptPredictions.forget(storage, output());
        PredictionTable.write(
            session, Storage.resolve(output(), KeptPredictions.PREDICTIONS), predictions);
        new KeptPredictions(identity(asked), millis).write(storage, output());
      } finally {
        session.sparkContext().setJobDescription(null);
      }
    }
    return withExamples(evaluation, shown);
  }

  /** The details with pictures of what is shown of each; those of the first set come first. */
  private Evaluation withExamples(Evaluation evaluation, List<Shown> shown) throws IOException {
    Set<String> keys = new TreeSet<>();
    shown.forEach(each -> each.predictions().forEach(prediction -> keys.add(prediction.key())));
    if (keys.isEmpty()) {
      return evaluation;
    }
    Images images = sets().get(0);
    int sidePx =
        Math.min(PICTURE_PX, shown.stream().mapToInt(Shown::resolutionPx).max().orElse(PICTURE_PX));
    Map<String, EncodedPicture> pictures =
        new SplitScoring(
                session, configuration, storage, images.manifest(), images.shards(), images.split())
            .pictures(keys, sidePx, configuration.spark().deadline(), "spark.deadline");
    List<NetworkDetail> details = new ArrayList<>(evaluation.details());
    for (int i = 0; i < shown.size(); i++) {
      Shown each = shown.get(i);
      details.set(
          i, details.get(i).withExamples(Examples.of(each.predictions(), each.names(), pictures)));
    }
    return new Evaluation(evaluation.rows(), details, evaluation.answers());
  }

  private void describe(String what) {
    session.sparkContext().setJobDescription(configuration.name() + ": " + what);
  }

  private URI output() {
    return Storage.uri(configuration.evaluate().output().toString());
  }

  /** All that scores depend on, one a line. */
  private String identity(Asked asked) {
    List<String> lines = new ArrayList<>();
    for (Network network : asked.networks()) {
      lines.add(network.name() + " " + network.checkpoint().info().stateSha256());
    }
    for (Images images : asked.sets()) {
      lines.add(images.name() + " " + images.split() + " " + images.manifest().contentDigest());
    }
    configuration
        .effectiveValues()
        .forEach(
            (key, value) -> {
              boolean scores =
                  key.startsWith("evaluate.") && NO_SCORES.stream().noneMatch(key::startsWith);
              if (scores || key.equals("train.kernels")) {
                lines.add(key + " = " + value);
              }
            });
    return String.join("\n", lines);
  }

  /** The networks and sets that were asked for, which fit. */
  private Asked asked() throws IOException {
    List<Images> sets = sets();
    List<Network> networks = networks();
    for (Network network : networks) {
      for (Images images : sets) {
        requireFit(network, images);
      }
    }
    requireConfigured(networks.get(0), sets.get(0));
    return new Asked(networks, sets);
  }

  /**
   * Scores all that was asked for.
   *
   * @param scoring where predictions come from
   * @param predictionRows gets what the networks said of every image
   * @param shown gets, for each detail of the first set of images, what is shown of it
   */
  private Evaluation score(
      Asked asked, Scoring scoring, List<Row> predictionRows, List<Shown> shown)
      throws IOException {
    EvaluateSection evaluate = configuration.evaluate();
    List<Images> sets = asked.sets();
    List<Network> networks = asked.networks();
    List<NetworkResult> rows = new ArrayList<>();
    List<NetworkDetail> details = new ArrayList<>();
    List<Answers> answers = new ArrayList<>();
    for (Images images : sets) {
      for (Network network : networks) {
        for (Weights weights : weights(network.checkpoint())) {
          Scored scored = scoring.of(network, weights, images);
          List<Prediction> predictions = scored.predictions();
          List<String> names = network.checkpoint().info().classNames();
          details.add(
              Details.of(
                  network.name(),
                  weights,
                  images.name(),
                  names,
                  predictions,
                  real(network, predictions)));
          if (images.equals(sets.get(0))) {
            rows.add(row(network, weights, predictions, images, scored.time()));
            answers.add(Answers.of(images.name(), predictions));
            shown.add(
                new Shown(
                    Examples.chosen(
                        details.get(details.size() - 1),
                        names,
                        predictions,
                        evaluate.report().examples()),
                    names,
                    evaluated(network).resolutionPx()));
          }
          predictionRows.addAll(
              PredictionTable.rows(network.name(), weights, images.name(), names, predictions));
        }
      }
    }
    if (!evaluate.realLabels().toString().isEmpty()
        && details.stream().noneMatch(detail -> detail.real().isPresent())) {
      throw new ConfigurationException(
          String.format(
              "Invalid evaluate.real-labels: %s knows no image of %s",
              evaluate.realLabels(), sets.stream().map(Images::name).toList()));
    }
    return new Evaluation(
        evaluate.latency().measure() == EvaluateSection.Measure.ON ? timed(rows, networks) : rows,
        details,
        answers);
  }

  private List<Images> sets() throws IOException {
    EvaluateSection evaluate = configuration.evaluate();
    List<Images> sets = new ArrayList<>();
    URI shards = Storage.uri(configuration.data().shards().toString());
    sets.add(
        new Images(
            evaluate.split(),
            shards,
            evaluate.split(),
            ShardManifest.read(storage, shards, configuration.data().version())));
    for (EvaluateSection.ImageSet set : evaluate.sets()) {
      URI place = Storage.uri(set.shards().toString());
      sets.add(new Images(set.name(), place, set.split(), ShardManifest.read(storage, place)));
    }
    for (Images images : sets) {
      ShardSplit split = images.manifest().splits().get(images.split());
      if (split == null || split.images() == 0) {
        throw new ConfigurationException(
            String.format(
                "Nothing to evaluate: split %s of data set %s %s",
                images.split(),
                images.manifest().name(),
                split == null
                    ? "is not there (it has "
                        + String.join(", ", images.manifest().splits().keySet())
                        + ")"
                    : "has no images"));
      }
    }
    return sets;
  }

  private List<Network> networks() throws IOException {
    EvaluateSection evaluate = configuration.evaluate();
    List<URI> places = new ArrayList<>(List.of(evaluate.checkpoint()));
    places.addAll(evaluate.compareWith());
    List<Network> networks = new ArrayList<>();
    for (URI place : places) {
      Checkpoint checkpoint = CheckpointStore.open(storage, Storage.uri(place.toString()));
      networks.add(new Network(checkpoint.info().identity().name(), place, checkpoint));
    }
    // Networks of one name are told from each other by where they lie.
    return networks.stream()
        .map(
            network ->
                networks.stream().filter(other -> other.name().equals(network.name())).count() < 2
                    ? network
                    : new Network(
                        network.name() + "@" + folder(network.place()),
                        network.place(),
                        network.checkpoint()))
        .toList();
  }

  /** The last two names of a place: runs are often called train. */
  private static String folder(URI place) {
    String path = place.getPath().replaceAll("/+$", "");
    return path.replaceAll("^.*/(?=[^/]+/[^/]+$)", "");
  }

  private void requireFit(Network network, Images images) {
    EvaluateSection evaluate = configuration.evaluate();
    CheckpointInfo info = network.checkpoint().info();
    match(network, images);
    int classes = info.network().classes();
    if (info.classNames().size() != classes) {
      throw new ConfigurationException(
          String.format(
              "The checkpoint %s has %s class names, but its network has %s classes",
              network.place(), info.classNames().size(), classes));
    }
    for (int k : evaluate.topK()) {
      if (k > classes) {
        throw new ConfigurationException(
            String.format(
                "Invalid evaluate.top-k: %s (the network has %s classes)",
                evaluate.topK(), classes));
      }
    }
    int values = network.checkpoint().parameters().length;
    long expected = NetworkCounts.of(info.network()).parameters();
    if (values < expected) {
      throw new ConfigurationException(
          String.format(
              "The checkpoint %s holds %s values, but the network that it describes (%s) has %s"
                  + " parameters",
              network.place(), values, info.network().name(), expected));
    }
  }

  /**
   * A checkpoint of the configured run must be of the configured network: else a key was changed
   * after training. One from elsewhere brings its own.
   */
  private void requireConfigured(Network network, Images images) {
    String run = configuration.train().output().toString().replaceAll("/+$", "");
    NetworkSpec trained = network.checkpoint().info().network();
    if (!network.place().toString().startsWith(run)
        || configuration.evaluate().classMatch() != EvaluateSection.ClassMatch.EXACT) {
      return;
    }
    NetworkSpec configured =
        NetworkPlan.of(configuration.network(), images.manifest().labels().size()).spec();
    NetworkCounts one = NetworkCounts.of(trained);
    NetworkCounts other = NetworkCounts.of(configured);
    if (one.parameters() != other.parameters() || one.multiplyAdds() != other.multiplyAdds()) {
      throw new ConfigurationException(
          String.format(
              "The checkpoint %s is not the network that the configuration describes: it is %s with"
                  + " %s parameters at %s px, network.* describes %s with %s at %s px; evaluate with"
                  + " the configuration it was trained with",
              network.place(),
              trained.name(),
              one.parameters(),
              trained.resolutionPx(),
              configured.name(),
              other.parameters(),
              configured.resolutionPx()));
    }
  }

  private ClassMatch match(Network network, Images images) {
    return ClassMatch.of(
        network.checkpoint().info().classNames(),
        images.manifest().labels().names(),
        configuration.evaluate().classMatch(),
        network.place().toString(),
        images.manifest().name());
  }

  private List<Weights> weights(Checkpoint checkpoint) {
    EvaluateSection.Weights asked = configuration.evaluate().weights();
    boolean hasAverage = checkpoint.movingAverage().length > 0;
    List<Weights> weights = new ArrayList<>();
    if (asked != EvaluateSection.Weights.RAW && hasAverage) {
      weights.add(Weights.EMA);
    }
    if (asked != EvaluateSection.Weights.EMA || !hasAverage) {
      weights.add(Weights.RAW);
    }
    return weights;
  }

  private NetworkSpec evaluated(Network network) {
    NetworkSpec spec = network.checkpoint().info().network();
    return spec.withResolutionPx(configuration.evaluate().resolutionPxOr(spec.resolutionPx()));
  }

  private Scored scored(Network network, Weights weights, Images images) {
    Checkpoint checkpoint = network.checkpoint();
    long began = System.nanoTime();
    List<Prediction> predictions =
        new SplitScoring(
                session, configuration, storage, images.manifest(), images.shards(), images.split())
            .score(
                String.format("%s (%s)", network.name(), weights.name().toLowerCase(Locale.ROOT)),
                evaluated(network),
                weights == Weights.EMA ? checkpoint.movingAverage() : checkpoint.parameters(),
                match(network, images),
                DamagePolicy.FAIL,
                configuration.spark().deadline(),
                "spark.deadline");
    return new Scored(predictions, Duration.ofNanos(System.nanoTime() - began));
  }

  private Optional<NetworkDetail.Real> real(Network network, List<Prediction> predictions)
      throws IOException {
    URI file = configuration.evaluate().realLabels();
    if (file.toString().isEmpty()) {
      return Optional.empty();
    }
    int classes = network.checkpoint().info().network().classes();
    return RealLabels.read(storage, Storage.uri(file.toString()), classes).count(predictions);
  }

  private NetworkResult row(
      Network network,
      Weights weights,
      List<Prediction> predictions,
      Images images,
      Duration time) {
    EvaluateSection evaluate = configuration.evaluate();
    CheckpointInfo info = network.checkpoint().info();
    NetworkSpec spec = evaluated(network);
    int k = Math.min(5, spec.classes());
    TopKAccuracy counts = TopKAccuracy.of(evaluate.topK(), predictions);
    Progress progress = info.progress();
    ShardSplit train = images.manifest().splits().get("train");
    NetworkCounts size = NetworkCounts.of(spec);
    return new NetworkResult(
        network.name(),
        new NetworkResult.Scaling(
            info.identity().phi(),
            info.identity().phiKind(),
            info.identity().width(),
            info.identity().depth(),
            spec.resolutionPx()),
        size.parameters(),
        size.multiplyAdds(),
        weights,
        new NetworkResult.Score(
            counts.images(),
            spec.classes(),
            TopKAccuracy.of(List.of(1), predictions).accuracy(1),
            counts.accuracy(k),
            counts.loss(),
            evaluate.cropFraction(),
            evaluate.interpolation().name().toLowerCase(Locale.ROOT),
            time),
        new NetworkResult.Training(
            progress.images(),
            progress.epoch()
                + (train == null || train.images() == 0
                    ? 0
                    : (double) progress.position() / train.images()),
            info.seed(),
            Duration.ofMillis(progress.trainMillis()),
            progress.trainMillis() == 0
                ? Double.NaN
                : progress.images() * 1e3 / progress.trainMillis()),
        network.place());
  }

  /** Rows with latency: each network once, whatever its weights. */
  private List<NetworkResult> timed(List<NetworkResult> rows, List<Network> networks) {
    List<NetworkResult> timed = new ArrayList<>(rows);
    for (Network network : networks) {
      Latency latency = LatencyMeasurement.of(evaluated(network), configuration);
      timed.replaceAll(row -> row.name().equals(network.name()) ? row.withLatency(latency) : row);
    }
    return timed;
  }
}
