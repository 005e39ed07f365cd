package io.phiscale.model.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.ParameterLayout;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class TorchWeightsTest {
  private static final NetworkSpec SMALL =
      NetworkSpec.of(BaseNetwork.EFFICIENTNET_B0, new ScalingCoefficients(0.25, 1, 64), 10);

  /** In both libraries. */
  private static final Map<EfficientNetVariant, Integer> TENSORS =
      Map.of(
          EfficientNetVariant.B0, 311,
          EfficientNetVariant.B1, 439,
          EfficientNetVariant.B2, 439,
          EfficientNetVariant.B3, 496,
          EfficientNetVariant.B4, 610,
          EfficientNetVariant.B5, 738,
          EfficientNetVariant.B6, 852,
          EfficientNetVariant.B7, 1037);

  @TempDir Path folder;

  private static Map<String, Tensor> small() throws IOException {
    return SafeTensors.read(Resources.path("torchvision-small-weights.safetensors"));
  }

  /**
   * Names and shapes of a variant's state dictionary, counters left out, in the library itself:
   * torchvision 0.14.1's {@code efficientnet_b0} to {@code b7}, timm 1.0.28's, whose {@code
   * tf_efficientnet_b0} to {@code b7} have the same.
   */
  private static Map<String, List<Integer>> published(
      EfficientNetVariant variant, TorchLayout layout) throws IOException {
    Path table = Resources.path(layout.name().toLowerCase(Locale.ROOT) + "-tensors.tsv");
    Map<String, List<Integer>> shapes = new TreeMap<>();
    List<String> lines = Files.readAllLines(table);
    int column =
        List.of(lines.get(0).split("\t", -1)).indexOf(variant.name().toLowerCase(Locale.ROOT));
    for (String line : lines.subList(1, lines.size())) {
      List<String> columns = List.of(line.split("\t", -1));
      String shape = columns.get(column);
      if (!shape.equals("-")) {
        for (String leaf : columns.get(1).split(",", -1)) {
          shapes.put(
              columns.get(0) + "." + leaf,
              Arrays.stream(shape.split("x", -1)).map(Integer::valueOf).toList());
        }
      }
    }
    return shapes;
  }

  static Stream<Arguments> variantsAndLayouts() {
    return Arrays.stream(EfficientNetVariant.values())
        .flatMap(
            variant ->
                Arrays.stream(TorchLayout.values()).map(layout -> Arguments.of(variant, layout)));
  }

  @ParameterizedTest
  @MethodSource("variantsAndLayouts")
  void namesAndShapesAreTheLibrarys(EfficientNetVariant variant, TorchLayout layout)
      throws IOException {
    Map<String, List<Integer>> shapes =
        new TorchWeights(NetworkSpec.efficientNet(variant, 1000), layout).shapes();

    assertThat(shapes)
        .hasSize(TENSORS.get(variant))
        .containsExactlyInAnyOrderEntriesOf(published(variant, layout));
  }

  /** Exported to one library's names, imported from the other's. */
  @ParameterizedTest
  @EnumSource
  void everyVariantGoesThereAndBack(EfficientNetVariant variant) {
    TorchWeights torchvision =
        new TorchWeights(NetworkSpec.efficientNet(variant, 1000), TorchLayout.TORCHVISION);
    TorchWeights timm = new TorchWeights(NetworkSpec.efficientNet(variant, 1000), TorchLayout.TIMM);
    float[] parameters = new float[torchvision.length()];
    for (int i = 0; i < parameters.length; i++) {
      parameters[i] = Float.intBitsToFloat(0x3f000000 + i % (1 << 23));
    }

    // Only the names differ: torchvision's order is timm's.
    Map<String, Tensor> exported = torchvision.tensors(parameters);
    Map<String, Tensor> renamed = new LinkedHashMap<>();
    Iterator<String> names = timm.shapes().keySet().iterator();
    exported.values().forEach(tensor -> renamed.put(names.next(), tensor));

    assertThat(Arrays.equals(timm.parameters(renamed), parameters)).isTrue();
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
