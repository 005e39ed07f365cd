package io.phiscale.model.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.model.SerialCopies;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.scaling.ScalingCoefficients;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NetworkSpecTest {

  private static final NetworkSpec B0 = NetworkSpec.efficientNet(EfficientNetVariant.B0, 1000);

  @Test
  void originalConventions() {
    assertThat(B0.name()).isEqualTo("efficientnet-b0");
    assertThat(B0.padding()).isEqualTo(Padding.SAME);
    assertThat(B0.batchNorm()).isEqualTo(new BatchNormConvention(1e-3, 0.99));
    assertThat(B0.stochasticDepth()).isEqualTo(0.2);
    assertThat(B0.inputChannels()).isEqualTo(3);
    assertThat(NetworkSpec.efficientNet(EfficientNetVariant.B7, 10).dropout()).isEqualTo(0.5);
  }

  @Test
  void firstBlockOfAStageHasItsStrideAndInputFilters() {
    List<BlockInstance> blocks = B0.blocks();
    assertThat(blocks).hasSize(16);
    assertThat(blocks.get(0))
        .isEqualTo(
            new BlockInstance(0, 0, 3, 1, 32, 32, 16, 8, BlockInstance.Shortcut.NONE, 0, 112, 112));
    assertThat(blocks.get(1))
        .isEqualTo(
            new BlockInstance(1, 1, 3, 2, 16, 96, 24, 4, BlockInstance.Shortcut.NONE, 0, 112, 56));
    BlockInstance third = blocks.get(2);
    assertThat(third)
        .isEqualTo(
            new BlockInstance(
                2,
                1,
                3,
                1,
                24,
                144,
                24,
                6,
                BlockInstance.Shortcut.RESIDUAL,
                third.dropRate(),
                56,
                56));
    assertThat(blocks.get(15).outputPx()).isEqualTo(7);
    assertThat(blocks.get(0).expands()).isFalse();
    assertThat(blocks.get(1).expands()).isTrue();
    assertThat(blocks.get(1).squeezes()).isTrue();
    assertThat(blocks.get(15).name()).isEqualTo("block_15");
  }

  @Test
  void dropRateGrowsLinearlyOverResidualBlocks() {
    for (BlockInstance block : B0.blocks()) {
      assertThat(block.dropRate())
          .isCloseTo(block.residual() ? 0.2 * block.index() / 16 : 0, within(1e-15));
    }
    assertThat(B0.blocks().stream().filter(BlockInstance::residual)).hasSize(9);
    assertThat(B0.withStochasticDepth(0).blocks()).allMatch(block -> block.dropRate() == 0);
  }

  @Test
  void noskipAndZeroSqueezeRatioAreKept() {
    NetworkSpec network =
        NetworkSpec.of(
            BaseNetwork.of("plain", 8, 2, List.of("r2_k3_s11_e6_i8_o8_noskip"), 16, 32, 0),
            new ScalingCoefficients(1, 1, 32),
            2);
    assertThat(network.blocks())
        .hasSize(2)
        .noneMatch(BlockInstance::residual)
        .noneMatch(BlockInstance::squeezes);
    assertThat(network.layers())
        .noneMatch(layer -> layer.kind() == LayerSpec.Kind.SQUEEZE_EXCITATION_CONVOLUTION);
  }

  @ParameterizedTest
  @EnumSource(EfficientNetVariant.class)
  void headFollowsTheWidth(EfficientNetVariant variant) {
    NetworkSpec network = NetworkSpec.efficientNet(variant, 1000);
    // torchvision defines the head as four times the last block instead; the published widths
    // agree.
    assertThat(network.headFilters()).isEqualTo(4 * network.headInputFilters());
  }

  @Test
  void tinyKeepsSevenPixelsOfTwentyEight() {
    NetworkSpec tiny = NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 10);
    assertThat(tiny.name()).isEqualTo("tiny-phi0");
    assertThat(tiny.resolutionPx()).isEqualTo(28);
    assertThat(tiny.blocks().stream().map(BlockInstance::outputPx))
        .containsExactly(28, 14, 7, 7, 7);
    NetworkSpec strided =
        NetworkSpec.of(
            BaseNetwork.TINY.withStemStride(2).withBaseResolutionPx(32),
            CompoundScaling.EFFICIENTNET,
            0,
            10);
    assertThat(strided.stemOutputPx()).isEqualTo(16);
    assertThat(NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 1.5, 10))
        .satisfies(
            network -> {
              assertThat(network.name()).isEqualTo("tiny-phi1.5");
              assertThat(network.resolutionPx()).isEqualTo(35); // 28 * 1.15^1.5 = 34.53
            });
    assertThat(NetworkSpec.of(BaseNetwork.TINY, new ScalingCoefficients(1.21, 2, 30), 10).name())
        .isEqualTo("tiny-w1.21-d2-r30");
  }

  @Test
  void withersChangeOneThing() {
    NetworkSpec changed =
        B0.withName("mine")
            .withClasses(3)
            .withResolutionPx(96)
            .withDropout(0.1)
            .withStochasticDepth(0.05)
            .withPadding(Padding.SYMMETRIC)
            .withBatchNorm(BatchNormConvention.TORCH);
    assertThat(changed)
        .isEqualTo(
            new NetworkSpec(
                "mine",
                32,
                2,
                B0.stages(),
                1280,
                3,
                96,
                3,
                0.1,
                0.05,
                Padding.SYMMETRIC,
                new BatchNormConvention(1e-5, 0.9)));
  }

  @ParameterizedTest
  @EnumSource(EfficientNetVariant.class)
  void survivesSerializationAndMaps(EfficientNetVariant variant) throws Exception {
    NetworkSpec network =
        NetworkSpec.efficientNet(variant, 17).withBatchNorm(BatchNormConvention.TORCH);
    assertThat(SerialCopies.copy(network)).isEqualTo(network);
    assertThat(NetworkSpec.fromMap(network.toMap())).isEqualTo(network);
    assertThat(SerialCopies.copy(BaseNetwork.TINY)).isEqualTo(BaseNetwork.TINY);
    assertThat(SerialCopies.copy(NetworkCounts.of(network))).isEqualTo(NetworkCounts.of(network));
  }

  @Test
  void mapErrorsNameTheKey() {
    Map<String, Object> map = new LinkedHashMap<>(B0.toMap());
    map.put("classes", 2.5);
    assertThatThrownBy(() -> NetworkSpec.fromMap(map))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid network specification: classes is 2.5 (must be a whole number)");
    map.put("classes", "many");
    assertThatThrownBy(() -> NetworkSpec.fromMap(map))
        .hasMessage("Invalid network specification: classes is many (must be a number)");
    map.remove("classes");
    assertThatThrownBy(() -> NetworkSpec.fromMap(map))
        .hasMessage("Invalid network specification: classes is null (must be a number)");
    map.put("classes", 10L);
    map.put("clases", 10);
    assertThatThrownBy(() -> NetworkSpec.fromMap(map))
        .hasMessageStartingWith(
            "Invalid network specification: unknown keys [clases] (valid keys:");
    map.remove("clases");
    assertThat(NetworkSpec.fromMap(map)).isEqualTo(B0.withClasses(10));
    map.put("stages", List.of(1));
    assertThatThrownBy(() -> NetworkSpec.fromMap(map))
        .hasMessage("Invalid network specification: stages is [1] (must be a list of strings)");
    map.put("stages", B0.toMap().get("stages"));
    map.put("batchNorm", Map.of("epsilon", 1e-3));
    assertThatThrownBy(() -> NetworkSpec.fromMap(map))
        .hasMessage("Invalid batch-norm convention: momentum is null (must be a number)");
  }

  @Test
  void wrongValuesAreNamed() {
    assertThatThrownBy(() -> B0.withClasses(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid number of classes: 0 (must be > 0)");
    assertThatThrownBy(() -> B0.withName(" "))
        .hasMessage("Invalid network name:   (must not be blank)");
    assertThatThrownBy(() -> B0.withResolutionPx(-1))
        .hasMessage("Invalid resolution in pixels: -1 (must be > 0)");
    assertThatThrownBy(() -> B0.withDropout(1))
        .hasMessage("Invalid dropout: 1.0 (must be in [0, 1))");
    assertThatThrownBy(() -> B0.withStochasticDepth(Double.NaN))
        .hasMessage("Invalid stochastic depth: NaN (must be in [0, 1))");
    assertThatThrownBy(() -> B0.withPadding(null))
        .hasMessage("Invalid padding: null (must be SYMMETRIC or SAME)");
    assertThatThrownBy(() -> B0.withBatchNorm(null))
        .hasMessage("Invalid batch-norm convention: null");
    assertThatThrownBy(() -> new BatchNormConvention(0, 0.9))
        .hasMessage("Invalid batch-norm epsilon: 0.0 (must be > 0 and finite)");
    assertThatThrownBy(() -> new BatchNormConvention(1e-3, 1))
        .hasMessage("Invalid batch-norm momentum: 1.0 (must be in [0, 1))");
    assertThatThrownBy(() -> BaseNetwork.TINY.withStemStride(3))
        .hasMessage("Invalid stem stride: 3 (must be 1 or 2)");
    assertThatThrownBy(() -> BaseNetwork.TINY.withBaseResolutionPx(0))
        .hasMessage("Invalid base resolution in pixels: 0 (must be > 0)");
    assertThatThrownBy(() -> BaseNetwork.TINY.withDropout(-0.1))
        .hasMessage("Invalid dropout: -0.1 (must be in [0, 1))");
    assertThatThrownBy(() -> BaseNetwork.of("empty", 8, 1, List.of(), 8, 28, 0))
        .hasMessage("Invalid stages: none (must be at least one)");
  }

  @Test
  void stagesMustFitTogether() {
    assertThatThrownBy(
            () -> BaseNetwork.of("bad", 16, 1, List.of("r1_k3_s11_e1_i32_o16"), 8, 28, 0))
        .hasMessage(
            "Invalid stage 0: r1_k3_s11_e1_i32_o16 (input filters must be 16, the output of the"
                + " stem)");
    assertThatThrownBy(
            () ->
                BaseNetwork.of(
                    "bad",
                    32,
                    1,
                    List.of("r1_k3_s11_e1_i32_o16", "r1_k3_s11_e1_i24_o24"),
                    8,
                    28,
                    0))
        .hasMessage(
            "Invalid stage 1: r1_k3_s11_e1_i24_o24 (input filters must be 16, the output of stage"
                + " 0)");
  }
}
