package io.phiscale.jobs.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.phiscale.jobs.config.ConfigurationException;
import io.phiscale.jobs.config.PhiscaleConfiguration;
import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointInfo;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.jobs.run.Origin;
import io.phiscale.jobs.run.Progress;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.weights.SafeTensors;
import io.phiscale.model.weights.Tensor;
import io.phiscale.model.weights.TorchLayout;
import io.phiscale.model.weights.TorchWeights;
import io.phiscale.pipeline.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What of a file or checkpoint is taken over, and what is refused. */
class InitialWeightsTest {
  private static final Storage STORAGE = Storage.of(Map.of());
  private static final int CLASSES = 3;

  @TempDir Path folder;

  private PhiscaleConfiguration configuration(String weights, String... more) {
    Map<String, String> values = new TreeMap<>(LocalSpark.tinyTraining());
    values.put("network.batch-norm.epsilon", "1e-5");
    values.put("train.initial-weights", folder.resolve(weights).toString());
    values.put("train.freeze", "features");
    for (int i = 0; i < more.length; i += 2) {
      values.put(more[i], more[i + 1]);
    }
    return LocalSpark.configuration(folder, values);
  }

  private static NetworkPlan plan(PhiscaleConfiguration configuration) {
    return NetworkPlan.of(configuration.network(), CLASSES);
  }

  private static InitialWeights read(PhiscaleConfiguration configuration) throws IOException {
    NetworkPlan plan = plan(configuration);
    return InitialWeights.read(
        STORAGE,
        configuration.train(),
        plan,
        EfficientNets.initialParameters(plan.spec(), configuration.train().seed()));
  }

  private String failure(String weights, String... more) {
    PhiscaleConfiguration configuration = configuration(weights, more);
    ConfigurationException failure =
        catchThrowableOfType(ConfigurationException.class, () -> read(configuration));
    return failure.getMessage().replace(folder + "/", "");
  }

