package io.phiscale.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigRenderOptions;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Binds a resolved configuration to the records. A section whose values break rules is reported and
 * replaced by its defaults, so that the sections around it are checked too.
 */
final class Binder {
  private final Config config;
  private final Config defaults;
  private final Set<String> broken = new HashSet<>();
  private final KeyReader keys;

  private Binder(Config config, Config defaults, List<ConfigurationProblem> problems) {
    this.config = config;
    this.defaults = defaults;
    this.keys = new KeyReader(config, defaults, problems);
  }

  /**
   * @param config resolved, over the defaults
   * @param defaults resolved
   * @throws ConfigurationException with all problems
   */
  static PhiscaleConfiguration bind(Config config, Config defaults) {
    List<ConfigurationProblem> problems = new ArrayList<>();
    new KnownKeys(defaults).check(config, problems);
    PhiscaleConfiguration bound = new Binder(config, defaults, problems).configuration();
    if (!problems.isEmpty()) {
      throw new ConfigurationException(problems);
    }
    return bound;
  }

  private <T> T section(String name, Supplier<T> bound, Function<Binder, T> standIn) {
    try {
      return bound.get();
    } catch (InvalidSectionException e) {
      for (Violation violation : e.violations()) {
        String key = violation.key();
        // Its values are stand-ins already: what an outer section says of them is not the user's.
        if (!broken.contains(key.substring(0, Math.max(0, key.lastIndexOf('.'))))) {
          keys.problem(key, violation.message());
        }
      }
      broken.add(name);
      return standIn.apply(new Binder(defaults, defaults, new ArrayList<>()));
    }
  }

  private PhiscaleConfiguration configuration() {
    String name = keys.text("name");
    DataSection data = data();
    NetworkSection network = network();
    TrainSection train = train();
    EvaluateSection evaluate = evaluate();
    StudySection study = study();
    StorageSection storage = storage();
    SparkSection spark = spark();
    ConfigurationValues values =
        new ConfigurationValues(
            config.root().render(ConfigRenderOptions.concise()),
            Secrets.redacted(keys.effective()));
    return section(
        "name",
        () ->
            new PhiscaleConfiguration(
                name, data, network, train, evaluate, study, storage, spark, values),
        Binder::configuration);
  }

  private String runs() {
    return "runs/" + keys.text("name");
  }

  private String trainOutput() {
    return keys.isSet("train.output") ? keys.text("train.output") : runs() + "/train";
  }

  private DataSection data() {
    DataSection.Source source = source();
    return section(
        "data",
        () ->
            new DataSection(
                source,
                keys.location("data.shards", runs() + "/shards"),
                keys.int32("data.version"),
                keys.integer("data.seed"),
                keys.bytes("data.shard-bytes"),
                keys.bytes("data.row-group-bytes"),
                keys.number("data.max-reject-fraction"),
                keys.integer("data.max-pixels"),
                keys.choice("data.deduplicate", DataSection.Deduplicate.class),
                new DataSection.Store(
                    keys.int32("data.store.short-side"), keys.int32("data.store.jpeg-quality"))),
        Binder::data);
  }

