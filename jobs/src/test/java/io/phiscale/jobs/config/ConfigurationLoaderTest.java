package io.phiscale.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigurationLoaderTest {
  @TempDir Path folder;

  private ConfigurationLoader file(String text) throws IOException {
    Path file = folder.resolve("a.conf");
    Files.writeString(file, text);
    return new ConfigurationLoader().file(file.toString());
  }

  private List<String> problems(ConfigurationLoader loader) {
    return catchThrowableOfType(ConfigurationException.class, loader::load).problems().stream()
        .map(problem -> problem.toString().replace(folder + "/", ""))
        .toList();
  }

  @Test
  void defaultsAreThePublishedRecipe() {
    PhiscaleConfiguration defaults = new ConfigurationLoader().load();

    assertThat(defaults.network().base()).isEqualTo(NetworkSection.Base.EFFICIENTNET_B0);
    assertThat(defaults.network().scaling()).isEqualTo(new NetworkSection.Scaling.Compound(0));
    assertThat(defaults.network().coefficients())
        .isEqualTo(new NetworkSection.Coefficients(1.2, 1.1, 1.15));
    assertThat(defaults.train().optimizer())
        .isEqualTo(
            new TrainSection.Optimizer(
                TrainSection.Optimizer.Name.RMSPROP, 0.9, false, 0.9, 1e-3, 0.9, 0.999, 1e-3));
    assertThat(defaults.train().gradientClipNorm()).isInfinite();
    assertThat(defaults.effectiveValues())
        .containsEntry("train.gradient-clip-norm", "null")
        .containsEntry("train.optimizer.epsilon", "0.001");
    // tpu: 0.256 at 4096 images per step.
    assertThat(defaults.train().learningRate().peak(4096)).isEqualTo(0.256);
    assertThat(defaults.train().maxSkippedFraction()).isEqualTo(0.01);
    assertThat(defaults.train().deadline()).isEqualTo(Duration.ofMinutes(10));
    assertThat(defaults.spark().deadline()).isEqualTo(Duration.ofMinutes(30));
    assertThat(defaults.storage().properties()).containsEntry("fs.s3a.retry.throttle.limit", "8");
    assertThat(defaults.data().shardBytes()).isEqualTo(128L << 20);
    assertThat(defaults.data().source().validation()).isEqualTo(new DataSection.Validation.None());
    assertThat(defaults.data().source().isConfigured()).isFalse();
    assertThat(defaults.evaluate().topK()).containsExactly(1, 5);
    assertThat(defaults.study().phi()).containsExactly(0.0, 1.0, 2.0);
    assertThat(defaults.study().axes()).containsExactly(StudySection.Axis.COMPOUND);
    assertThat(defaults.study().search())
        .isEqualTo(new StudySection.Search(List.of(), List.of(), List.of(), 2, 0.1, 1));
    assertThat(defaults.study().search().isEmpty()).isTrue();
    assertThat(defaults.study().budget())
        .isEqualTo(new StudySection.Budget(List.of(), List.of(), List.of()));
    assertThat(defaults.study().seeds()).isEmpty();
    assertThat(defaults.study().dataFractions()).isEmpty();
    assertThat(defaults.study().concurrent()).isEqualTo(1);
    assertThat(defaults.study().slots(3, 8)).isEqualTo(3);
    assertThat(defaults.study().calibrationSteps()).isEqualTo(10);
    assertThat(defaults.train().dataFraction()).isEqualTo(1);
    assertThat(defaults.network().nameOr("b0")).isEqualTo("b0");
    assertThat(defaults.network().dropoutOr(0.3)).isEqualTo(0.3);
    assertThat(defaults.network().resolutionPxOr(224)).isEqualTo(224);
    assertThat(defaults.network().classesOr(10)).isEqualTo(10);
  }

  @Test
  void everyKeyOfTheDefaultsIsBoundAndRecorded() {
    PhiscaleConfiguration defaults = new ConfigurationLoader().load();

    assertThat(defaults.effectiveValues().keySet())
        .filteredOn(
            key -> KnownKeys.FREE_FORM.stream().noneMatch(free -> key.startsWith(free + ".")))
        .containsExactlyElementsOf(
            new KnownKeys(ConfigurationLoader.defaults())
                .leaves().stream()
                    .filter(key -> !KnownKeys.FREE_FORM.contains(key))
                    .collect(Collectors.toList()));
  }

  @Test
  void laterLayersWin() throws IOException {
    PhiscaleConfiguration configuration =
        file("name = mine, train { epochs = 3, batch-size = 8, learning-rate.warmup-epochs = 0 }")
            .set("train.epochs=7")
            .set("study.phi=0,0.5")
            .set("evaluate.top-k=[5, 1]")
            .set("network.variant = b3")
            .set("train.deadline=90 seconds")
            .set("data.shards=s3a://bucket/a path/shards".replace(" ", "%20"))
            .load();

    assertThat(configuration.train().epochs()).isEqualTo(7);
    assertThat(configuration.train().batchSize()).isEqualTo(8);
    assertThat(configuration.train().globalBatchSize()).isEqualTo(16);
    assertThat(configuration.study().phi()).containsExactly(0.0, 0.5);
    assertThat(configuration.evaluate().topK()).containsExactly(1, 5);
    assertThat(configuration.network().scaling())
        .isEqualTo(new NetworkSection.Scaling.Published("b3"));
    assertThat(configuration.train().deadline()).isEqualTo(Duration.ofSeconds(90));
    assertThat(configuration.data().shards()).isEqualTo(URI.create("s3a://bucket/a%20path/shards"));
    assertThat(configuration.effectiveValues())
        .containsEntry("train.epochs", "7")
        .containsEntry("evaluate.checkpoint", "runs/mine/train")
        .containsEntry("network.phi", "null");
  }

  @Test
  void studiesHaveAxes() throws IOException {
    StudySection study =
        file("""
            study {
              axes = [compound, depth, width, resolution], phi = [0, 1], seeds = [0, 9000000000]
              data-fractions = [0.5, 1], budget.flops = [1e15], concurrent = 0
              calibration-steps = 3
            }
            """)
            .load()
            .study();

    assertThat(study.axes()).containsExactly(StudySection.Axis.values());
    assertThat(study.seeds()).containsExactly(0L, 9_000_000_000L);
    assertThat(study.dataFractions()).containsExactly(0.5, 1.0);
    assertThat(study.budget().flops()).containsExactly(1e15);
    assertThat(study.concurrent()).isZero();
    assertThat(study.slots(2, 7)).isEqualTo(6);
    assertThat(study.slots(4, 2)).isEqualTo(4);
    assertThat(study.calibrationSteps()).isEqualTo(3);
    StudySection.Search search =
        file("study { phi = [1], search { alpha = [1.2], beta = [1, 1.1], tolerance = 0.2 } }")
            .load()
            .study()
            .search();
    assertThat(search.beta()).containsExactly(1.0, 1.1);
    assertThat(search.admits(new NetworkSection.Coefficients(1.2, 1.1, 1.15))).isTrue();
    assertThat(search.admits(new NetworkSection.Coefficients(1.2, 1, 1.15))).isFalse();
    // 2.2 in decimals, a little more in binary.
    assertThat(search.admits(new NetworkSection.Coefficients(2.2, 1, 1))).isTrue();
  }

  @Test
  void aNetworkMayBeScaledAlongOneAxisAndNamed() throws IOException {
    NetworkSection network =
        file("network { depth = 2.5, resolution = 240, name = deep }").load().network();

    assertThat(network.scaling()).isEqualTo(new NetworkSection.Scaling.Chosen(1, 2.5));
    assertThat(network.nameOr("x")).isEqualTo("deep");
    assertThat(file("train.data-fraction = 0.25").load().train().dataFraction()).isEqualTo(0.25);
  }

  @Test
  void featuresAreFrozenOnlyWhereTheyComeFromSomewhere() throws IOException {
    assertThat(problems(file("train { precision = bf16, kernels = nd4j }")))
        .singleElement()
        .asString()
        .endsWith(": Invalid train.precision: bf16 (must be fp32 where train.kernels = nd4j)");
    assertThat(problems(file("train.freeze = features")))
        .containsExactly(
            "a.conf:1: Invalid train.freeze: features (must be none where train.initial-weights"
                + " does not say what the features are)");

    TrainSection train =
        file("train { freeze = features, initial-weights = \"s3a://bucket/b0.pth\" }")
            .load()
            .train();
    assertThat(train.initialWeights()).isEqualTo(URI.create("s3a://bucket/b0.pth"));
    assertThat(train.initialClassifier()).isEqualTo(TrainSection.InitialClassifier.AUTO);
    assertThat(train.frozenBatchNorm()).isEqualTo(TrainSection.FrozenBatchNorm.INFERENCE);
    assertThat(new ConfigurationLoader().load().train().hasInitialWeights()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"sgd,1e-3", "rmsprop,1e-3", "adamw,1e-8", "lamb,1e-6", "lars,1e-8"})
  void epsilonIsTheOptimizersOwnUnlessSet(String name, double usual) throws IOException {
    PhiscaleConfiguration unset = file("train.optimizer.name = " + name).load();
    PhiscaleConfiguration set =
        file("train.optimizer { name = " + name + ", epsilon = 0.5 }").load();

    assertThat(unset.train().optimizer().epsilon()).isEqualTo(usual);
    assertThat(unset.effectiveValues())
        .containsEntry("train.optimizer.epsilon", String.valueOf(usual));
    assertThat(set.train().optimizer().epsilon()).isEqualTo(0.5);
  }

  @Test
  void stepsAndClippingAreRead() throws IOException {
    TrainSection train =
        file("""
            train {
              gradient-clip-norm = 1
              learning-rate { schedule = step, milestones = [30, 60.5], milestone-factor = 0.2 }
            }
            """)
            .load()
            .train();

    assertThat(train.gradientClipNorm()).isEqualTo(1);
    assertThat(train.learningRate().schedule()).isEqualTo(TrainSection.LearningRate.Schedule.STEP);
    assertThat(train.learningRate().milestones()).containsExactly(30.0, 60.5);
    assertThat(train.learningRate().milestoneFactor()).isEqualTo(0.2);
  }

  @Test
  void theBestAndTheNewestAreThoseOfTheRun() throws IOException {
    for (String word : List.of("best", "newest")) {
      PhiscaleConfiguration configuration =
          file("train.output = \"s3a://bucket/run\", evaluate.checkpoint = " + word).load();
      assertThat(configuration.evaluate().checkpoint())
          .isEqualTo(URI.create("s3a://bucket/run/" + word));
    }
    PhiscaleConfiguration elsewhere = file("evaluate.checkpoint = \"s3a://b/run/best\"").load();
    assertThat(elsewhere.evaluate().checkpoint()).isEqualTo(URI.create("s3a://b/run/best"));
  }

  @Test
  void pathsWithoutSchemeAreLocalFiles() throws IOException {
    PhiscaleConfiguration configuration =
        file("train.output = \"out/my run\", data.source.train = \"hdfs://host:8020/images\"")
            .load();

    assertThat(configuration.train().output().toString())
        .isEqualTo(
            "file://"
                + Path.of("out").toAbsolutePath().toString().replace(" ", "%20")
                + "/my%20run");
    assertThat(configuration.train().output().getPath())
        .isEqualTo(Path.of("out/my run").toAbsolutePath().toString());
    assertThat(configuration.evaluate().checkpoint()).isEqualTo(configuration.train().output());
    assertThat(configuration.data().source().train())
        .isEqualTo(URI.create("hdfs://host:8020/images"));
  }

  @Test
  void howNetworksAreEvaluatedIsRead() throws IOException {
    EvaluateSection defaults = new ConfigurationLoader().load().evaluate();
    assertThat(defaults.compareWith()).isEmpty();
    assertThat(defaults.sets()).isEmpty();
    assertThat(defaults.classMatch()).isEqualTo(EvaluateSection.ClassMatch.EXACT);
    assertThat(defaults.realLabels().toString()).isEmpty();
    assertThat(defaults.resolutionPxOr(224)).isEqualTo(224);
    assertThat(defaults.cropFraction()).isEqualTo(0.875);
    assertThat(defaults.interpolation()).isEqualTo(Interpolation.BICUBIC);
    assertThat(defaults.views())
        .isEqualTo(new EvaluateSection.Views(EvaluateSection.Crops.CENTRE, List.of()));
    assertThat(defaults.views().fractionsOr(0.875)).containsExactly(0.875);
    assertThat(defaults.weights()).isEqualTo(EvaluateSection.Weights.EMA);
    assertThat(defaults.precision()).isEqualTo(EvaluateSection.Precision.FP32);
    assertThat(defaults.predictions()).isEqualTo(EvaluateSection.Predictions.WRITE);
    assertThat(defaults.latency())
        .isEqualTo(new EvaluateSection.Latency(EvaluateSection.Measure.OFF, 32, 1, 20, 0));
    assertThat(defaults.report())
        .isEqualTo(new EvaluateSection.Report(4, EvaluateSection.Published.AUTO));

    EvaluateSection evaluate =
        file("""
            evaluate {
              compare-with = ["s3a://b/other", "s3a://b/third/best"]
              sets = ["v2=s3a://b/v2#minival", "a=s3a://b/a"]
              class-match = restricted
              real-labels = "s3a://b/real.json"
              resolution = 288
              crop-fraction = 1
              interpolation = bilinear
              views { crops = ten-crop, fractions = [0.875, 0.75] }
              weights = both
              precision = bf16
              predictions = none
              latency { measure = on, batch-size = 8, threads = 2, runs = 5, price-per-hour = 1.5 }
              report { examples = 0, published = show }
            }
            """)
            .load()
            .evaluate();

    assertThat(evaluate.compareWith())
        .containsExactly(URI.create("s3a://b/other"), URI.create("s3a://b/third/best"));
    assertThat(evaluate.sets())
        .containsExactly(
            new EvaluateSection.ImageSet("v2", URI.create("s3a://b/v2"), "minival"),
            new EvaluateSection.ImageSet("a", URI.create("s3a://b/a"), "val"));
    assertThat(evaluate.classMatch()).isEqualTo(EvaluateSection.ClassMatch.RESTRICTED);
    assertThat(evaluate.realLabels()).isEqualTo(URI.create("s3a://b/real.json"));
    assertThat(evaluate.resolutionPxOr(224)).isEqualTo(288);
    assertThat(evaluate.cropFraction()).isEqualTo(1);
    assertThat(evaluate.interpolation()).isEqualTo(Interpolation.BILINEAR);
    assertThat(evaluate.views())
        .isEqualTo(new EvaluateSection.Views(EvaluateSection.Crops.TEN_CROP, List.of(0.875, 0.75)));
    assertThat(evaluate.weights()).isEqualTo(EvaluateSection.Weights.BOTH);
    assertThat(evaluate.precision()).isEqualTo(EvaluateSection.Precision.BF16);
    assertThat(evaluate.predictions()).isEqualTo(EvaluateSection.Predictions.NONE);
    assertThat(evaluate.latency())
        .isEqualTo(new EvaluateSection.Latency(EvaluateSection.Measure.ON, 8, 2, 5, 1.5));
    assertThat(evaluate.report())
        .isEqualTo(new EvaluateSection.Report(0, EvaluateSection.Published.SHOW));
  }

  @Test
  void allProblemsComeAtOnceWithFileLineKeyAndNearestKey() throws IOException {
    ConfigurationLoader loader =
        file("""
        trian { epochs = 3 }
        train {
          epoch = 3
          batch-size = 0
          workers = two
          optimizer { momentum = 1.5, name = adam }
          augment { crop-area-min = 0.5, crop-area-max = 0.2 }
          deadline = soon
        }
        data { max-reject-fraction = 2, shard-bytes = big, source = here }
        network.padding { top = 1 }
        evaluate { top-k = [1, x], output = "s3a://a b" }
        """)
            .set("epochs=5")
            .set("train.seed=1.5")
            .set("nonsense");

    assertThat(problems(loader))
        .containsExactlyInAnyOrder(
            "--set: Invalid assignment: nonsense (must be key=value)",
            "--set: Unknown key epochs (did you mean train.epochs?)",
            "a.conf:1: Unknown key trian.epochs (did you mean train.epochs?)",
            "a.conf:3: Unknown key train.epoch (did you mean train.epochs?)",
            "a.conf:4: Invalid train.batch-size: 0 (must be > 0)",
            "a.conf:5: Invalid train.workers: \"two\" (must be a whole number)",
            "a.conf:6: Invalid train.optimizer.momentum: 1.5 (must be in [0, 1))",
            "a.conf:6: Invalid train.optimizer.name: \"adam\" (must be one of adamw, lamb, lars, rmsprop, sgd)",
            "a.conf:7: Invalid train.augment.crop-area-min: 0.5 (must be in (0, train.augment.crop-area-max = 0.2])",
            "a.conf:8: Invalid train.deadline: \"soon\" (must be a duration such as 10 minutes)",
            "--set: Invalid train.seed: \"1.5\" (must be a whole number)",
            "a.conf:10: Invalid data.max-reject-fraction: 2.0 (must be in [0, 1])",
            "a.conf:10: Invalid data.shard-bytes: \"big\" (must be a size such as 128 MiB)",
            "a.conf:10: Invalid data.source: here (must be a section: data.source { ... })",
            "a.conf:11: Invalid network.padding: a section (must be a value)",
            "a.conf:12: Invalid evaluate.top-k: \"[1, x]\" (must be a list of whole numbers such as"
                + " [1, 5])",
            "a.conf:12: Invalid evaluate.output: \"s3a://a b\" (must be a path or a URI)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "name = \"a/b\" | a.conf:1: Invalid name: \"a/b\" (must be letters, digits, '.', '_' and"
            + " '-', as it names a folder)",
        "data.seed = null | a.conf:1: Invalid data.seed: null (must be a whole number)",
        "data.row-group-bytes = 1 GiB | a.conf:1: Invalid data.row-group-bytes: 1073741824 (must be"
            + " <= data.shard-bytes = 134217728)",
        "data.shard-bytes = 0, data.row-group-bytes = 0 | a.conf:1: Invalid data.shard-bytes: 0"
            + " (must be > 0)~a.conf:1: Invalid data.row-group-bytes: 0 (must be > 0)",
        "data.version = -1 | a.conf:1: Invalid data.version: -1 (must be >= 0)",
        "train.targets = hard | a.conf:1: Invalid train.targets: \"hard\" (must be one of soft, strongest)",
        "data.max-pixels = -1 | a.conf:1: Invalid data.max-pixels: -1 (must be > 0)",
        "data.source.layout = flat-validation | a.conf:1: Invalid data.source.layout: flat-validation (must be a layout with training images (flat-validation has none))",
        "data.source.layout = zip | a.conf:1: Invalid data.source.layout: \"zip\" (must be one of cifar, class-folders, flat-validation, idx, imagenet-kaggle, imagenet-tar, name-prefix, synset-tars, table, tfrecord, webdataset, yfcc100m)",
        "data.source.first-label = -2 | a.conf:1: Invalid data.source.first-label: -2 (must be >= 0)",
        "data.source.synsets.min-images = -1 | a.conf:1: Invalid data.source.synsets.min-images: -1 (must be >= 0)",
        "data.source.synsets.ancestors = x | Invalid data.source.synsets.hierarchy: null (must be set where data.source.synsets.ancestors is)",
        "data.source.table { uri = \"\", separator = \"\" } | a.conf:1: Invalid data.source.table.uri: \"\" (must be not empty)~a.conf:1: Invalid data.source.table.separator: \"\" (must be not empty)",
        "data.source.weak-labels.min-confidence = 2 | a.conf:1: Invalid data.source.weak-labels.min-confidence: 2.0 (must be in [0, 1])",
        "data.source.layout = yfcc100m | Invalid data.source.yfcc.images: null (must be set for layout yfcc100m)~Invalid data.source.yfcc.autotags: null (must be set for layout yfcc100m with labels autotags)",
        "data.source { layout = yfcc100m, yfcc { images = x, labels = user-tags } } | Invalid data.source.weak-labels.tags: null (must be set, or data.source.classes, for layout yfcc100m with labels user-tags: else every tag would be a class)",
        "data.source.validation-fraction = 1 | a.conf:1: Invalid data.source.validation-fraction: 1.0 (must be in [0, 1))",
        "data.source { validation-fraction = 0.1, validation.uri = x } | a.conf:1: Invalid data.source.validation-fraction: 0.1 (must be 0 when data.source.validation.uri is set)",
        "data.source.validation { uri = \"file:///x\", layout = flat-validation } | Invalid data.source.validation.ground-truth: \"\" (must be set for layout flat-validation)",
        "data.source.validation { uri = \"file:///x\", ground-truth = \"file:///y\" } | a.conf:1: Invalid data.source.validation.ground-truth: \"file:///y\" (must be unset except for layout flat-validation)",
        "data.source.validation { uri = \"file:///x\", synsets = \"file:///y\" } | a.conf:1: Invalid data.source.validation.synsets: \"file:///y\" (must be unset except for layout flat-validation)",
        "network.variant = b9 | a.conf:1: Invalid network.variant: b9 (must be one of b0, b1, b2, b3, b4, b5, b6, b7)",
        "network { variant = b1, phi = 1 } | a.conf:1: Invalid network.phi: 1.0 (must be unset when network.variant is set: a published variant is not a power of phi)",
        "network { variant = b1, base = tiny } | a.conf:1: Invalid network.variant: b1 (must be unset unless network.base is efficientnet-b0)",
        "network.phi = 99 | a.conf:1: Invalid network.phi: 99.0 (must be in [-20, 20])",
        "network.base = custom | Invalid network.custom.blocks: [] (must be not empty when"
            + " network.base is custom)",
        "network.scaling { alpha = 0.9, beta = 0, gamma = -1 } | a.conf:1: Invalid"
            + " network.scaling.alpha: 0.9 (must be >= 1)~a.conf:1: Invalid network.scaling.beta:"
            + " 0.0 (must be >= 1)~a.conf:1: Invalid network.scaling.gamma: -1.0 (must be >= 1)",
        "network.resolution = -1 | a.conf:1: Invalid network.resolution: -1 (must be >= 0)",
        "network.classes = 1 | a.conf:1: Invalid network.classes: 1 (must be >= 2)",
        "network.dropout = 1 | a.conf:1: Invalid network.dropout: 1.0 (must be in [0, 1))",
        "network.dropout = -0.5 | a.conf:1: Invalid network.dropout: -0.5 (must be in [0, 1))",
        "network.stochastic-depth = 1 | a.conf:1: Invalid network.stochastic-depth: 1.0 (must be in"
            + " [0, 1))",
        "network.batch-norm { epsilon = 0, momentum = 1 } | a.conf:1: Invalid"
            + " network.batch-norm.epsilon: 0.0 (must be > 0)~a.conf:1: Invalid"
            + " network.batch-norm.momentum: 1.0 (must be in [0, 1))",
        "network.custom { stem-filters = 0, stem-stride = 3, head-filters = 0, resolution = 0 } |"
            + " a.conf:1: Invalid network.custom.stem-filters: 0 (must be > 0)~a.conf:1: Invalid"
            + " network.custom.stem-stride: 3 (must be 1 or 2)~a.conf:1: Invalid"
            + " network.custom.head-filters: 0 (must be > 0)~a.conf:1: Invalid"
            + " network.custom.resolution: 0 (must be > 0)",
        "train.epochs = 3 | Invalid train.learning-rate.warmup-epochs: 5.0 (must be <= train.epochs"
            + " = 3)",
        "train.max-skipped-fraction = 2 | a.conf:1: Invalid train.max-skipped-fraction: 2.0 (must be"
            + " in [0, 1])",
        "train.deadline = 0 s | a.conf:1: Invalid train.deadline: PT0S (must be > 0)",
        "storage.deadline = 0 s | a.conf:1: Invalid storage.deadline: PT0S (must be > 0)",
        "train.averaging { synchronous-epochs = -1, qsr-alpha = 0, outer-learning-rate = 0, outer-momentum = 1 } | a.conf:1: Invalid train.averaging.synchronous-epochs: -1.0 (must be >= 0)~a.conf:1: Invalid train.averaging.qsr-alpha: 0.0 (must be > 0)~a.conf:1: Invalid train.averaging.outer-learning-rate: 0.0 (must be > 0)~a.conf:1: Invalid train.averaging.outer-momentum: 1.0 (must be in [0, 1))",
        "train.averaging { schedule = qsr, max-local-steps = 9 } | a.conf:1: Invalid train.averaging.max-local-steps: 9 (must be >= train.averaging.local-steps = 10)",
        "train.averaging { schedule = linear, outer = adam, wire = fp8 } | a.conf:1: Invalid train.averaging.schedule: \"linear\" (must be one of constant, qsr)~a.conf:1: Invalid train.averaging.outer: \"adam\" (must be one of average, momentum, nesterov, slowmo)~a.conf:1: Invalid train.averaging.wire: \"fp8\" (must be one of bf16, fp16, fp32, int8)",
        "train { weight-decay = -1, gradient-clip-norm = 0, label-smoothing = 1, ema-decay = 1 } | a.conf:1: Invalid train.weight-decay: -1.0 (must be >= 0)~a.conf:1: Invalid train.gradient-clip-norm: 0.0 (must be > 0, or null)~a.conf:1: Invalid train.label-smoothing: 1.0 (must be in [0, 1))~a.conf:1: Invalid train.ema-decay: 1.0 (must be in [0, 1))",
        "train.averaging { local-steps = 0, optimizer-state = sum, recalibration-images = 0 } | a.conf:1: Invalid train.averaging.optimizer-state: \"sum\" (must be one of average, keep, reset)~a.conf:1: Invalid train.averaging.local-steps: 0 (must be > 0)~a.conf:1: Invalid train.averaging.recalibration-images: 0 (must be > 0)",
        "train { averaging.batch-norm = recalibrate, freeze = features, initial-weights = x } | a.conf:1: Invalid train.averaging.batch-norm: recalibrate (must be average where train.freeze = features and train.frozen-batch-norm = inference: running statistics stay)",
        "train.optimizer { nesterov = yes, epsilon = 0, decay = 1, beta1 = 1, beta2 = 1, trust-coefficient = 0 } | a.conf:1: Invalid train.optimizer.nesterov: \"yes\" (must be true or false)~a.conf:1: Invalid train.optimizer.decay: 1.0 (must be in [0, 1))~a.conf:1: Invalid train.optimizer.epsilon: 0.0 (must be > 0)~a.conf:1: Invalid train.optimizer.beta1: 1.0 (must be in [0, 1))~a.conf:1: Invalid train.optimizer.beta2: 1.0 (must be in [0, 1))~a.conf:1: Invalid train.optimizer.trust-coefficient: 0.0 (must be > 0)",
        "train.learning-rate { base = 0, per-images = -1, warmup-epochs = -1, decay-rate = 2, decay-epochs = 0 } | a.conf:1: Invalid train.learning-rate.base: 0.0 (must be > 0)~a.conf:1: Invalid train.learning-rate.per-images: -1 (must be >= 0)~a.conf:1: Invalid train.learning-rate.warmup-epochs: -1.0 (must be >= 0)~a.conf:1: Invalid train.learning-rate.decay-rate: 2.0 (must be in (0, 1])~a.conf:1: Invalid train.learning-rate.decay-epochs: 0.0 (must be > 0)",
        "train.learning-rate { schedule = step, milestone-factor = 0 } | Invalid train.learning-rate.milestones: [] (must be epochs such as [30, 60, 80] where train.learning-rate.schedule = step)~a.conf:1: Invalid train.learning-rate.milestone-factor: 0.0 (must be in (0, 1])",
        "train.learning-rate.milestones = [60, 30] | a.conf:1: Invalid train.learning-rate.milestones: [60.0, 30.0] (must be epochs > 0, rising)",
        "train.augment { flip = 2, crop-area-max = 2 } | a.conf:1: Invalid train.augment.crop-area-max: 2.0 (must be in (0, 1])~a.conf:1: Invalid train.augment.flip: 2.0 (must be in [0, 1])",
        "train.augment { policy = randaugment, policy-form = timm, magnitude = 11, magnitude-stddev = -1, layers = 0 } | a.conf:1: Invalid train.augment.magnitude: 11.0 (must be in [0, 10])~a.conf:1: Invalid train.augment.magnitude-stddev: -1.0 (must be >= 0)~a.conf:1: Invalid train.augment.layers: 0 (must be > 0)",
        "train.augment { policy = randaugment, magnitude = 101, color-jitter = -1, lighting = -1, random-erasing = 2 } | a.conf:1: Invalid train.augment.magnitude: 101.0 (must be in [0, 100])~a.conf:1: Invalid train.augment.color-jitter: -1.0 (must be >= 0)~a.conf:1: Invalid train.augment.lighting: -1.0 (must be >= 0)~a.conf:1: Invalid train.augment.random-erasing: 2.0 (must be in [0, 1])",
        "train.augment { mixup-alpha = -1, cutmix-alpha = -1, policy = cutout } | a.conf:1: Invalid train.augment.policy: \"cutout\" (must be one of augmix, autoaugment, none, randaugment, trivialaugment)~a.conf:1: Invalid train.augment.mixup-alpha: -1.0 (must be >= 0)~a.conf:1: Invalid train.augment.cutmix-alpha: -1.0 (must be >= 0)",
        "train.loader { threads = 0, queue-batches = 0 } | a.conf:1: Invalid train.loader.threads: 0 (must be > 0)~a.conf:1: Invalid train.loader.queue-batches: 0 (must be > 0)",
        "train.checkpoint { every-epochs = 2, keep-every-epochs = 3 } | a.conf:1: Invalid train.checkpoint.keep-every-epochs: 3 (must be a multiple of train.checkpoint.every-epochs = 2, or 0)",
        "data.source.minival-fraction = 1 | a.conf:1: Invalid data.source.minival-fraction: 1.0 (must be in [0, 1))",
        "train.checkpoint { every-epochs = 0, every-rounds = -1, keep = 0 } | a.conf:1: Invalid train.checkpoint.every-epochs: 0 (must be > 0)~a.conf:1: Invalid train.checkpoint.every-rounds: -1 (must be >= 0)~a.conf:1: Invalid train.checkpoint.keep: 0 (must be > 0)",
        "evaluate { split = test, batch-size = 0, crop-fraction = 0, top-k = [0] } | a.conf:1: Invalid evaluate.split: test (must be train, val or minival)~a.conf:1: Invalid evaluate.batch-size: 0 (must be > 0)~a.conf:1: Invalid evaluate.crop-fraction: 0.0 (must be in (0, 1])~a.conf:1: Invalid evaluate.top-k: [0] (must be a list of numbers > 0, not empty)",
        "evaluate { resolution = -1, precision = fp16, weights = mean, interpolation = area, predictions = yes } | a.conf:1: Invalid evaluate.interpolation: \"area\" (must be one of bicubic, bilinear)~a.conf:1: Invalid evaluate.weights: \"mean\" (must be one of both, ema, raw)~a.conf:1: Invalid evaluate.precision: \"fp16\" (must be one of bf16, fp32)~a.conf:1: Invalid evaluate.predictions: \"yes\" (must be one of none, write)~a.conf:1: Invalid evaluate.resolution: -1 (must be >= 0)",
        "evaluate { class-match = some, sets = [\"no place\"] } | a.conf:1: Invalid evaluate.sets: \"[no place]\" (must be a list of NAME=SHARDS#SPLIT)~a.conf:1: Invalid evaluate.class-match: \"some\" (must be one of exact, restricted, subset)",
        "evaluate.sets = [\"val=x\"] | a.conf:1: Invalid evaluate.sets: [val] (must be of names that differ, also from evaluate.split)",
        "evaluate.views { crops = nine, fractions = [2] } | a.conf:1: Invalid evaluate.views.crops: \"nine\" (must be one of centre, ten-crop)~a.conf:1: Invalid evaluate.views.fractions: [2.0] (must be each in (0, 1])",
        "evaluate.latency { measure = yes, batch-size = 0, threads = 0, runs = 0, price-per-hour = -1 } | a.conf:1: Invalid evaluate.latency.measure: \"yes\" (must be one of off, on)~a.conf:1: Invalid evaluate.latency.batch-size: 0 (must be > 0)~a.conf:1: Invalid evaluate.latency.threads: 0 (must be > 0)~a.conf:1: Invalid evaluate.latency.runs: 0 (must be > 0)~a.conf:1: Invalid evaluate.latency.price-per-hour: -1.0 (must be >= 0)",
        "evaluate.report { examples = 13, published = maybe } | a.conf:1: Invalid evaluate.report.published: \"maybe\" (must be one of auto, hide, show)~a.conf:1: Invalid evaluate.report.examples: 13 (must be in [0, 12])",
        "study.phi = [] | a.conf:1: Invalid study.phi: [] (must be a list of numbers, not empty)",
        "study.phi = [1, 1] | a.conf:1: Invalid study.phi: [1.0, 1.0] (must be without repetition)",
        "study { phi = [0], axes = [height] } | a.conf:1: Invalid study.axes: \"[height]\" (must be a list of compound, depth, resolution, width)",
        "study.axes = [] | a.conf:1: Invalid study.axes: [] (must be a list of axes, not empty)",
        "study.axes = [width, width] | a.conf:1: Invalid study.axes: [width, width] (must be without repetition)",
        "study { seeds = [1, 1], data-fractions = [0], concurrent = -1, calibration-steps = 0 } | a.conf:1: Invalid study.seeds: [1, 1] (must be without repetition)~a.conf:1: Invalid study.data-fractions: [0.0] (must be in (0, 1])~a.conf:1: Invalid study.concurrent: -1 (must be >= 0)~a.conf:1: Invalid study.calibration-steps: 0 (must be > 0)",
        "study.budget { epochs = [5], flops = [1e15] } | a.conf:1: Invalid study.budget.flops: [1.0E15] (must be [] where study.budget.epochs is set: a budget is in epochs, images or FLOPs)",
        "study.budget { images = [0] } | a.conf:1: Invalid study.budget.images: [0] (must be > 0)",
        "study { axes = [depth], phi = [1], search.alpha = [1.2] } | a.conf:1: Invalid study.axes: [depth] (must be [compound] where study.search is a grid: equal FLOPs would be those of several compound networks)",
        "study.search.alpha = [1.2] | Invalid study.phi: [0.0, 1.0, 2.0] (must be one value where study.search is a grid: constants are compared at one phi, 1 in the paper)",
        "study.search { beta = [0.9], gamma = [1, 1], product = 0, tolerance = -1, keep = 0 } | a.conf:1: Invalid study.search.beta: [0.9] (must be a list of numbers >= 1)~a.conf:1: Invalid study.search.gamma: [1.0, 1.0] (must be without repetition)~a.conf:1: Invalid study.search.product: 0.0 (must be > 0)~a.conf:1: Invalid study.search.tolerance: -1.0 (must be >= 0)~a.conf:1: Invalid study.search.keep: 0.0 (must be in (0, 1])",
        "study { phi = [1], search { alpha = [1.2], keep = 0.5 } } | a.conf:1: Invalid study.search.keep: 0.5 (must be 1 where study.budget has not several values to go on to)",
        "network { width = 0, name = \"a b\" } | a.conf:1: Invalid network.width: 0.0 (must be > 0)~a.conf:1: Invalid network.name: \"a b\" (must be letters, digits, '.', '_' and '-')",
        "network { depth = 2, phi = 1 } | a.conf:1: Invalid network.depth: 2 (must be unset when network.variant or network.phi is set: they say it)",
        "train.data-fraction = 0 | a.conf:1: Invalid train.data-fraction: 0.0 (must be in (0, 1])",
        "study.phi = [21] | a.conf:1: Invalid study.phi: [21.0] (must be within [-20, 20])",
        "storage.s3.secret-key = hush | Invalid storage.s3.access-key: \"\" (must be set when"
            + " storage.s3.secret-key is)",
        "storage.s3.access-key = me | Invalid storage.s3.secret-key: \"\" (must be set when"
            + " storage.s3.access-key is)",
        "storage.properties = 5 | a.conf:1: Invalid storage.properties: 5 (must be a section:"
            + " storage.properties { ... })",
        "spark.app-name = \"\" | a.conf:1: Invalid spark.app-name: \"\" (must be not empty)",
        "spark.deadline = 0 s | a.conf:1: Invalid spark.deadline: PT0S (must be > 0)",
      })
  void brokenRulesNameKeyValueAndRule(String text, String expected) throws IOException {
    assertThat(problems(file(text))).containsExactly(expected.split("~"));
  }

  @Test
  void syntaxErrorsAndMissingFilesAreProblems() throws IOException {
    assertThatThrownBy(() -> file("train {\n  epochs = \n"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith(folder + "/a.conf:")
        .hasMessageNotContaining("\n");
    assertThatThrownBy(() -> new ConfigurationLoader().file("no/such.conf"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessage("Cannot read configuration no/such.conf: no such file");
    assertThatThrownBy(() -> new ConfigurationLoader().file("s3a://bucket/a.conf"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessage(
            "Cannot read configuration s3a://bucket/a.conf: Cannot read s3a://bucket/a.conf: only"
                + " local files can be read here");
    assertThat(problems(file("data.source.train = ${NO_SUCH_VARIABLE}\"/x\"")))
        .singleElement()
        .asString()
        .startsWith("a.conf:1: ")
        .contains("${NO_SUCH_VARIABLE}");
  }

  @Test
  void otherFileSystemsAreReadThroughTheFunction() {
    PhiscaleConfiguration configuration =
        new ConfigurationLoader(
                uri -> uri.toString().equals("s3a://bucket/a.conf") ? "train.epochs = 9" : "")
            .file("s3a://bucket/a.conf")
            .load();

    assertThat(configuration.train().epochs()).isEqualTo(9);
    assertThat(
            problems(new ConfigurationLoader(uri -> "x = 1\n\ny = 2").file("s3a://bucket/a.conf")))
        .containsExactly(
            "s3a://bucket/a.conf:1: Unknown key x (did you mean name?)",
            "s3a://bucket/a.conf:3: Unknown key y (did you mean name?)");
  }

  @Test
  void filesMayIncludeOthersAndSeeWherePhiscaleLies() throws IOException {
    Files.writeString(folder.resolve("base.conf"), "train.epochs = 9");

    PhiscaleConfiguration configuration =
        file("include \"base.conf\"\ndata.source.train = ${phiscale.data}\"/train.tar\"").load();

    assertThat(configuration.train().epochs()).isEqualTo(9);
    assertThat(configuration.data().source().train().toString())
        .startsWith("file:///")
        .endsWith("/jobs/src/quickstart/train.tar");
  }

  @Test
  void secretsAreNeverShown() throws IOException {
    PhiscaleConfiguration configuration =
        file("""
        train.output = "s3a://id:hush@bucket/run"
        storage {
          s3 { access-key = hush-id, secret-key = hush, endpoint = "https://127.0.0.1:1" }
          properties { "fs.s3a.session.token" = hush, fs.s3a.threads.max = 5 }
        }
        spark.properties { "spark.ssl.keyPassword" = hush, spark.executor.memory = 2g }
        """)
            .load();

    assertThat(configuration.effectiveValues())
        .containsEntry("storage.s3.secret-key", "********")
        .containsEntry("storage.s3.access-key", "********")
        .containsEntry("storage.properties.fs.s3a.session.token", "********")
        .containsEntry("storage.properties.fs.s3a.threads.max", "5")
        .containsEntry("spark.properties.spark.ssl.keyPassword", "********")
        .containsEntry("spark.properties.spark.executor.memory", "2g")
        .containsEntry("train.output", "s3a://********@bucket/run");
    assertThat(configuration.effectiveValues().toString()).doesNotContain("hush");
    assertThat(configuration.storage().toString()).doesNotContain("hush");
    assertThat(configuration.spark().toString()).doesNotContain("hush");
    assertThat(configuration.values().toString()).doesNotContain("hush");
    assertThat(configuration.storage().hadoopProperties())
        .containsEntry("fs.s3a.secret.key", "hush")
        .containsEntry("fs.s3a.endpoint", "https://127.0.0.1:1")
        .containsEntry("fs.s3a.committer.name", "magic")
        .containsEntry("fs.s3a.threads.max", "5")
        .doesNotContainKey("fs.s3a.endpoint.region");
    assertThatThrownBy(() -> configuration.override(Map.of("storage.s3.secret-key", "[1]")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageNotContaining("[1]");
  }

  @Test
  void committersOfS3aAreSetOnlyWhereAnOutputIsThere() {
    assertThat(new ConfigurationLoader().load().sparkProperties())
        .doesNotContainKey("spark.sql.sources.commitProtocolClass");

    assertThat(new ConfigurationLoader().set("data.shards=s3a://b/x").load().sparkProperties())
        .containsEntry(
            "spark.sql.sources.commitProtocolClass",
            "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol")
        .containsEntry(
            "spark.sql.parquet.output.committer.class",
            "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter")
        .containsEntry("spark.hadoop.fs.s3a.committer.name", "magic");
  }

  @Test
  void masterIsConfiguredOrSubmittedOrLocal() {
    SparkSection none = new SparkSection("", "phiscale", Duration.ofMinutes(30), Map.of());

    assertThat(none.masterOr(null, 3)).isEqualTo("local[3]");
    assertThat(none.masterOr("yarn", 3)).isEqualTo("yarn");
    assertThat(
            new SparkSection("local[1]", "phiscale", Duration.ofMinutes(30), Map.of())
                .masterOr("yarn", 3))
        .isEqualTo("local[1]");
  }

  @Test
  void overridesAreLaidOverAndDerivedDefaultsFollow() throws IOException {
    PhiscaleConfiguration configuration = file("network.variant = b1, train.seed = 5").load();

    PhiscaleConfiguration cell =
        configuration.override(
            Map.of("network.variant", "null", "network.phi", "1.5", "train.output", "runs/cell"));

    assertThat(cell.network().scaling()).isEqualTo(new NetworkSection.Scaling.Compound(1.5));
    assertThat(cell.train().seed()).isEqualTo(5);
    assertThat(cell.evaluate().checkpoint()).isEqualTo(cell.train().output());
    assertThat(cell.digest()).isNotEqualTo(configuration.digest()).hasSize(64);
    assertThatThrownBy(() -> configuration.override(Map.of("network.fi", "1")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessage("--set: Unknown key network.fi (did you mean network.phi?)");
  }

  @Test
  void equalConfigurationsHaveEqualDigests() throws IOException {
    assertThat(file("train.seed = 5").load().digest())
        .isEqualTo(new ConfigurationLoader().set("train.seed=5").load().digest());
  }

  @Test
  void survivesJavaSerialization() throws Exception {
    PhiscaleConfiguration configuration =
        new ConfigurationLoader().set("spark.properties.spark.x=1").set("network.phi=1").load();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(configuration);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(in.readObject()).isEqualTo(configuration);
    }
  }

  @Test
  void everyKeyOfTheDefaultsIsCommented() throws IOException {
    List<String> lines;
    try (InputStream in =
        ConfigurationLoader.class.getResourceAsStream("/" + ConfigurationLoader.DEFAULTS)) {
      lines = new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
    List<String> uncommented = new ArrayList<>();
    for (int i = 1; i < lines.size(); i++) {
      // A second key right under a commented one shares its comment: access-key and secret-key.
      String above = lines.get(i - 1).strip();
      if (lines.get(i).contains(" = ") && !lines.get(i).strip().startsWith("#")) {
        if (!above.startsWith("#")
            && !(above.contains(" = ") && i > 1 && lines.get(i - 2).strip().startsWith("#"))) {
          uncommented.add(lines.get(i).strip());
        }
      }
    }
    assertThat(uncommented).isEmpty();
    assertThat(lines).hasSizeGreaterThan(200);
  }

  @ParameterizedTest
  @CsvSource({"kitten,sitting,3", "'',abc,3", "abc,abc,0", "train.epoch,train.epochs,1"})
  void editDistanceIsLevenshteins(String left, String right, int distance) {
    assertThat(EditDistance.between(left, right)).isEqualTo(distance);
    assertThat(EditDistance.between(right, left)).isEqualTo(distance);
  }
}