  /** Distinct values, all finite. */
  private static float[] values(NetworkSpec network) {
    float[] values = new float[EfficientNets.parameterLayout(network).length()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i + 1) * 0x1p-14f;
    }
    return values;
  }

  private void write(String name, Map<String, Tensor> tensors) throws IOException {
    try (OutputStream file = Files.newOutputStream(folder.resolve(name))) {
      SafeTensors.write(file, tensors);
    }
  }

  private NetworkSpec network(int classes) {
    return plan(configuration("unused")).spec().withClasses(classes);
  }

  private void checkpoint(String name, NetworkSpec network, float[] parameters) throws IOException {
    new CheckpointStore(STORAGE, folder.resolve(name).toUri())
        .publish(
            new Checkpoint(
                new CheckpointInfo(
                    CheckpointInfo.SCHEMA_VERSION,
                    network,
                    plan(configuration("unused")).identity(),
                    IntStream.range(0, network.classes()).mapToObj(String::valueOf).toList(),
                    Progress.START,
                    0,
                    "",
                    "",
                    Origin.DRAWN,
                    0,
                    0,
                    0,
                    0,
                    ""),
                parameters,
                new float[0],
                new float[0],
                new float[0]));
  }

  @ParameterizedTest
  @EnumSource(TorchLayout.class)
  void ofAFileWithOtherClassesTheFeaturesAreTaken(TorchLayout layout) throws Exception {
    NetworkSpec theirs = network(7);
    float[] values = values(theirs);
    write("w.safetensors", new TorchWeights(theirs, layout).tensors(values));
    PhiscaleConfiguration configuration = configuration("w.safetensors");
    float[] drawn = EfficientNets.initialParameters(plan(configuration).spec(), 0);

    InitialWeights read = read(configuration);

    int features = drawn.length - CLASSES * 33;
    assertThat(Arrays.copyOf(read.parameters(), features))
        .isEqualTo(Arrays.copyOf(values, features));
    assertThat(Arrays.copyOfRange(read.parameters(), features, drawn.length))
        .isEqualTo(Arrays.copyOfRange(drawn, features, drawn.length));
    assertThat(read.description().replace(folder + "/", ""))
        .isEqualTo(
            "initial weights from w.safetensors (%s tensors of %s's layout), a new classifier for 3"
                + " classes (there 7)",
            new TorchWeights(theirs, layout).shapes().size(),
            layout.name().toLowerCase(Locale.ROOT));
    assertThat(read.origin().classifier()).isEqualTo(Origin.Classifier.NEW);
    assertThat(read.origin().initialWeightsSha256())
        .isEqualTo(
            HexFormat.of()
                .formatHex(
                    MessageDigest.getInstance("SHA-256")
                        .digest(Files.readAllBytes(folder.resolve("w.safetensors")))));
  }

  @Test
  void theClassifierComesTooWhereItFitsUnlessANewOneIsAskedFor() throws IOException {
    NetworkSpec network = network(CLASSES);
    float[] values = values(network);
    write("w.safetensors", new TorchWeights(network, TorchLayout.TORCHVISION).tensors(values));
    checkpoint("run", network.withResolutionPx(32).withDropout(0.4), values);

    for (String weights : List.of("w.safetensors", "run")) {
      assertThat(read(configuration(weights)).parameters()).isEqualTo(values);
      assertThat(read(configuration(weights)).description())
          .endsWith("the classifier too (3 classes)");
      InitialWeights fresh = read(configuration(weights, "train.initial-classifier", "new"));
      float[] drawn = EfficientNets.initialParameters(network, 0);
      assertThat(fresh.parameters()[values.length - 4]).isEqualTo(drawn[values.length - 4]);
      assertThat(fresh.parameters()[0]).isEqualTo(values[0]);
      assertThat(fresh.description()).endsWith("a new classifier for 3 classes (there 3)");
    }
  }

  @Test
  void anUnusualConventionForSuchAFileIsPointedOut() throws IOException {
    NetworkSpec network = network(CLASSES);
    float[] values = values(network);
    write("v.safetensors", new TorchWeights(network, TorchLayout.TORCHVISION).tensors(values));
    write("t.safetensors", new TorchWeights(network, TorchLayout.TIMM).tensors(values));

    assertThat(
            read(configuration("v.safetensors", "network.batch-norm.epsilon", "1e-3"))
                .description())
        .endsWith(
            "; torchvision trains with symmetric padding and epsilon 1.0E-5, this run has symmetric"
                + " and 0.001: see network.padding and network.batch-norm.epsilon");
    assertThat(read(configuration("t.safetensors", "network.padding", "same")).description())
        .endsWith(
            "; timm trains with symmetric padding and epsilon 1.0E-5, or same and 0.001 (tf_"
                + " models), this run has same and 1.0E-5: see network.padding and"
                + " network.batch-norm.epsilon");
    assertThat(
            read(configuration(
                    "t.safetensors",
                    "network.padding",
                    "same",
                    "network.batch-norm.epsilon",
                    "1e-3"))
                .description())
        .endsWith("the classifier too (3 classes)");
  }

  @Test
  void whatDoesNotFitIsNamed() throws IOException {
    NetworkSpec network = network(CLASSES);
    float[] values = values(network);
    Map<String, Tensor> tensors =
        new TorchWeights(network, TorchLayout.TORCHVISION).tensors(values);
    String start = "Cannot start from train.initial-weights = ";

    assertThat(failure("none.pth"))
        .isEqualTo(start + "none.pth: there is no such file or directory");
    Files.writeString(folder.resolve("w.bin"), "no");
    assertThat(failure("w.bin"))
        .isEqualTo(
            start
                + "w.bin: it must be a run directory, a checkpoint, or a file that ends in"
                + " .safetensors, .pth or .pt");

    Map<String, Tensor> without = new LinkedHashMap<>(tensors);
    without.remove("features.1.0.block.0.0.weight");
    write("less.safetensors", without);
    assertThat(failure("less.safetensors"))
        .isEqualTo(
            start
                + "less.safetensors: Invalid weights for custom-phi-0: no tensor"
                + " features.1.0.block.0.0.weight");
    without.remove("classifier.1.weight");
    write("headless.safetensors", without);
    assertThat(failure("headless.safetensors"))
        .endsWith("Invalid weights for custom-phi-0: no tensor classifier.1.weight");
    without.put("classifier.1.weight", Tensor.of(List.of(2), new float[2]));
    write("flat.safetensors", without);
    assertThat(failure("flat.safetensors"))
        .endsWith(
            "Invalid tensor classifier.1.weight for custom-phi-0: shape [2] (must be [classes,"
                + " 32])");
    write("other.safetensors", Map.of("x", Tensor.of(List.of(2), new float[2])));
    assertThat(failure("other.safetensors"))
        .contains("other.safetensors: Not an EfficientNet of torchvision or timm");

    write("w.safetensors", tensors);
    assertThat(failure("w.safetensors", "network.custom.head-filters", "48"))
        .endsWith("shape [32, 16, 1, 1] (must be [48, 16, 1, 1])")
        .contains("Invalid tensor features.4.0.weight for custom-phi-0");
  }

  @Test
  void aCheckpointOfAnotherNetworkIsRefused() throws IOException {
    NetworkSpec network = network(CLASSES);
    String start = "Cannot start from train.initial-weights = run: ";
    checkpoint("run", network, values(network));

    assertThat(failure("run", "network.custom.head-filters", "48"))
        .isEqualTo(
            start
                + "its network custom-phi-0 is not custom-phi-0: its tensor head/conv/weight has"
                + " the shape [1, 1, 16, 32] (must be [1, 1, 16, 48])");
    assertThat(
            failure(
                "run",
                "network.custom.blocks",
                "[r1_k3_s11_e1_i8_o8_se0.25, r1_k3_s22_e2_i8_o16_se0.25,"
                    + " r2_k3_s11_e2_i16_o16_se0.25]"))
        .isEqualTo(
            start
                + "its network custom-phi-0 is not custom-phi-0: it has no tensor"
                + " block_03/expand/weight");
    assertThat(
            failure(
                "run",
                "network.custom.blocks",
                "[r1_k3_s11_e1_i8_o8_se0.25, r1_k3_s22_e2_i8_o16_se0.25]"))
        .contains("it has a tensor block_02/expand/weight besides");
    assertThat(failure("run", "network.padding", "same", "network.batch-norm.epsilon", "1e-3"))
        .isEqualTo(
            start
                + "its network has network.padding = symmetric, this configuration same;"
                + " network.batch-norm.epsilon = 1.0E-5, this configuration 0.001");
    assertThat(failure("run", "network.custom.stem-stride", "2"))
        .isEqualTo(start + "its network has the stem's stride = 1, this configuration 2");
    assertThat(
            failure(
                "run",
                "network.custom.blocks",
                "[r1_k3_s11_e1_i8_o8_se0.25, r1_k3_s11_e2_i8_o16_se0.25,"
                    + " r1_k3_s11_e2_i16_o16_se0.25]"))
        .contains("its network has the blocks = [r1_k3_s11_e1_i8_o8_se0.25, r1_k3_s22");

    float[] values = values(network);
    values[5] = Float.NaN;
    checkpoint("nan", network, values);
    assertThat(failure("nan"))
        .isEqualTo(
            "Cannot start from train.initial-weights = nan: stem/conv/weight holds NaN (must be"
                + " finite)");
    Files.createDirectories(folder.resolve("empty"));
    assertThatThrownBy(() -> read(configuration("empty")))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessageContaining("No checkpoint at");
  }

  @Test
  void conventionsOfTorchvision() {
    assertThat(BatchNormConvention.ofTorchvision(EfficientNetVariant.B4))
        .isEqualTo(BatchNormConvention.TORCH);
    assertThat(BatchNormConvention.ofTorchvision(EfficientNetVariant.B5))
        .isEqualTo(BatchNormConvention.TENSORFLOW);
    assertThat(plan(configuration("unused")).spec().padding()).isEqualTo(Padding.SYMMETRIC);
  }
}
