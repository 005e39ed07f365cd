package io.phiscale.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.jobs.run.Checkpoint;
import io.phiscale.jobs.run.CheckpointStore;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BatchNormConvention;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.weights.SafeTensors;
import io.phiscale.model.weights.Tensor;
import io.phiscale.model.weights.TorchLayout;
import io.phiscale.model.weights.TorchWeights;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConvertCommandTest {
  @TempDir Path folder;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private float[] parameters;

  @BeforeEach
  void files() throws IOException {
    TorchWeights names =
        new TorchWeights(
            NetworkSpec.efficientNet(EfficientNetVariant.B0, 3), TorchLayout.TORCHVISION);
    parameters = new float[names.length()];
    for (int i = 0; i < parameters.length; i++) {
      parameters[i] = i * 0x1p-23f;
    }
    try (OutputStream file = Files.newOutputStream(folder.resolve("b0.safetensors"))) {
      SafeTensors.write(file, names.tensors(parameters));
    }
    Files.writeString(folder.resolve("labels.txt"), "cat\ndog\nowl\n");
    Files.writeString(folder.resolve("not.pth"), "no");
    Files.writeString(folder.resolve("x.bin"), "no");
  }

  private int run(String line) {
    PrintWriter outWriter = new PrintWriter(out, true);
    PrintWriter errWriter = new PrintWriter(err, true);
    return new Phiscale(
            () -> {
              throw new IllegalStateException("No job is needed");
            },
            new Console(outWriter, errWriter, Console.Terminal.PLAIN))
        .execute(outWriter, errWriter, line.replace("@", folder + "/").split(" ", -1));
  }

  private Checkpoint checkpoint(String run) throws IOException {
    return CheckpointStore.open(Storage.of(Map.of()), folder.resolve(run).toUri());
  }

  @Test
  void aFileBecomesACheckpointAndThatTheSameFile() throws IOException {
    assertThat(run("convert --input @b0.safetensors --output @run --model b0 --labels @labels.txt"))
        .as(err.toString())
        .isZero();

    Checkpoint checkpoint = checkpoint("run");
    assertThat(checkpoint.parameters()).isEqualTo(parameters);
    assertThat(checkpoint.info().classNames()).isEqualTo(List.of("cat", "dog", "owl"));
    assertThat(checkpoint.info().network())
        .isEqualTo(
            NetworkSpec.efficientNet(EfficientNetVariant.B0, 3)
                .withPadding(Padding.SYMMETRIC)
                .withBatchNorm(BatchNormConvention.TORCH));
    assertThat(out.toString())
        .contains("Imported 311 tensors of torchvision's layout", "Run: " + folder + "/run");

    assertThat(run("convert --input @run --output @again.safetensors")).isZero();
    assertThat(folder.resolve("again.safetensors"))
        .hasSameBinaryContentAs(folder.resolve("b0.safetensors"));

    assertThat(run("convert --input @run --output @timm.safetensors --layout timm")).isZero();
    assertThat(
            run(
                "convert --input @timm.safetensors --output @tf --model b0 --classes 3"
                    + " --convention tf"))
        .isZero();
    assertThat(checkpoint("tf").parameters()).isEqualTo(parameters);
    assertThat(checkpoint("tf").info().classNames()).isEqualTo(List.of("0", "1", "2"));
    assertThat(checkpoint("tf").info().network())
        .isEqualTo(NetworkSpec.efficientNet(EfficientNetVariant.B0, 3));
    assertThat(err.toString()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1 | --input @no.pth --output @o --model b0 | No such file or directory: @no.pth",
        "1 | --input @b0.safetensors --output @x.bin --model b0 | Will not overwrite @x.bin: remove it first",
        "1 | --input @not.pth --output @o --model b0 | Cannot read @not.pth: not a whole file of torch.save: 2 bytes (must be from 4 to 2^31 - 1)",
        "1 | --input @b0.safetensors --output @o --model b0 | Invalid tensor classifier.1.weight for efficientnet-b0: shape [3, 1280] (must be [1000, 1280])",
        "1 | --input @b0.safetensors --output @o --model b1 --classes 3 | Invalid weights for efficientnet-b1: no tensor features.1.1.block.0.0.weight, features.1.1.block.0.1.weight, features.1.1.block.0.1.bias, ... (128 in all)",
        "2 | --input @b0.safetensors --output @o | Missing option --model: which network are these weights of? (b0 to b7) (see phiscale convert --help)",
        "2 | --input @x.bin --output @o --model b0 | Invalid value for option '--input': @x.bin (must be a directory or end in .safetensors, .pth, .pt or .zip) (see phiscale convert --help)",
        "2 | --input @b0.safetensors --output @o --model b8 | Invalid EfficientNet variant: b8 (must be one of b0, b1, b2, b3, b4, b5, b6, b7) (see phiscale convert --help)",
        "2 | --input @b0.safetensors --output @o --model b0 --classes 3 --convention keras | Invalid value for option '--convention': keras (must be torchvision, timm or tf) (see phiscale convert --help)",
        "2 | --input @b0.safetensors --output @o --model b0 --classes 4 --labels @labels.txt | Invalid value for option '--labels': @labels.txt names 3 classes, --classes 4 (see phiscale convert --help)",
      })
  void refusalsAreOneLineAndLeaveNothing(int exitCode, String line, String expected) {
    assertThat(run("convert " + line)).isEqualTo(exitCode);

    assertThat(err.toString().replace(folder + "/", "@").lines())
        .containsExactly("phiscale convert: " + expected);
    assertThat(folder.resolve("o")).doesNotExist();
  }

  @Test
  void damagedWeightsAreNamed() throws IOException {
    TorchWeights names =
        new TorchWeights(
            NetworkSpec.efficientNet(EfficientNetVariant.B0, 3), TorchLayout.TORCHVISION);
    Map<String, Tensor> tensors = new LinkedHashMap<>(names.tensors(parameters));
    tensors.put("classifier.1.bias", Tensor.of(List.of(3), 1, Float.NaN, 1));
    try (OutputStream file = Files.newOutputStream(folder.resolve("nan.safetensors"))) {
      SafeTensors.write(file, tensors);
    }
    byte[] whole = Files.readAllBytes(folder.resolve("b0.safetensors"));
    Files.write(folder.resolve("cut.safetensors"), Arrays.copyOf(whole, 1_000_000));

    assertThat(run("convert --input @nan.safetensors --output @o --model b0 --classes 3"))
        .isEqualTo(1);
    assertThat(run("convert --input @cut.safetensors --output @o --model b0 --classes 3"))
        .isEqualTo(1);

    assertThat(err.toString().replace(folder + "/", "@").lines())
        .containsExactly(
            "phiscale convert: Invalid tensor classifier.1.bias for efficientnet-b0: value 1 is NaN"
                + " (must be finite)",
            "phiscale convert: Cannot read @cut.safetensors: not a whole safetensors file: tensor"
                + " features.4.2.block.0.0.weight ends at byte 1001088 of 969824: the file is cut"
                + " off");
    assertThat(folder.resolve("o")).doesNotExist();
  }

  @Test
  void anExportThatFailsLeavesNothing() throws IOException {
    assertThat(run("convert --input @b0.safetensors --output @run --model b0 --classes 3"))
        .isZero();
    Path place = Files.createDirectory(folder.resolve("full"));
    Files.writeString(place.resolve("taken"), "");

    assertThat(run("convert --input @run --output @full/taken/out.safetensors")).isEqualTo(1);

    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("phiscale convert: Cannot ")
        .contains("/full/taken/out.safetensors");
    try (Stream<Path> left = Files.list(place)) {
      assertThat(left).containsExactly(place.resolve("taken"));
    }
  }
}