  private DataSection.Source source() {
    DataSection.Validation validation = validation();
    DataSection.Reading reading =
        section(
            "data.source.synsets",
            () ->
                new DataSection.Reading(
                    keys.location("data.source.classes"),
                    keys.int32("data.source.first-label", -1),
                    keys.text("data.source.label-field"),
                    keys.integer("data.source.synsets.min-images"),
                    keys.location("data.source.synsets.hierarchy"),
                    keys.location("data.source.synsets.ancestors")),
            defaulted -> defaulted.source().reading());
    DataSection.Table table =
        section(
            "data.source.table",
            () ->
                new DataSection.Table(
                    keys.location("data.source.table.image-root"),
                    keys.text("data.source.table.uri"),
                    keys.text("data.source.table.labels"),
                    keys.text("data.source.table.confidences"),
                    keys.text("data.source.table.group"),
                    keys.text("data.source.table.separator")),
            defaulted -> defaulted.source().table());
    DataSection.WeakLabels weakLabels =
        section(
            "data.source.weak-labels",
            () ->
                new DataSection.WeakLabels(
                    keys.location("data.source.weak-labels.tags"),
                    keys.number("data.source.weak-labels.min-confidence")),
            defaulted -> defaulted.source().weakLabels());
    DataSection.Yfcc yfcc =
        new DataSection.Yfcc(
            keys.location("data.source.yfcc.images"),
            keys.location("data.source.yfcc.autotags"),
            keys.location("data.source.yfcc.hashes"),
            keys.choice("data.source.yfcc.labels", DataSection.Yfcc.Labels.class));
    return section(
        "data.source",
        () ->
            new DataSection.Source(
                keys.choice("data.source.layout", DataSection.Layout.class),
                keys.location("data.source.train"),
                keys.text("data.source.train-prefix"),
                validation,
                keys.number("data.source.minival-fraction"),
                reading,
                table,
                weakLabels,
                yfcc),
        Binder::source);
  }

  private DataSection.Validation validation() {
    double fraction = keys.number("data.source.validation-fraction");
    DataSection.Layout layout =
        keys.choice("data.source.validation.layout", DataSection.Layout.class);
    URI location = keys.location("data.source.validation.uri");
    String prefix = keys.text("data.source.validation.prefix");
    URI groundTruth = keys.location("data.source.validation.ground-truth");
    URI synsets = keys.location("data.source.validation.synsets");
    boolean separate = keys.isSet("data.source.validation.uri");
    if (separate && fraction != 0) {
      keys.problem(
          "data.source.validation-fraction",
          "Invalid data.source.validation-fraction: %s (must be 0 when data.source.validation.uri is set)"
              .formatted(fraction));
    }
    return section(
        "data.source.validation",
        () -> {
          if (separate) {
            return new DataSection.Validation.Separate(
                layout, location, prefix, groundTruth, synsets);
          }
          return fraction == 0
              ? new DataSection.Validation.None()
              : new DataSection.Validation.HeldOut(fraction);
        },
        Binder::validation);
  }

  private NetworkSection network() {
    NetworkSection.Scaling scaling = scaling();
    NetworkSection.Coefficients coefficients =
        section(
            "network.scaling",
            () ->
                new NetworkSection.Coefficients(
                    keys.number("network.scaling.alpha"),
                    keys.number("network.scaling.beta"),
                    keys.number("network.scaling.gamma")),
            defaulted -> defaulted.network().coefficients());
    NetworkSection.BatchNorm batchNorm =
        section(
            "network.batch-norm",
            () ->
                new NetworkSection.BatchNorm(
                    keys.number("network.batch-norm.epsilon"),
                    keys.number("network.batch-norm.momentum")),
            defaulted -> defaulted.network().batchNorm());
    NetworkSection.Custom custom =
        section(
            "network.custom",
            () ->
                new NetworkSection.Custom(
                    keys.int32("network.custom.stem-filters"),
                    keys.int32("network.custom.stem-stride"),
                    keys.texts("network.custom.blocks"),
                    keys.int32("network.custom.head-filters"),
                    keys.int32("network.custom.resolution")),
            defaulted -> defaulted.network().custom());
    return section(
        "network",
        () ->
            new NetworkSection(
                keys.choice("network.base", NetworkSection.Base.class),
                scaling,
                coefficients,
                keys.text("network.name"),
                keys.int32("network.resolution"),
                keys.int32("network.classes"),
                keys.number("network.dropout", -1),
                keys.number("network.stochastic-depth"),
                keys.choice("network.padding", NetworkSection.Padding.class),
                batchNorm,
                custom),
        Binder::network);
  }

