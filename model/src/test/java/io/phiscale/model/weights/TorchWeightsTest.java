package io.phiscale.model.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.train.ParameterLayout;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TorchWeightsTest {
  private static final NetworkSpec SMALL =
      NetworkSpec.of(BaseNetwork.EFFICIENTNET_B0, new ScalingCoefficients(0.25, 1, 64), 10);

  @TempDir Path folder;

  private static Map<String, Tensor> small() throws IOException {
    return SafeTensors.read(Resources.path("torchvision-small-weights.safetensors"));
  }

  /**
   * Digest of the sorted lines "name AxBxC" of the state dictionary, counters left out, of
   * torchvision 0.14.1's {@code efficientnet_b0} to {@code b7}.
   */
  @ParameterizedTest
  @CsvSource({
    "B0, 311, 9e96c289ce2056e894886841c57745fa70e4b32522201bdd78bf7cad7c7f4734",
    "B1, 439, 28571b6839a9f6eabcc378c41fb22e7710408150b6e920e2eed16b6d153ec7f2",
    "B2, 439, ae72105c363ebad24019ae3d695085bdf5f22d275126f8ba35755a662308bf7a",
    "B3, 496, 8208b6eee76e5630c3e17bed826ac8133273b16e098c3146faf5fc98ab24b61f",
    "B4, 610, feedfa8ee3f1053cd4a269e1498b03c95c7fe6af69f766b293d644c52d952ed5",
    "B5, 738, 0cbe631977d12a15cb91ebc0f421e86cbe159898521c7f143aca4d49442745d7",
    "B6, 852, 3a004c54d020d7d9de026bcba13e34929631dd5dabf02873688a022abd9e74c2",
    "B7, 1037, f5cf59b8864258cec0f6eb859924fc3b58afae89be84d09ab43c1352592265bd",
  })
  void namesAndShapesAreTorchvisions(EfficientNetVariant variant, int tensors, String digest)
      throws Exception {
    Map<String, List<Integer>> shapes =
        new TorchWeights(NetworkSpec.efficientNet(variant, 1000), TorchLayout.TORCHVISION).shapes();

    assertThat(shapes).hasSize(tensors);
    String lines =
        shapes.entrySet().stream()
            .map(
                shape ->
                    shape.getKey()
                        + " "
                        + shape.getValue().stream()
                            .map(String::valueOf)
                            .collect(Collectors.joining("x"))
                        + "\n")
            .sorted()
            .collect(Collectors.joining());
    byte[] sha256 =
        MessageDigest.getInstance("SHA-256").digest(lines.getBytes(StandardCharsets.UTF_8));
    assertThat(HexFormat.of().formatHex(sha256)).isEqualTo(digest);
  }

  @Test
  void namesAreTimms() {
    Map<String, List<Integer>> shapes =
        new TorchWeights(NetworkSpec.efficientNet(EfficientNetVariant.B0, 1000), TorchLayout.TIMM)
            .shapes();

    assertThat(shapes)
        .hasSize(311)
        .containsEntry("conv_stem.weight", List.of(32, 3, 3, 3))
        .containsEntry("bn1.running_var", List.of(32))
        .containsEntry("blocks.0.0.conv_dw.weight", List.of(32, 1, 3, 3))
        .containsEntry("blocks.0.0.bn1.weight", List.of(32))
        .containsEntry("blocks.0.0.se.conv_reduce.weight", List.of(8, 32, 1, 1))
        .containsEntry("blocks.0.0.se.conv_expand.bias", List.of(32))
        .containsEntry("blocks.0.0.conv_pw.weight", List.of(16, 32, 1, 1))
        .containsEntry("blocks.0.0.bn2.running_mean", List.of(16))
        .containsEntry("blocks.1.0.conv_pw.weight", List.of(96, 16, 1, 1))
        .containsEntry("blocks.1.0.conv_dw.weight", List.of(96, 1, 3, 3))
        .containsEntry("blocks.1.1.conv_pwl.weight", List.of(24, 144, 1, 1))
        .containsEntry("blocks.6.0.bn3.bias", List.of(320))
        .containsEntry("conv_head.weight", List.of(1280, 320, 1, 1))
        .containsEntry("bn2.weight", List.of(1280))
        .containsEntry("classifier.weight", List.of(1000, 1280))
        .doesNotContainKeys("blocks.0.0.conv_pwl.weight", "blocks.0.0.bn3.weight");
  }

  @Test
  void segmentsAreThoseOfTheGraph() {
    ComputationGraph graph = EfficientNets.build(SMALL, 0);
    ParameterLayout.Builder layout = ParameterLayout.builder();
    EfficientNets.parameterSegments(SMALL)
        .forEach((name, segment) -> layout.add(name, segment.length(), segment.kind()));

    assertThat(layout.build()).isEqualTo(EfficientNets.parameterLayout(graph));
    graph.close();
  }

  @ParameterizedTest
  @EnumSource
  void thereAndBackIsBitEqual(TorchLayout layout) {
    TorchWeights weights = new TorchWeights(SMALL, layout);
    float[] parameters = new float[weights.length()];
    for (int i = 0; i < parameters.length; i++) {
      parameters[i] = i * 0x1p-20f;
    }

    Map<String, Tensor> tensors = weights.tensors(parameters);

    assertThat(TorchLayout.of(tensors.keySet())).isEqualTo(layout);
    assertThat(weights.parameters(tensors)).isEqualTo(parameters);
  }

  @Test
  void importAndExportKeepEveryBitOfAFile() throws IOException {
    TorchWeights weights = new TorchWeights(SMALL, TorchLayout.TORCHVISION);
    Path exported = folder.resolve("exported.safetensors");

    try (OutputStream out = Files.newOutputStream(exported)) {
      SafeTensors.write(out, weights.tensors(weights.parameters(small())));
    }

    Map<String, Tensor> before = small();
    Map<String, Tensor> after = SafeTensors.read(exported);
    assertThat(after.keySet()).isEqualTo(before.keySet());
    before.forEach(
        (name, tensor) -> {
          assertThat(after.get(name).shape()).as(name).isEqualTo(tensor.shape());
          assertThat(after.get(name).bytes()).as(name).isEqualTo(tensor.bytes());
        });
  }

  @Test
  void convolutionsAreTransposed() throws IOException {
    Map<String, Tensor> tensors = small();
    float[] parameters = new TorchWeights(SMALL, TorchLayout.TORCHVISION).parameters(tensors);
    // The stem comes first: (3, 3, 3, 8) here, (8, 3, 3, 3) there.
    float[] stem = tensors.get("features.0.0.weight").floats();

    for (int h = 0; h < 3; h++) {
      for (int w = 0; w < 3; w++) {
        for (int in = 0; in < 3; in++) {
          for (int out = 0; out < 8; out++) {
            assertThat(parameters[((h * 3 + w) * 3 + in) * 8 + out])
                .isEqualTo(stem[((out * 3 + in) * 3 + h) * 3 + w]);
          }
        }
      }
    }
  }

  private static void refused(Consumer<Map<String, Tensor>> change, String message)
      throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>(small());
    change.accept(tensors);
    TorchWeights weights = new TorchWeights(SMALL.withName("small"), TorchLayout.TORCHVISION);
    assertThatThrownBy(() -> weights.parameters(tensors))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void whatDoesNotFitIsNamed() throws IOException {
    refused(
        tensors -> tensors.remove("features.0.1.bias"),
        "Invalid weights for small: no tensor features.0.1.bias");
    refused(
        tensors -> tensors.put("features.9.0.weight", Tensor.of(List.of(1), 0)),
        "Invalid weights for small: it has no tensor features.9.0.weight");
    refused(
        tensors -> tensors.keySet().removeIf(name -> name.startsWith("features.8.")),
        "Invalid weights for small: no tensor features.8.0.weight, features.8.1.weight,"
            + " features.8.1.bias, ... (5 in all)");
    refused(
        tensors -> tensors.put("classifier.1.bias", Tensor.of(List.of(3), 0, 0, 0)),
        "Invalid tensor classifier.1.bias for small: shape [3] (must be [10])");
    refused(
        tensors -> {
          Tensor stem = tensors.get("features.0.0.weight");
          tensors.put(
              "features.0.0.weight", new Tensor(stem.type(), List.of(3, 3, 3, 8), stem.bytes()));
        },
        "Invalid tensor features.0.0.weight for small: shape [3, 3, 3, 8] (must be [8, 3, 3, 3])");
    refused(
        tensors -> {
          Tensor bias = tensors.get("classifier.1.bias");
          tensors.put("classifier.1.bias", new Tensor(ElementType.I32, bias.shape(), bias.bytes()));
        },
        "Invalid tensor classifier.1.bias for small: type I32 (must be F32, F16, BF16 or F64)");
    refused(
        tensors -> {
          float[] bias = new float[10];
          bias[4] = Float.NaN;
          tensors.put("classifier.1.bias", Tensor.of(List.of(10), bias));
        },
        "Invalid tensor classifier.1.bias for small: value 4 is NaN (must be finite)");
    refused(
        tensors ->
            tensors.put(
                "features.0.1.running_var", Tensor.of(List.of(8), 1, 1, -0.5f, 1, 1, 1, 1, 1)),
        "Invalid tensor features.0.1.running_var for small: value 2 is -0.5 (a variance must be"
            + " >= 0)");
  }

  @Test
  void countersOfBatchesAreIgnored() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>(small());
    TorchWeights weights = new TorchWeights(SMALL, TorchLayout.TORCHVISION);
    float[] without = weights.parameters(tensors);

    tensors.put(
        "features.0.1.num_batches_tracked",
        new Tensor(ElementType.I64, List.of(), ByteBuffer.allocate(8)));

    assertThat(weights.parameters(tensors)).isEqualTo(without);
  }

  @Test
  void namesOfNeitherLibraryAreRefused() {
    assertThatThrownBy(() -> TorchLayout.of(Set.of("layer1.0.conv1.weight")))
        .hasMessage(
            "Not an EfficientNet of torchvision or timm: neither features.0.0.weight nor"
                + " conv_stem.weight is among its 1 tensors, the first of which is"
                + " layer1.0.conv1.weight");
    assertThatThrownBy(() -> TorchLayout.named("keras"))
        .hasMessage("Invalid layout: keras (must be torchvision or timm)");
  }

  @Test
  void vectorsOfAnotherLengthAreRefused() {
    assertThatThrownBy(() -> new TorchWeights(SMALL, TorchLayout.TIMM).tensors(new float[] {1, 2}))
        .hasMessageContaining("2 values (must be 340604)");
  }
}
