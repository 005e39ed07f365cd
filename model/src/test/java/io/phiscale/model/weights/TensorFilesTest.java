package io.phiscale.model.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of {@code torch.save} were written by PyTorch 1.13.0. */
class TensorFilesTest {
  @TempDir Path folder;

  private Path safeTensors(String header, int dataBytes) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(Long.BYTES + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    return Files.write(folder.resolve("x.safetensors"), bytes.array());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '@',
      quoteCharacter = '`',
      value = {
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} @ 7 @ tensor a ends at byte 8 of 7: the file is cut off",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} @ 9 @ 1 bytes behind the last tensor",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}} @ 4 @ tensor a takes bytes 0 to 4 (must be 8 bytes for F32 [2])",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} @ 4 @ tensor b begins at byte 0 (must be 4: tensors may neither overlap nor leave gaps)",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} @ 8 @ tensor a begins at byte 4 (must be 0: tensors may neither overlap nor leave gaps)",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}} @ 8 @ tensor a begins at byte 4 (must be 0: tensors may neither overlap nor leave gaps)",
        "{'a':{'dtype':'F8','shape':[1],'data_offsets':[0,1]}} @ 1 @ tensor a is of type F8 (must be one of [F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL])",
        "{'a':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}} @ 4 @ tensor a has a size or offset out of [0, 2^31)",
        "{'a':{'dtype':'F32','shape':[99999999999999999999],'data_offsets':[0,4]}} @ 4 @ tensor a has a size or offset out of [0, 2^31)",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'run':1}} @ 4 @ tensor a has a key run",
        "{'a':{'dtype':'F32','shape':[1]}} @ 4 @ tensor a (must have dtype, shape and data_offsets of two)",
        "{'a':{'dtype':'F32','shape':[[1]],'data_offsets':[0,4]}} @ 4 @ its header has START_ARRAY where END_ARRAY must be",
        "[[[[ @ 0 @ its header has START_ARRAY where START_OBJECT must be",
        "{} {} @ 0 @ its header goes on behind its JSON",
        "{'a':1, @ 0 @ its header has VALUE_NUMBER_INT where START_OBJECT must be",
      })
  void hostileHeadersAreRefused(String header, int dataBytes, String message) throws IOException {
    Path file = safeTensors(header.replace('\'', '"'), dataBytes);

    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot read %s: not a whole safetensors file: %s", file, message);
  }

  @Test
  void productsOfSizesDoNotWrapAround() throws IOException {
    Path file =
        safeTensors(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[65536,65536],\"data_offsets\":[0,0]}}", 0);

    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Invalid shape: [65536, 65536] (must have less than 2^31 elements)");
  }

  @Test
  void aNameMayOccurOnce() throws IOException {
    String entry = "\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}";
    Path file = safeTensors("{" + entry + "," + entry + "}", 0);

    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Duplicate field 'a'");
  }

  @Test
  void lengthsOfHeadersAreChecked() throws IOException {
    for (long length : new long[] {-1, 0, 9, 1L << 40, Long.MIN_VALUE}) {
      Path file = folder.resolve("length.safetensors");
      Files.write(
          file, ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array());
      assertThatThrownBy(() -> SafeTensors.read(file))
          .hasMessageEndingWith(
              "a header of %s bytes (must be from 2 to 16777216, in a file of 16)",
              Long.toUnsignedString(length));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7, 8, 100, 40_000, 1_391_783})
  void cutSafeTensorsAreRefused(int length) throws IOException {
    byte[] whole = Files.readAllBytes(Resources.path("torchvision-small-weights.safetensors"));
    Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(whole, length));

    assertThatThrownBy(() -> SafeTensors.read(cut))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("Cannot read %s: not a whole safetensors file: ", cut);
  }

  @Test
  void whatIsWrittenIsRead() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SafeTensors.write(out, Map.of("a \"name\"", Tensor.of(List.of(2, 1), -0f, Float.MIN_VALUE)));
    Path file = Files.write(folder.resolve("x"), out.toByteArray());

    Map<String, Tensor> read = SafeTensors.read(file);

    assertThat(read).containsOnlyKeys("a \"name\"");
    assertThat(read.get("a \"name\"").shape()).containsExactly(2, 1);
    assertThat(read.get("a \"name\"").floats()).containsExactly(-0f, Float.MIN_VALUE);
    assertThat((out.size() - 2 * Float.BYTES) % Long.BYTES).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tensors-zip.pth", "tensors-stream.pth", "training-zip.pth"})
  void tensorsOfTorchSaveAreRead(String name) throws IOException {
    Map<String, Tensor> tensors = TorchFile.read(Resources.path(name));

    assertThat(tensors)
        .containsOnlyKeys("plain", "transposed", "half", "brain", "double", "counter", "parameter");
    assertThat(tensors.get("plain").shape()).containsExactly(2, 3);
    assertThat(tensors.get("plain").floats()).containsExactly(0, 1, 2, 3, 4, 5);
    assertThat(tensors.get("transposed").shape()).containsExactly(3, 2);
    assertThat(tensors.get("transposed").floats()).containsExactly(8, 14, 9, 15, 10, 16);
    assertThat(tensors.get("half").floats())
        .containsExactly(1, -0f, 65504, 0x1p-24f, Float.POSITIVE_INFINITY);
    assertThat(tensors.get("brain").floats()[0]).isEqualTo(1.5f);
    assertThat(tensors.get("brain").type()).isEqualTo(ElementType.BF16);
    assertThat(tensors.get("double").floats()).containsExactly(0.1f);
    assertThat(tensors.get("counter").bytes().getLong(0)).isEqualTo(7);
    assertThat(tensors.get("counter").shape()).isEmpty();
    assertThat(tensors.get("parameter").floats()).containsExactly(5);
  }

  @ParameterizedTest
  @ValueSource(strings = {"hostile-zip.pth", "hostile-stream.pth"})
  void nothingInAPickleIsRun(String name) {
    Path file = Resources.path(name);

    assertThatThrownBy(() -> TorchFile.read(file))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "Cannot read %s: not a whole file of torch.save: its pickle names posix.system, and"
                + " only tensors are read, nothing is run",
            file);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tensors-zip.pth", "tensors-stream.pth"})
  void cutFilesOfTorchSaveAreRefusedWhereverTheyEnd(String name) throws IOException {
    byte[] whole = Files.readAllBytes(Resources.path(name));
    for (int length = 0; length < whole.length; length += 13) {
      Path cut = Files.write(folder.resolve("cut.pth"), Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> TorchFile.read(cut))
          .as("%s of %s bytes", length, whole.length)
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("Cannot read %s: not a whole file of torch.save: ", cut);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '@',
      value = {
        "80 02 63 6f 73 0a 73 79 73 74 65 6d 0a 2e @ its pickle names os.system, and only tensors are read, nothing is run",
        "80 04 8c 02 6f 73 8c 06 73 79 73 74 65 6d 93 2e @ its pickle names os.system, and only tensors are read, nothing is run",
        "80 02 69 6f 73 0a 2e @ its pickle has operation 0x69, which no tensor needs",
        "80 02 52 2e @ its pickle is not well formed",
        "80 02 68 05 2e @ its pickle recalls what it has not stored",
        "80 02 58 ff ff ff 7f 61 @ its pickle is cut off",
        "80 02 58 ff ff ff ff 61 @ its pickle is cut off",
        "80 02 7d 7d 7d 73 2e @ its pickle has a key that is neither a string nor a number",
        "80 02 4e 51 2e @ its pickle is not well formed",
        "80 02 29 51 2e @ its pickle refers to what is not a typed storage",
        "80 00 2e @ its pickle is of protocol 0 (must be from 2 to 5)",
      })
  void hostilePicklesAreRefused(String hex, String message) {
    String[] digits = hex.split(" ", -1);
    ByteBuffer pickle = ByteBuffer.allocate(digits.length);
    for (String digit : digits) {
      pickle.put((byte) Integer.parseInt(digit, 16));
    }

    assertThatThrownBy(() -> RestrictedUnpickler.read(pickle.flip()))
        .isInstanceOf(IOException.class)
        .hasMessage(message);
  }
}