  private NetworkSection.Scaling scaling() {
    String variant = keys.text("network.variant");
    double phi = keys.number("network.phi", 0);
    if (keys.isSet("network.variant") && keys.isSet("network.phi")) {
      keys.problem(
          "network.phi",
          "Invalid network.phi: %s (must be unset when network.variant is set: a published variant is not a power of phi)"
              .formatted(phi));
    }
    double width = keys.number("network.width", 1);
    double depth = keys.number("network.depth", 1);
    boolean chosen = keys.isSet("network.width") || keys.isSet("network.depth");
    if (chosen && (keys.isSet("network.variant") || keys.isSet("network.phi"))) {
      String key = keys.isSet("network.width") ? "network.width" : "network.depth";
      keys.problem(
          key,
          "Invalid %s: %s (must be unset when network.variant or network.phi is set: they say it)"
              .formatted(key, keys.text(key)));
    }
    return section(
        "network.variant",
        () -> {
          if (chosen) {
            return new NetworkSection.Scaling.Chosen(width, depth);
          }
          return keys.isSet("network.variant")
              ? new NetworkSection.Scaling.Published(variant)
              : new NetworkSection.Scaling.Compound(phi);
        },
        Binder::scaling);
  }

  private TrainSection train() {
    TrainSection.Averaging averaging =
        section(
            "train.averaging",
            () ->
                new TrainSection.Averaging(
                    keys.int32("train.averaging.local-steps"),
                    keys.choice(
                        "train.averaging.schedule",
                        TrainSection.Averaging.LocalStepsSchedule.class),
                    keys.number("train.averaging.synchronous-epochs"),
                    keys.number("train.averaging.qsr-alpha"),
                    keys.int32("train.averaging.max-local-steps"),
                    keys.choice("train.averaging.outer", TrainSection.Averaging.Outer.class),
                    keys.number("train.averaging.outer-learning-rate"),
                    keys.number("train.averaging.outer-momentum"),
                    keys.choice(
                        "train.averaging.optimizer-state",
                        TrainSection.Averaging.OptimizerState.class),
                    keys.choice("train.averaging.wire", TrainSection.Averaging.Wire.class),
                    keys.choice(
                        "train.averaging.batch-norm", TrainSection.Averaging.BatchNorm.class),
                    keys.int32("train.averaging.recalibration-images")),
            defaulted -> defaulted.train().averaging());
    TrainSection.Optimizer.Name rule =
        keys.choice("train.optimizer.name", TrainSection.Optimizer.Name.class);
    TrainSection.Optimizer optimizer =
        section(
            "train.optimizer",
            () ->
                new TrainSection.Optimizer(
                    rule,
                    keys.number("train.optimizer.momentum"),
                    keys.flag("train.optimizer.nesterov"),
                    keys.number("train.optimizer.decay"),
                    keys.numberOrUsual("train.optimizer.epsilon", rule.usualEpsilon()),
                    keys.number("train.optimizer.beta1"),
                    keys.number("train.optimizer.beta2"),
                    keys.number("train.optimizer.trust-coefficient")),
            defaulted -> defaulted.train().optimizer());
    TrainSection.LearningRate learningRate =
        section(
            "train.learning-rate",
            () ->
                new TrainSection.LearningRate(
                    keys.number("train.learning-rate.base"),
                    keys.int32("train.learning-rate.per-images"),
                    keys.choice(
                        "train.learning-rate.schedule", TrainSection.LearningRate.Schedule.class),
                    keys.number("train.learning-rate.warmup-epochs"),
                    keys.number("train.learning-rate.decay-rate"),
                    keys.number("train.learning-rate.decay-epochs"),
                    keys.numbers("train.learning-rate.milestones"),
                    keys.number("train.learning-rate.milestone-factor")),
            defaulted -> defaulted.train().learningRate());
    TrainSection.Policy policy =
        section(
            "train.augment.policy",
            () ->
                new TrainSection.Policy(
                    keys.choice("train.augment.policy", TrainSection.Policy.Kind.class),
                    keys.choice("train.augment.policy-form", TrainSection.Policy.Form.class),
                    keys.number("train.augment.magnitude", -1),
                    keys.number("train.augment.magnitude-stddev"),
                    keys.int32("train.augment.layers")),
            defaulted -> defaulted.train().augment().policy());
    TrainSection.Noise noise =
        section(
            "train.augment.noise",
            () ->
                new TrainSection.Noise(
                    keys.number("train.augment.color-jitter"),
                    keys.number("train.augment.lighting"),
                    keys.number("train.augment.random-erasing"),
                    keys.choice(
                        "train.augment.random-erasing-fill", TrainSection.Noise.Fill.class)),
            defaulted -> defaulted.train().augment().noise());
    TrainSection.Mixing mixing =
        section(
            "train.augment.mixing",
            () ->
                new TrainSection.Mixing(
                    keys.number("train.augment.mixup-alpha"),
                    keys.number("train.augment.cutmix-alpha")),
            defaulted -> defaulted.train().augment().mixing());
    TrainSection.Augment augment =
        section(
            "train.augment",
            () ->
                new TrainSection.Augment(
                    keys.number("train.augment.crop-area-min"),
                    keys.number("train.augment.crop-area-max"),
                    keys.number("train.augment.flip"),
                    keys.choice("train.augment.interpolation", Interpolation.class),
                    keys.choice("train.augment.decode", Decoding.class),
                    policy,
                    noise,
                    mixing),
            defaulted -> defaulted.train().augment());
    TrainSection.Loader loader =
        section(
            "train.loader",
            () ->
                new TrainSection.Loader(
                    keys.int32("train.loader.threads"), keys.int32("train.loader.queue-batches")),
            defaulted -> defaulted.train().loader());
    TrainSection.Checkpoint checkpoint =
        section(
            "train.checkpoint",
            () ->
                new TrainSection.Checkpoint(
                    keys.int32("train.checkpoint.every-epochs"),
                    keys.int32("train.checkpoint.every-rounds"),
                    keys.int32("train.checkpoint.keep"),
                    keys.int32("train.checkpoint.keep-every-epochs"),
                    keys.flag("train.checkpoint.keep-best")),
            defaulted -> defaulted.train().checkpoint());
    TrainSection.Metrics metrics = new TrainSection.Metrics(keys.flag("train.metrics.tensorboard"));
    return section(
        "train",
        () ->
            new TrainSection(
                keys.location("train.output", runs() + "/train"),
                keys.int32("train.epochs"),
                keys.int32("train.batch-size"),
                keys.int32("train.workers"),
                keys.integer("train.seed"),
                keys.number("train.data-fraction"),
                keys.location("train.initial-weights"),
                keys.choice("train.initial-classifier", TrainSection.InitialClassifier.class),
                keys.choice("train.freeze", TrainSection.Freeze.class),
                keys.choice("train.frozen-batch-norm", TrainSection.FrozenBatchNorm.class),
                keys.choice("train.kernels", TrainSection.KernelsChoice.class),
                keys.choice("train.precision", TrainSection.Precision.class),
                averaging,
                optimizer,
                learningRate,
                keys.number("train.weight-decay"),
                keys.choice(
                    "train.weight-decay-exclusion", TrainSection.WeightDecayExclusion.class),
                keys.number("train.gradient-clip-norm", Double.POSITIVE_INFINITY),
                keys.choice("train.targets", TrainSection.Targets.class),
                keys.number("train.label-smoothing"),
                keys.number("train.ema-decay"),
                augment,
                loader,
                checkpoint,
                metrics,
                keys.number("train.max-skipped-fraction"),
                keys.duration("train.deadline"),
                keys.choice("train.resume", TrainSection.Resume.class)),
        Binder::train);
  }

