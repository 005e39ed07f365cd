package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.DecodeResult.Extent;
import java.awt.image.BufferedImage;
import java.nio.FloatBuffer;
import java.util.Random;
import javax.imageio.ImageWriteParam;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows below a crop are not decoded, and the crop shows the same bits. */
class PartialDecodingTest {
  private static final EvaluationTransform TRANSFORM = EvaluationTransform.centreCrop(24);

  private final ImageDecoder decoder = new ImageDecoder();
  private final ImageResampler resampler = new ImageResampler();

  @AfterEach
  void closeDecoder() {
    decoder.close();
  }

  @ParameterizedTest
  @CsvSource({
    "331, 203, 0x22",
    "64, 400, 0x22",
    "331, 203, 0x11",
    "200, 217, 0x21",
    "203, 331, 0x12",
    "17, 1000, 0x22",
    "500, 375, 0x41"
  })
  void showsTheSameBits(int width, int height, String sampling) {
    byte[] jpeg = jpeg(Pictures.noise(width, height, 1), Integer.decode(sampling), 0);
    Random random = new Random(2);
    int less = 0;
    for (int i = 0; i < 40; i++) {
      int cropHeight = 1 + random.nextInt(height);
      int top = random.nextInt(height - cropHeight + 1);
      int cropWidth = 1 + random.nextInt(width);
      int left = random.nextInt(width - cropWidth + 1);
      CropRegion region = new CropRegion(left, top, cropWidth, cropHeight, Mirroring.NONE);
      for (int reduction : new int[] {1, 2}) {
        float[] whole = new float[TRANSFORM.valuesPerImage()];
        resample(jpeg, region, new Extent(Integer.MAX_VALUE, reduction), whole);
        float[] part = new float[TRANSFORM.valuesPerImage()];
        int rows = resample(jpeg, region, new Extent(top + cropHeight, reduction), part);
        assertThat(part).as("%s at 1/%s", region, reduction).isEqualTo(whole);
        int blocks = Math.max(1, Integer.decode(sampling) & 0xf) * 8;
        assertThat(rows * reduction).isLessThan(top + cropHeight + 2 * blocks + reduction);
        less += rows * reduction < height ? 1 : 0;
      }
    }
    assertThat(less).as("partly decoded").isGreaterThan(20);
  }

  /** So few bytes below the crop that libjpeg, which reads ahead, does not find all it wants. */
  @ParameterizedTest
  @ValueSource(ints = {1, 8, 16, 33})
  void whereAlmostNothingIsLeftOut(int width) {
    for (int height = 17; height < 120; height += 3) {
      byte[] jpeg = jpeg(Pictures.plain(width, height, 0x406080), 0x22, 0);
      for (int rows = 1; rows <= height; rows += 5) {
        CropRegion region = new CropRegion(0, 0, width, rows, Mirroring.NONE);
        float[] whole = new float[TRANSFORM.valuesPerImage()];
        resample(jpeg, region, Extent.WHOLE, whole);
        float[] part = new float[TRANSFORM.valuesPerImage()];
        resample(jpeg, region, new Extent(rows, 1), part);
        assertThat(part).as("%s rows of %s x %s", rows, width, height).isEqualTo(whole);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void orientationsThatReverseRowsAreDecodedInFull(int orientation) {
    byte[] jpeg =
        Pictures.withOrientation(
            Pictures.jpeg(Pictures.noise(100, 100, 1), ImageWriteParam.MODE_DISABLED), orientation);
    CropRegion region = new CropRegion(10, 5, 60, 20, Mirroring.NONE);
    float[] whole = new float[TRANSFORM.valuesPerImage()];
    resample(jpeg, region, Extent.WHOLE, whole);
    float[] part = new float[TRANSFORM.valuesPerImage()];
    int rows = resample(jpeg, region, new Extent(25, 1), part);
    assertThat(part).isEqualTo(whole);
    assertThat(rows).isEqualTo(orientation <= 2 ? 48 : 100);
  }

  @Test
  void progressiveOnesRestartsAndOtherFormatsAreDecodedInFull() {
    BufferedImage image = Pictures.noise(64, 100, 1);
    for (byte[] encoded :
        new byte[][] {
          Pictures.encode(image, "png"),
          Pictures.jpeg(image, ImageWriteParam.MODE_DEFAULT),
          Pictures.fourBandJpeg(64, 100, 0, 0, 0, 0),
          jpeg(image, 0x22, 1)
        }) {
      try (Decoded decoded = (Decoded) decoder.decode(encoded, whole -> new Extent(10, 1))) {
        assertThat(decoded.heightPx()).isEqualTo(100);
      }
    }
  }

  @Test
  void theNextImageIsWholeAgain() {
    byte[] jpeg = jpeg(Pictures.noise(64, 100, 1), 0x22, 0);
    byte[] before = jpeg.clone();
    try (Decoded part = (Decoded) decoder.decode(jpeg, whole -> new Extent(10, 1))) {
      assertThat(part.heightPx()).isEqualTo(32);
      assertThat(part.whole()).isEqualTo(new DecodeResult.Size(64, 100));
    }
    try (Decoded whole = (Decoded) decoder.decode(jpeg)) {
      assertThat(whole.heightPx()).isEqualTo(100);
    }
    assertThat(jpeg).isEqualTo(before);
  }

  /** Returns how many rows were decoded. */
  private int resample(byte[] jpeg, CropRegion region, Extent extent, float[] target) {
    try (Decoded decoded = (Decoded) decoder.decode(jpeg, whole -> extent)) {
      resampler.resample(decoded, region, TRANSFORM, FloatBuffer.wrap(target), 0);
      return decoded.heightPx();
    }
  }

  /** By libjpeg: the sampling factors of luminance in hexadecimal, colours at 1 x 1. */
  private static byte[] jpeg(BufferedImage image, int sampling, int restartInterval) {
    byte[] bgr = new byte[image.getWidth() * image.getHeight() * 3];
    for (int i = 0; i < bgr.length / 3; i++) {
      int rgb = image.getRGB(i % image.getWidth(), i / image.getWidth());
      bgr[i * 3] = (byte) rgb;
      bgr[i * 3 + 1] = (byte) (rgb >> 8);
      bgr[i * 3 + 2] = (byte) (rgb >> 16);
    }
    try (BytePointer pixels = new BytePointer(bgr);
        Mat mat = new Mat(image.getHeight(), image.getWidth(), opencv_core.CV_8UC3, pixels);
        BytePointer encoded = new BytePointer();
        IntPointer settings =
            new IntPointer(
                opencv_imgcodecs.IMWRITE_JPEG_SAMPLING_FACTOR,
                sampling << 16 | 0x1111,
                opencv_imgcodecs.IMWRITE_JPEG_RST_INTERVAL,
                restartInterval)) {
      assertThat(opencv_imgcodecs.imencode(".jpg", mat, encoded, settings)).isTrue();
      byte[] bytes = new byte[(int) encoded.limit()];
      encoded.get(bytes);
      return bytes;
    }
  }
}
