package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ImageProbeTest {
  private static final List<byte[]> EXAMPLES =
      List.of(
          Pictures.encode(Pictures.gradient(37, 21), "jpeg"),
          Pictures.withOrientation(Pictures.encode(Pictures.gradient(37, 21), "jpeg"), 6),
          Pictures.encode(Pictures.gradient(37, 21), "png"),
          Pictures.encode(Pictures.gradient(37, 21), "gif"),
          Pictures.encode(Pictures.gradient(37, 21), "bmp"),
          Pictures.webp(37, 21, 0x102030));

  @Test
  void readsFormatAndStoredSizeOfEveryFormat() {
    assertThat(EXAMPLES.stream().map(bytes -> ImageProbe.header(bytes).orElseThrow()))
        .containsExactly(
            new ImageHeader(ImageFormat.JPEG, 37, 21),
            new ImageHeader(ImageFormat.JPEG, 37, 21),
            new ImageHeader(ImageFormat.PNG, 37, 21),
            new ImageHeader(ImageFormat.GIF, 37, 21),
            new ImageHeader(ImageFormat.BMP, 37, 21),
            new ImageHeader(ImageFormat.WEBP, 37, 21));
  }

  @Test
  void readsTheExtendedAndTheLossyWebpHeader() {
    byte[] extended = new byte[30];
    put(extended, 0, "RIFF....WEBPVP8X");
    extended[24] = (byte) 0xff;
    extended[25] = 1;
    extended[27] = 9;
    assertThat(ImageProbe.header(extended)).contains(new ImageHeader(ImageFormat.WEBP, 512, 10));
    byte[] lossy = new byte[30];
    put(lossy, 0, "RIFF....WEBPVP8 ");
    lossy[23] = (byte) 0x9d;
    lossy[24] = 0x01;
    lossy[25] = 0x2a;
    lossy[26] = 100;
    lossy[28] = 50;
    lossy[29] = (byte) 0xc0; // upscaling hint, not size
    assertThat(ImageProbe.header(lossy)).contains(new ImageHeader(ImageFormat.WEBP, 100, 50));
  }

  @Test
  void knowsNeitherTextNorOtherFormats() {
    assertThat(ImageProbe.format("BM is no picture".getBytes(StandardCharsets.US_ASCII))).isEmpty();
    assertThat(ImageProbe.format("<html>".getBytes(StandardCharsets.US_ASCII))).isEmpty();
    assertThat(ImageProbe.format(new byte[] {'I', 'I', 42, 0})).isEmpty();
    assertThat(ImageProbe.format(new byte[0])).isEmpty();
  }

  @Test
  void everyPrefixIsIncompleteAndNoneThrows() {
    for (byte[] example : EXAMPLES) {
      ImageHeader header = ImageProbe.header(example).orElseThrow();
      assertThat(ImageProbe.complete(example, header)).as("%s", header).isTrue();
      for (int length = 0; length < example.length; length++) {
        byte[] prefix = Arrays.copyOf(example, length);
        ImageProbe.header(prefix);
        boolean onlyTrailerMissing =
            header.format() == ImageFormat.GIF && length == example.length - 1;
        if (ImageProbe.header(prefix).isPresent() && !onlyTrailerMissing) {
          assertThat(ImageProbe.complete(prefix, header))
              .as("%s cut to %d bytes", header, length)
              .isFalse();
        }
      }
    }
  }

  @Property(tries = 2000, seed = "4197663296757315336")
  void damagedBytesNeverThrow(
      @ForAll @IntRange(max = 5) int example,
      @ForAll @Size(max = 12) List<@IntRange(max = 400) Integer> places,
      @ForAll byte value) {
    byte[] damaged = EXAMPLES.get(example).clone();
    for (int place : places) {
      damaged[place % damaged.length] = value;
    }
    ImageProbe.header(damaged).ifPresent(header -> ImageProbe.complete(damaged, header));
    assertThat(damaged).hasSameSizeAs(EXAMPLES.get(example));
  }

  private static void put(byte[] target, int at, String ascii) {
    System.arraycopy(ascii.getBytes(StandardCharsets.US_ASCII), 0, target, at, ascii.length());
  }
}
