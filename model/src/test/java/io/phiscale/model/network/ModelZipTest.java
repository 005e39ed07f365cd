package io.phiscale.model.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.model.kernels.Views;
import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.spec.BaseNetwork;
import io.phiscale.model.spec.NetworkSpec;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ModelZipTest {
  private static final NetworkSpec SPEC =
      NetworkSpec.of(BaseNetwork.TINY, CompoundScaling.EFFICIENTNET, 0, 3).withResolutionPx(16);

  @TempDir Path folder;

  private Path written(float[] parameters) throws IOException {
    Path file = folder.resolve("network.zip");
    try (OutputStream out = Files.newOutputStream(file)) {
      ModelZip.write(out, SPEC, parameters, "what it is");
    }
    return file;
  }

  @Test
  void dl4jRestoresTheSameNetwork() throws IOException {
    float[] parameters = EfficientNets.initialParameters(SPEC, 5);
    Path file = written(parameters);

    ComputationGraph restored = ModelSerializer.restoreComputationGraph(file.toFile());
    assertThat(Views.flat(restored.params()).toFloatVector()).containsExactly(parameters);
    ComputationGraph expected = EfficientNets.build(SPEC, 5);
    float[] pixels = new float[2 * 16 * 16 * 3];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = i % 97 / 48f - 1;
    }
    INDArray images = Nd4j.createFromArray(pixels).reshape(2, 16, 16, 3);
    assertThat(Views.flat(EfficientNets.logits(restored, images)).toFloatVector())
        .containsExactly(Views.flat(EfficientNets.logits(expected, images)).toFloatVector());
    assertThat(Views.flat(restored.outputSingle(images)).toFloatVector())
        .containsExactly(Views.flat(expected.outputSingle(images)).toFloatVector());

    assertThat(ModelZip.parameters(file, SPEC)).containsExactly(parameters);
    assertThat(ModelZip.description(file)).isEqualTo("what it is");
  }

  @Test
  void otherFilesAndOtherNetworksAreRefused() throws IOException {
    Path file = written(EfficientNets.initialParameters(SPEC, 5));
    assertThatThrownBy(() -> ModelZip.parameters(file, SPEC.withClasses(4)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot read " + file + ": ")
        .hasMessageContaining(" values (");
    Path plain = folder.resolve("plain.zip");
    ModelSerializer.writeModel(EfficientNets.build(SPEC, 5), plain.toFile(), false);
    assertThatThrownBy(() -> ModelZip.description(plain))
        .hasMessage(
            "Cannot read %s: it has no entry phiscale.json, so it was not exported by convert",
            plain);
    Path text = Files.writeString(folder.resolve("text.zip"), "no");
    assertThatThrownBy(() -> ModelZip.parameters(text, SPEC))
        .hasMessage("Cannot read %s: not a whole zip file", text);
    assertThatThrownBy(() -> written(new float[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("Invalid number of parameters: 3 (");
  }
}
