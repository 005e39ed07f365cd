package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.DecodeResult.Rejected;
import java.awt.image.BufferedImage;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageWriteParam;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageDecoderTest {
  private static final byte[] NOTHING = {};

  private final ImageDecoder decoder = new ImageDecoder();

  @AfterEach
  void closeDecoder() {
    decoder.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"png", "bmp"})
  void losslessFormatsComeBackExactly(String format) {
    BufferedImage image = Pictures.gradient(33, 20);
    try (Decoded decoded = decoded(Pictures.encode(image, format))) {
      assertThat(decoded.format().id()).isEqualTo(format);
      assertSame(decoded, image, 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {ImageWriteParam.MODE_DISABLED, ImageWriteParam.MODE_DEFAULT})
  void jpegBaselineAndProgressive(int progressiveMode) {
    BufferedImage image = Pictures.gradient(70, 50);
    try (Decoded decoded = decoded(Pictures.jpeg(image, progressiveMode))) {
      assertThat(decoded.format()).isEqualTo(ImageFormat.JPEG);
      assertSame(decoded, image, 12);
    }
  }

  @Test
  void webp() {
    try (Decoded decoded = decoded(Pictures.webp(20, 10, 0x2040c0))) {
      assertThat(decoded.format()).isEqualTo(ImageFormat.WEBP);
      assertSame(decoded, Pictures.plain(20, 10, 0x2040c0), 6);
    }
  }

  @Test
  void ofAnAnimationTheFirstPicture() {
    BufferedImage first = Pictures.plain(16, 12, 0xcc3300);
    BufferedImage second = Pictures.plain(16, 12, 0x0033cc);
    try (Decoded decoded = decoded(Pictures.animatedGif(List.of(first, second)))) {
      assertThat(decoded.format()).isEqualTo(ImageFormat.GIF);
      assertSame(decoded, first, 0);
    }
  }

  @Test
  void greyJpegAndGreyPng() {
    BufferedImage grey = new BufferedImage(24, 16, BufferedImage.TYPE_BYTE_GRAY);
    for (int y = 0; y < 16; y++) {
      for (int x = 0; x < 24; x++) {
        grey.getRaster().setSample(x, y, 0, 10 * x);
      }
    }
    try (Decoded decoded = decoded(Pictures.encode(grey, "png"))) {
      assertThat(decoded.rgb(7, 3)).isEqualTo(0x464646);
    }
    try (Decoded decoded = decoded(Pictures.encode(grey, "jpeg"))) {
      int rgb = decoded.rgb(7, 3);
      assertThat(rgb & 0xff).isBetween(64, 76).isEqualTo(rgb >> 8 & 0xff).isEqualTo(rgb >> 16);
    }
  }

  @Test
  void alphaIsDroppedAndTheColourUnderItStays() {
    byte[] greyAlpha =
        Pictures.png(2, 1, 8, 4, new byte[][] {{100, 0, (byte) 200, (byte) 255}}, NOTHING, NOTHING);
    try (Decoded decoded = decoded(greyAlpha)) {
      assertThat(decoded.rgb(0, 0)).isEqualTo(0x646464);
      assertThat(decoded.rgb(1, 0)).isEqualTo(0xc8c8c8);
    }
    byte[] rgba =
        Pictures.png(
            2, 1, 8, 6, new byte[][] {{10, 20, 30, 0, 40, 50, 60, (byte) 128}}, NOTHING, NOTHING);
    try (Decoded decoded = decoded(rgba)) {
      assertThat(decoded.rgb(0, 0)).isEqualTo(0x0a141e);
      assertThat(decoded.rgb(1, 0)).isEqualTo(0x28323c);
    }
  }

  @Test
  void aPaletteIsLookedUpWithAndWithoutTransparency() {
    byte[] palette = {(byte) 255, 0, 0, 0, (byte) 255, 0, 0, 0, (byte) 255};
    byte[][] rows = {{0, 1, 2}};
    for (byte[] transparency : List.of(NOTHING, new byte[] {0, (byte) 128, (byte) 255})) {
      try (Decoded decoded = decoded(Pictures.png(3, 1, 8, 3, rows, palette, transparency))) {
        assertThat(decoded.rgb(0, 0)).isEqualTo(0xff0000);
        assertThat(decoded.rgb(1, 0)).isEqualTo(0x00ff00);
        assertThat(decoded.rgb(2, 0)).isEqualTo(0x0000ff);
      }
    }
    // 2 bits per pixel
    byte[] packed = Pictures.png(3, 1, 2, 3, new byte[][] {{0b00_01_10_00}}, palette, NOTHING);
    try (Decoded decoded = decoded(packed)) {
      assertThat(decoded.rgb(2, 0)).isEqualTo(0x0000ff);
    }
  }

  @Test
  void ofSixteenBitsTheUpperEightAreKept() {
    byte[][] grey = {{(byte) 0x80, 0x10, 0x12, 0x34}};
    try (Decoded decoded = decoded(Pictures.png(2, 1, 16, 0, grey, NOTHING, NOTHING))) {
      assertThat(decoded.rgb(0, 0)).isEqualTo(0x808080);
      assertThat(decoded.rgb(1, 0)).isEqualTo(0x121212);
    }
    byte[][] rgb = {{0x20, 0x10, 0x40, 0x10, 0x60, 0x10}};
    try (Decoded decoded = decoded(Pictures.png(1, 1, 16, 2, rgb, NOTHING, NOTHING))) {
      assertThat(decoded.rgb(0, 0)).isEqualTo(0x204060);
    }
    byte[][] rgba = {{0x20, 0x10, 0x40, 0x10, 0x60, 0x10, 0, 0}};
    try (Decoded decoded = decoded(Pictures.png(1, 1, 16, 6, rgba, NOTHING, NOTHING))) {
      assertThat(decoded.rgb(0, 0)).isEqualTo(0x204060);
    }
  }

  /** Ink of cyan 200, magenta 100, yellow 50, black 40: R = 55 * 215 / 255 = 46, G 131, B 173. */
  @Test
  void cmykPlainAdobeInvertedAndYcck() {
    BufferedImage expected = Pictures.plain(16, 16, 46 << 16 | 131 << 8 | 173);
    byte[] plain = Pictures.fourBandJpeg(16, 16, 200, 100, 50, 40);
    try (Decoded decoded = decoded(plain)) {
      assertSame(decoded, expected, 3);
    }
    byte[] inverted = Pictures.withAdobe(Pictures.fourBandJpeg(16, 16, 55, 155, 205, 215), 0);
    try (Decoded decoded = decoded(inverted)) {
      assertSame(decoded, expected, 3);
    }
    // YCbCr of the three inks taken as R, G, B (T.871); black inverted.
    byte[] ycck = Pictures.withAdobe(Pictures.fourBandJpeg(16, 16, 124, 86, 182, 215), 2);
    try (Decoded decoded = decoded(ycck)) {
      assertSame(decoded, expected, 4);
    }
  }

  /** Where the corner that is stored at the top left must appear, and the one at the top right. */
  @ParameterizedTest
  @CsvSource({
    "1, 48, 32, 0, 0, 47, 0",
    "2, 48, 32, 47, 0, 0, 0",
    "3, 48, 32, 47, 31, 0, 31",
    "4, 48, 32, 0, 31, 47, 31",
    "5, 32, 48, 0, 0, 0, 47",
    "6, 32, 48, 31, 0, 31, 47",
    "7, 32, 48, 31, 47, 31, 0",
    "8, 32, 48, 0, 47, 0, 0",
  })
  void everyExifOrientationIsApplied(
      int orientation, int width, int height, int redX, int redY, int greenX, int greenY) {
    BufferedImage image = Pictures.plain(48, 32, 0x0000ff);
    image.getGraphics().dispose();
    for (int y = 0; y < 16; y++) {
      for (int x = 0; x < 16; x++) {
        image.setRGB(x, y, 0xff0000);
        image.setRGB(x + 32, y, 0x00ff00);
      }
    }
    byte[] jpeg = Pictures.jpeg(image, ImageWriteParam.MODE_DISABLED);
    try (Decoded decoded = decoded(Pictures.withOrientation(jpeg, orientation))) {
      assertThat(decoded.widthPx()).isEqualTo(width);
      assertThat(decoded.heightPx()).isEqualTo(height);
      assertClose(decoded.rgb(redX, redY), 0xff0000, 8);
      assertClose(decoded.rgb(greenX, greenY), 0x00ff00, 8);
    }
    // The same for the path of plain CMYK: only its size can tell.
    byte[] cmyk = Pictures.fourBandJpeg(48, 32, 0, 0, 0, 0);
    try (Decoded decoded = decoded(Pictures.withOrientation(cmyk, orientation))) {
      assertThat(decoded.widthPx()).isEqualTo(width);
      assertThat(decoded.heightPx()).isEqualTo(height);
    }
  }

  @Test
  void theMemoryIsReusedAndEachImageIsItsOwn() {
    byte[] large = Pictures.encode(Pictures.gradient(90, 70), "png");
    byte[] small = Pictures.encode(Pictures.plain(8, 8, 0x112233), "png");
    for (int round = 0; round < 3; round++) {
      try (Decoded decoded = decoded(large)) {
        assertSame(decoded, Pictures.gradient(90, 70), 0);
      }
      try (Decoded decoded = decoded(small)) {
        assertSame(decoded, Pictures.plain(8, 8, 0x112233), 0);
      }
    }
  }

  @Test
  void copiesARegion() {
    BufferedImage image = Pictures.gradient(40, 30);
    byte[] region = new byte[5 * 4 * 3];
    try (Decoded decoded = decoded(Pictures.encode(image, "png"))) {
      decoded.copyRegion(new CropRegion(11, 7, 5, 4, Mirroring.NONE), region);
      assertThatThrownBy(
              () -> decoded.copyRegion(new CropRegion(36, 0, 5, 4, Mirroring.NONE), region))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("must lie inside 40 x 30 px");
    }
    int last = image.getRGB(15, 10) & 0xffffff;
    assertThat((region[57] & 0xff) << 16 | (region[58] & 0xff) << 8 | (region[59] & 0xff))
        .isEqualTo(last);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.3, 0.6, 0.9, 0.99})
  void aTruncatedImageIsRejected(double kept) {
    BufferedImage image = Pictures.noise(64, 64, 3);
    List<byte[]> encodings =
        List.of(
            Pictures.jpeg(image, ImageWriteParam.MODE_DISABLED),
            Pictures.jpeg(image, ImageWriteParam.MODE_DEFAULT),
            Pictures.withThumbnail(
                Pictures.jpeg(image, ImageWriteParam.MODE_DISABLED),
                Pictures.encode(Pictures.gradient(8, 8), "jpeg")),
            Pictures.encode(image, "png"),
            Pictures.encode(image, "gif"),
            Pictures.encode(image, "bmp"));
    for (byte[] whole : encodings) {
      byte[] cut = Arrays.copyOf(whole, (int) (whole.length * kept));
      assertThat(rejected(cut).reason())
          .as(() -> ImageProbe.format(whole).orElseThrow() + " cut to " + kept)
          .isEqualTo(DecodeFailure.TRUNCATED);
      decoded(whole).close();
    }
    byte[] webp = Pictures.webp(64, 64, 0x123456);
    assertThat(rejected(Arrays.copyOf(webp, webp.length - 1)).reason())
        .isEqualTo(DecodeFailure.TRUNCATED);
  }

  @Test
  void aJpegWithoutItsEndMarkerIsRejectedAndBytesAfterItAreNot() {
    byte[] jpeg = Pictures.encode(Pictures.gradient(32, 32), "jpeg");
    Rejected rejected = rejected(Arrays.copyOf(jpeg, jpeg.length - 2));
    assertThat(rejected)
        .isEqualTo(
            new Rejected(
                DecodeFailure.TRUNCATED,
                "The jpeg does not end within its " + (jpeg.length - 2) + " bytes"));
    decoded(Arrays.copyOf(jpeg, jpeg.length + 100)).close();
  }

  @Test
  void saysWhyBytesAreNoImage() {
    assertThat(rejected(NOTHING)).isEqualTo(new Rejected(DecodeFailure.EMPTY, "0 bytes"));
    assertThat(rejected("<html>".getBytes(StandardCharsets.US_ASCII)))
        .isEqualTo(
            new Rejected(
                DecodeFailure.UNSUPPORTED_FORMAT, "Content starts with 3c 68 74 6d 6c 3e"));
    byte[] noFrame = {(byte) 0xff, (byte) 0xd8, (byte) 0xff, (byte) 0xd9};
    assertThat(rejected(noFrame))
        .isEqualTo(new Rejected(DecodeFailure.UNREADABLE, "The header of the jpeg has no size"));
    byte[] damaged = Pictures.encode(Pictures.gradient(32, 32), "png");
    Arrays.fill(damaged, 60, 90, (byte) 7);
    assertThat(rejected(damaged))
        .isEqualTo(
            new Rejected(DecodeFailure.UNREADABLE, "Cannot decode the png: its data are damaged"));
    byte[] twoBands = Pictures.fourBandJpeg(16, 16, 1, 2, 3, 4);
    int frame = indexOf(twoBands, 0xc0);
    twoBands[frame + 9] = 2; // number of components, at odds with the rest
    assertThat(rejected(twoBands).reason()).isEqualTo(DecodeFailure.UNREADABLE);
  }

  @Test
  void tooManyPixelsAreRejectedBeforeAnythingIsDecoded() {
    byte[] bomb = Pictures.png(30_000, 30_000, 8, 0, new byte[0][], NOTHING, NOTHING);
    assertThat(rejected(bomb))
        .isEqualTo(
            new Rejected(DecodeFailure.TOO_LARGE, "30000 x 30000 px (limit: 178956970 pixels)"));
    byte[] line = Pictures.png(70_000, 1, 8, 0, new byte[0][], NOTHING, NOTHING);
    assertThat(rejected(line))
        .isEqualTo(new Rejected(DecodeFailure.TOO_LARGE, "70000 x 1 px (limit of a side: 65535)"));
    byte[] small = Pictures.encode(Pictures.gradient(10, 10), "png");
    try (ImageDecoder strict = new ImageDecoder(99)) {
      assertThat(strict.decode(small))
          .isEqualTo(new Rejected(DecodeFailure.TOO_LARGE, "10 x 10 px (limit: 99 pixels)"));
    }
    try (ImageDecoder exact = new ImageDecoder(100)) {
      assertThat(exact.decode(small)).isInstanceOf(Decoded.class);
    }
    assertThatThrownBy(() -> new ImageDecoder(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid limit of pixels: 0 (must be in [1, 715827882])");
  }

  @Test
  void ownershipIsChecked() {
    byte[] png = Pictures.encode(Pictures.gradient(4, 4), "png");
    Decoded first = decoded(png);
    assertThatThrownBy(() -> decoder.decode(png))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Cannot decode: the image before is not closed");
    first.close();
    first.close();
    assertThatThrownBy(() -> first.rgb(0, 0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Cannot read a decoded image that is closed");
    decoder.close();
    assertThatThrownBy(() -> decoder.decode(png))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("Cannot decode: the decoder is closed");
  }

  private Decoded decoded(byte[] encoded) {
    DecodeResult result = decoder.decode(encoded);
    assertThat(result).as("%s", result).isInstanceOf(Decoded.class);
    return (Decoded) result;
  }

  private Rejected rejected(byte[] encoded) {
    DecodeResult result = decoder.decode(encoded);
    assertThat(result).isInstanceOf(Rejected.class);
    return (Rejected) result;
  }

  private static void assertSame(Decoded decoded, BufferedImage expected, int tolerance) {
    assertThat(decoded.widthPx()).isEqualTo(expected.getWidth());
    assertThat(decoded.heightPx()).isEqualTo(expected.getHeight());
    for (int y = 0; y < expected.getHeight(); y++) {
      for (int x = 0; x < expected.getWidth(); x++) {
        assertClose(decoded.rgb(x, y), expected.getRGB(x, y) & 0xffffff, tolerance);
      }
    }
  }

  private static void assertClose(int actual, int expected, int tolerance) {
    for (int shift = 0; shift <= 16; shift += 8) {
      int difference = Math.abs((actual >> shift & 0xff) - (expected >> shift & 0xff));
      assertThat(difference)
          .as(() -> "%06x instead of %06x".formatted(actual, expected))
          .isLessThanOrEqualTo(tolerance);
    }
  }

  private static int indexOf(byte[] jpeg, int marker) {
    for (int i = 0; i < jpeg.length - 1; i++) {
      if ((jpeg[i] & 0xff) == 0xff && (jpeg[i + 1] & 0xff) == marker) {
        return i;
      }
    }
    throw new IllegalArgumentException("No marker " + marker);
  }
}
