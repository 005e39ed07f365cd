package io.phiscale.jobs.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.jobs.support.EmbeddedS3;
import io.phiscale.jobs.support.LocalSpark;
import io.phiscale.model.weights.SafeTensors;
import io.phiscale.model.weights.Tensor;
import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WeightsFileTest {
  private static final Map<String, Tensor> TENSORS =
      Map.of("x", Tensor.of(List.of(2), new float[] {1, -0.0f}));

  @TempDir Path folder;

  @Test
  void aFileOnAnObjectStoreIsTheSameAsALocalOne() throws Exception {
    Storage local = Storage.of(Map.of());
    Path file = folder.resolve("w.safetensors");
    try (OutputStream out = Files.newOutputStream(file)) {
      SafeTensors.write(out, TENSORS);
    }
    WeightsFile expected = WeightsFile.read(local, file.toUri());
    assertThat(expected.tensors()).containsOnlyKeys("x");
    assertThat(expected.sha256()).hasSize(64);

    try (EmbeddedS3 server = new EmbeddedS3(folder.resolve("s3"))) {
      Storage storage =
          Storage.of(
              LocalSpark.configuration(folder, server.configuration())
                  .storage()
                  .hadoopProperties());
      URI place = EmbeddedS3.uri("weights/w.safetensors");
      try (OutputStream out = storage.create(place)) {
        out.write(Files.readAllBytes(file));
      }
      WeightsFile read = WeightsFile.read(storage, place);
      assertThat(read.sha256()).isEqualTo(expected.sha256());
      assertThat(read.tensors().get("x").floats()).containsExactly(1, -0.0f);
      try (OutputStream out = storage.create(EmbeddedS3.uri("weights/bad.pth"))) {
        out.write(1);
      }
      assertThatThrownBy(() -> WeightsFile.read(storage, EmbeddedS3.uri("weights/bad.pth")))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("bad.pth: not a whole file of torch.save");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "file:///a/b0.pth, true",
    "s3a://bucket/b0.SafeTensors, true",
    "file:///a/b0.pt, true",
    "file:///a/pth, false",
    "file:///a/b0.pth.gz, false"
  })
  void filesAreKnownByTheirNames(URI place, boolean expected) {
    assertThat(WeightsFile.isNamedLikeOne(place)).isEqualTo(expected);
  }
}
