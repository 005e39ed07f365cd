package io.phiscale.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every file in {@code conf/} loads, and says what it is. */
class ExperimentFilesTest {
  private static final Path CONF = Path.of("..", "conf");

  private static PhiscaleConfiguration load(String name) {
    return new ConfigurationLoader().file(CONF.resolve(name).toString()).load();
  }

  static List<Path> experiments() throws IOException {
    try (Stream<Path> files = Files.list(CONF)) {
      return files
          .filter(file -> file.toString().endsWith(".conf"))
          .filter(file -> !file.endsWith("spark-defaults.conf"))
          .sorted()
          .toList();
    }
  }

  @Test
  void allAreThere() throws IOException {
    assertThat(experiments())
        .extracting(file -> file.getFileName().toString())
        .contains(
            "cifar10.conf",
            "fine-tune-b0.conf",
            "imagenet-b0.conf",
            "clothing-study.conf",
            "imagenet-phi-curve.conf",
            "imagenet-phi-study.conf",
            "imagenet-search.conf",
            "imagenet-table3.conf",
            "imagenet-table7.conf",
            "quickstart.conf");
  }

  @ParameterizedTest
  @MethodSource("experiments")
  void loadsUnderItsOwnNameWithAHeader(Path file) throws IOException {
    PhiscaleConfiguration configuration = load(file.getFileName().toString());

    assertThat(configuration.name() + ".conf").isEqualTo(file.getFileName().toString());
    assertThat(configuration.data().source().isConfigured()).isTrue();
    assertThat(configuration.data().source().validation())
        .isInstanceOf(DataSection.Validation.Separate.class);
    assertThat(Files.readString(file))
        .contains("# Paper     ", "# Command   ", "# Time      ", "# Score     ");
  }

  /** The examples of docs/data-sources.md, one per layout. */
  static List<String> documentedSources() throws IOException {
    return Pattern.compile("```hocon\\R(.*?)```", Pattern.DOTALL)
        .matcher(Files.readString(Path.of("..", "docs", "data-sources.md")))
        .results()
        .map(example -> example.group(1))
        .toList();
  }

  private static DataSection.Source documented(String example, Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("example.conf"), example);
    return new ConfigurationLoader().file(file.toString()).load().data().source();
  }

  @ParameterizedTest
  @MethodSource("documentedSources")
  void documentedExamplesLoad(String example, @TempDir Path folder) throws IOException {
    assertThat(documented(example, folder).isConfigured()).isTrue();
  }

  @Test
  void everyNewLayoutHasADocumentedExample(@TempDir Path folder) throws IOException {
    EnumSet<DataSection.Layout> layouts = EnumSet.noneOf(DataSection.Layout.class);
    for (String example : documentedSources()) {
      DataSection.Source source = documented(example, folder);
      layouts.add(source.layout());
      if (source.validation() instanceof DataSection.Validation.Separate separate) {
        layouts.add(separate.layout());
      }
    }
    // Two need no more than the table at the top of the page.
    assertThat(EnumSet.complementOf(layouts))
        .containsExactlyInAnyOrder(
            DataSection.Layout.CLASS_FOLDERS, DataSection.Layout.NAME_PREFIX);
  }

  @Test
  void quickstartUsesTheBundledImages() {
    DataSection.Source source = load("quickstart.conf").data().source();

    assertThat(source.layout()).isEqualTo(DataSection.Layout.IMAGENET_TAR);
    assertThat(source.train().getPath()).endsWith("/jobs/src/quickstart/fashion-mnist/train.tar");
    assertThat(Path.of("src/quickstart/fashion-mnist/train.tar")).isRegularFile();
    assertThat(((DataSection.Validation.Separate) source.validation()).location().getPath())
        .endsWith("/jobs/src/quickstart/fashion-mnist/validation.tar");
  }

  @Test
  void fineTuningFreezesFeaturesInTorchvisionsConvention() {
    PhiscaleConfiguration configuration = load("fine-tune-b0.conf");

    assertThat(configuration.train().hasInitialWeights()).isTrue();
    assertThat(configuration.train().freeze()).isEqualTo(TrainSection.Freeze.FEATURES);
    assertThat(configuration.train().frozenBatchNorm())
        .isEqualTo(TrainSection.FrozenBatchNorm.INFERENCE);
    assertThat(configuration.network().padding()).isEqualTo(NetworkSection.Padding.SYMMETRIC);
    assertThat(configuration.network().batchNorm().epsilon()).isEqualTo(1e-5);
  }

  @Test
  void imagenetB0IsThePublishedRecipe() {
    PhiscaleConfiguration configuration = load("imagenet-b0.conf");

    assertThat(configuration.network().scaling())
        .isEqualTo(new NetworkSection.Scaling.Published("b0"));
    assertThat(configuration.network().padding()).isEqualTo(NetworkSection.Padding.SAME);
    assertThat(configuration.train().globalBatchSize()).isEqualTo(4096);
    assertThat(configuration.train().learningRate().peak(4096)).isEqualTo(0.256);
    assertThat(configuration.train().optimizer())
        .isEqualTo(
            new TrainSection.Optimizer(
                TrainSection.Optimizer.Name.RMSPROP, 0.9, false, 0.9, 1e-3, 0.9, 0.999, 1e-3));
    assertThat(configuration.network().stochasticDepth()).isEqualTo(0.2);
    assertThat(configuration.network().batchNorm())
        .isEqualTo(new NetworkSection.BatchNorm(1e-3, 0.99));
    TrainSection train = configuration.train();
    assertThat(train.epochs()).isEqualTo(350);
    assertThat(train.learningRate())
        .isEqualTo(
            new TrainSection.LearningRate(
                0.016,
                256,
                TrainSection.LearningRate.Schedule.EXPONENTIAL,
                5,
                0.97,
                2.4,
                List.of(),
                0.1));
    assertThat(train.weightDecay()).isEqualTo(1e-5);
    assertThat(train.weightDecayExclusion())
        .isEqualTo(TrainSection.WeightDecayExclusion.BATCH_NORM);
    assertThat(train.gradientClipNorm()).isInfinite();
    assertThat(train.labelSmoothing()).isEqualTo(0.1);
    assertThat(train.emaDecay()).isEqualTo(0.9999);
    assertThat(train.augment().policy().name()).isEqualTo(TrainSection.Policy.Kind.AUTOAUGMENT);
    assertThat(train.augment().policy().form()).isEqualTo(TrainSection.Policy.Form.TPU);
    assertThat(train.averaging().batchNorm())
        .isEqualTo(TrainSection.Averaging.BatchNorm.RECALIBRATE);
    assertThat(configuration.sparkProperties())
        .containsKey("spark.sql.parquet.output.committer.class");
  }

  @Test
  void sparkDefaultsAndLoggingAreReadable() throws IOException {
    Properties spark = new Properties();
    Properties logging = new Properties();
    try (var sparkReader = Files.newBufferedReader(CONF.resolve("spark-defaults.conf"));
        var loggingReader = Files.newBufferedReader(CONF.resolve("log4j2.properties"))) {
      spark.load(sparkReader);
      logging.load(loggingReader);
    }

    assertThat(spark.stringPropertyNames()).isNotEmpty().allMatch(key -> key.startsWith("spark."));
    assertThat(logging).containsEntry("logger.phiscale.level", "info");
    assertThat(logging).containsEntry("logger.apache.level", "warn");
  }
}
