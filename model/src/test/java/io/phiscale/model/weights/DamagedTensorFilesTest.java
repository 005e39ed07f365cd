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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever a file's bytes are, reading it gives tensors or one line that says what is wrong. Damage
 * that only changes values, or a name, cannot be seen here.
 */
class DamagedTensorFilesTest {
  private static final int FILES = 1_500;

  @TempDir Path folder;

  private static byte[] whole(String name) throws IOException {
    if (!name.endsWith(".safetensors")) {
      return Files.readAllBytes(Resources.path(name));
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < 8; i++) {
      tensors.put("features." + i + ".weight", Tensor.of(List.of(2, i), new float[2 * i]));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SafeTensors.write(out, tensors);
    return out.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"small.safetensors", "tensors-zip.pth", "tensors-stream.pth", "training-zip.pth"})
  @Timeout(60)
  void everyDamageIsTensorsOrOneLine(String name) throws IOException {
    byte[] whole = whole(name);
    Path file = folder.resolve(name);
    int refused = 0;
    for (int seed = 0; seed < FILES; seed++) {
      Files.write(file, damaged(whole, new SplittableRandom(seed)));
      try {
        Map<String, Tensor> tensors =
            name.endsWith(".pth") ? TorchFile.read(file) : SafeTensors.read(file);
        tensors.values().forEach(tensor -> assertThat(tensor.bytes().remaining()).isNotNegative());
      } catch (IOException e) {
        refused++;
        assertThat(e.getMessage())
            .as("seed %s", seed)
            .matches("Cannot read .*: not a whole (file of torch\\.save|safetensors file): [ -~]+")
            .hasSizeLessThan(600);
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
    assertThat(refused).isBetween(FILES / 2, FILES - 1);
  }

  /** Each would take the whole heap, or hours. */
  @Test
  @Timeout(30)
  void filesThatWouldExhaustMemoryOrTimeAreRefused() throws IOException {
    String tensor = "{'a\\n':{'dtype':'F32','shape':[%s],'data_offsets':[0,4]}}";
    assertRefused(
        safeTensors(tensor.formatted("9".repeat(4_000_000))),
        "tensor a? has a size or offset out of [0, 2^31)");
    assertRefused(
        safeTensors(tensor.formatted("1" + ",1".repeat(4_000_000))),
        "tensor a? has more than 64 dimensions");
    assertRefused(
        safeTensors(tensor.formatted("1").replace("F32", "F".repeat(9_000_000))),
        "tensor a? is of type "
            + "F".repeat(80)
            + "... (must be one of [F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL])");

    byte[] dictionaries = new byte[40_000_000];
    Arrays.fill(dictionaries, (byte) '}');
    assertRefused(pickle(dictionaries), "its pickle has more than 2097152 operations");

    // One long shape, and then tensors of it without end.
    ByteArrayOutputStream wide = new ByteArrayOutputStream();
    wide.write('(');
    wide.write("K\1".repeat(1_000_000).getBytes(StandardCharsets.US_ASCII));
    wide.write("tq\0".getBytes(StandardCharsets.US_ASCII));
    String storage = "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + "0X\3\0\0\0cpuK\1tQ";
    for (int i = 0; i < 10; i++) {
      wide.write(
          ("ctorch._utils\n_rebuild_tensor_v2\n(" + storage + "K\0h\0h\0tR")
              .getBytes(StandardCharsets.US_ASCII));
    }
    assertRefused(pickle(wide.toByteArray()), "its pickle has a tensor of more than 64 dimensions");
  }

  private Path safeTensors(String header) throws IOException {
    byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + json.length + Float.BYTES);
    bytes.order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json);
    return Files.write(folder.resolve("hostile.safetensors"), bytes.array());
  }

  private Path pickle(byte[] operations) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(new byte[] {(byte) 0x80, 2});
    out.write(operations);
    return Files.write(folder.resolve("hostile.pth"), out.toByteArray());
  }

  private static void assertRefused(Path file, String message) {
    String kind = file.toString().endsWith(".pth") ? "file of torch.save" : "safetensors file";
    assertThatThrownBy(
            () -> {
              if (file.toString().endsWith(".pth")) {
                TorchFile.read(file);
              } else {
                SafeTensors.read(file);
              }
            })
        .isInstanceOf(IOException.class)
        .hasMessage("Cannot read %s: not a whole %s: %s", file, kind, message);
  }

  private static byte[] damaged(byte[] whole, SplittableRandom random) {
    byte[] bytes = whole.clone();
    switch (random.nextInt(4)) {
      case 0 -> {
        return Arrays.copyOf(bytes, random.nextInt(bytes.length));
      }
      case 1 -> {
        for (int flips = 1 + random.nextInt(8); flips > 0; flips--) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
      }
      case 2 -> {
        // Sizes and offsets become small, large or negative.
        byte value = new byte[] {0, 1, 0x7f, (byte) 0x80, (byte) 0xff}[random.nextInt(5)];
        int at = random.nextInt(bytes.length);
        Arrays.fill(bytes, at, Math.min(bytes.length, at + 1 + random.nextInt(8)), value);
      }
      default -> {
        // One part of it in the place of another.
        int length = 1 + random.nextInt(40);
        System.arraycopy(
            whole,
            random.nextInt(whole.length - length),
            bytes,
            random.nextInt(whole.length - length),
            length);
      }
    }
    return bytes;
  }
}