  /** The words newest and best are those of the run that train.output names. */
  private URI evaluatedCheckpoint() {
    String key = "evaluate.checkpoint";
    if (keys.isSet(key) && EvaluateSection.CHECKPOINT_WORDS.contains(keys.text(key))) {
      return KeyReader.parseLocation(trainOutput() + "/" + keys.text(key));
    }
    return keys.location(key, trainOutput());
  }

  private EvaluateSection evaluate() {
    EvaluateSection.Views views =
        section(
            "evaluate.views",
            () ->
                new EvaluateSection.Views(
                    keys.choice("evaluate.views.crops", EvaluateSection.Crops.class),
                    keys.numbers("evaluate.views.fractions")),
            defaulted -> defaulted.evaluate().views());
    EvaluateSection.Latency latency =
        section(
            "evaluate.latency",
            () ->
                new EvaluateSection.Latency(
                    keys.choice("evaluate.latency.measure", EvaluateSection.Measure.class),
                    keys.int32("evaluate.latency.batch-size"),
                    keys.int32("evaluate.latency.threads"),
                    keys.int32("evaluate.latency.runs"),
                    keys.number("evaluate.latency.price-per-hour")),
            defaulted -> defaulted.evaluate().latency());
    EvaluateSection.Report report =
        section(
            "evaluate.report",
            () ->
                new EvaluateSection.Report(
                    keys.int32("evaluate.report.examples"),
                    keys.choice("evaluate.report.published", EvaluateSection.Published.class)),
            defaulted -> defaulted.evaluate().report());
    return section(
        "evaluate",
        () ->
            new EvaluateSection(
                evaluatedCheckpoint(),
                keys.locations("evaluate.compare-with"),
                keys.text("evaluate.split"),
                keys.parsed(
                    "evaluate.sets",
                    "a list of NAME=SHARDS#SPLIT",
                    EvaluateSection.ImageSet::parse),
                keys.choice("evaluate.class-match", EvaluateSection.ClassMatch.class),
                keys.location("evaluate.real-labels"),
                keys.int32("evaluate.resolution"),
                keys.int32("evaluate.batch-size"),
                keys.number("evaluate.crop-fraction"),
                keys.choice("evaluate.interpolation", Interpolation.class),
                keys.choice("evaluate.decode", Decoding.class),
                views,
                keys.choice("evaluate.weights", EvaluateSection.Weights.class),
                keys.choice("evaluate.precision", EvaluateSection.Precision.class),
                keys.integers("evaluate.top-k"),
                keys.choice("evaluate.predictions", EvaluateSection.Predictions.class),
                latency,
                report,
                keys.location("evaluate.output", runs() + "/evaluation")),
        Binder::evaluate);
  }

  private StudySection study() {
    StudySection.Search search =
        section(
            "study.search",
            () ->
                new StudySection.Search(
                    keys.numbers("study.search.alpha"),
                    keys.numbers("study.search.beta"),
                    keys.numbers("study.search.gamma"),
                    keys.number("study.search.product"),
                    keys.number("study.search.tolerance"),
                    keys.number("study.search.keep")),
            defaulted -> defaulted.study().search());
    StudySection.Budget budget =
        section(
            "study.budget",
            () ->
                new StudySection.Budget(
                    keys.integers("study.budget.epochs"),
                    keys.wholeNumbers("study.budget.images"),
                    keys.numbers("study.budget.flops")),
            defaulted -> defaulted.study().budget());
    return section(
        "study",
        () ->
            new StudySection(
                keys.choices("study.axes", StudySection.Axis.class),
                keys.numbers("study.phi"),
                search,
                keys.wholeNumbers("study.seeds"),
                keys.numbers("study.data-fractions"),
                budget,
                keys.int32("study.concurrent"),
                keys.int32("study.calibration-steps"),
                keys.location("study.output", runs() + "/study")),
        Binder::study);
  }

  private StorageSection storage() {
    StorageSection.S3 s3 =
        section(
            "storage.s3",
            () ->
                new StorageSection.S3(
                    keys.text("storage.s3.endpoint"),
                    keys.text("storage.s3.region"),
                    keys.flag("storage.s3.path-style"),
                    keys.text("storage.s3.access-key"),
                    keys.text("storage.s3.secret-key"),
                    keys.text("storage.s3.provider"),
                    keys.flag("storage.s3.ssl")),
            defaulted -> defaulted.storage().s3());
    return section(
        "storage",
        () ->
            new StorageSection(
                s3, keys.duration("storage.deadline"), keys.properties("storage.properties")),
        Binder::storage);
  }

  private SparkSection spark() {
    return section(
        "spark",
        () ->
            new SparkSection(
                keys.text("spark.master"),
                keys.text("spark.app-name"),
                keys.duration("spark.deadline"),
                keys.properties("spark.properties")),
        Binder::spark);
  }
}
