package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.EvaluationCrop.WholeImage;
import java.awt.image.BufferedImage;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ImageResamplerTest {
  /** Values 0 ... 255, as they come out of the resize. */
  private static final Normalization RAW = new Normalization(0, 0, 0, 1 / 255f, 1 / 255f, 1 / 255f);

  private final ImageResampler resampler = new ImageResampler();

  @ParameterizedTest
  @CsvSource({
    // image, region, resolution
    "200, 150, 0, 0, 200, 150, 32, NONE", // shrinking, more rows than a strip
    "200, 150, 13, 5, 129, 130, 64, HORIZONTAL",
    "90, 64, 0, 0, 90, 64, 64, NONE", // one axis as it is
    "20, 12, 3, 1, 15, 11, 48, HORIZONTAL", // enlarging
    "33, 70, 0, 3, 33, 67, 37, NONE", // up and down, odd sizes
    "40, 30, 39, 29, 1, 1, 5, NONE", // one pixel
    "5, 3, 0, 0, 5, 3, 1, HORIZONTAL",
  })
  void agreesWithThePlainLoopForEveryKernel(
      int width,
      int height,
      int left,
      int top,
      int cropWidth,
      int cropHeight,
      int resolution,
      Mirroring mirroring) {
    BufferedImage image = Pictures.noise(width, height, 11);
    CropRegion region = new CropRegion(left, top, cropWidth, cropHeight, mirroring);
    for (Interpolation interpolation : Interpolation.values()) {
      float[] actual = resample(image, region, transform(resolution, interpolation, RAW));
      double[] exact = plainLoop(image, region, resolution, interpolation, Rounding.NONE);
      double[] pillow = plainLoop(image, region, resolution, interpolation, Rounding.EACH_PASS);
      double sum = 0;
      for (int i = 0; i < exact.length; i++) {
        assertThat((double) actual[i])
            .as("%s at %d", interpolation, i)
            .isCloseTo(exact[i], within(0.002));
        sum += Math.abs(actual[i] - pillow[i]);
      }
      assertThat(sum / exact.length)
          .as("mean difference of %s from Pillow's 8-bit result, in 1/255", interpolation)
          .isLessThan(0.5);
    }
  }

  @ParameterizedTest
  @EnumSource(Interpolation.class)
  void anImageOfTheRightSizeIsCopied(Interpolation interpolation) {
    BufferedImage image = Pictures.noise(70, 70, 5);
    float[] actual = resample(image, CropRegion.whole(70, 70), transform(70, interpolation, RAW));
    for (int y = 0; y < 70; y++) {
      for (int x = 0; x < 70; x++) {
        int rgb = image.getRGB(x, y);
        int at = (y * 70 + x) * 3;
        assertThat(actual[at]).isCloseTo(rgb >> 16 & 0xff, within(0.001f));
        assertThat(actual[at + 1]).isCloseTo(rgb >> 8 & 0xff, within(0.001f));
        assertThat(actual[at + 2]).isCloseTo(rgb & 0xff, within(0.001f));
      }
    }
  }

  /**
   * A checkerboard of single pixels, shrunk to a third, is grey; a kernel that skips pixels shows a
   * moiré.
   */
  @ParameterizedTest
  @EnumSource(
      names = {"BILINEAR", "BICUBIC", "AREA"},
      value = Interpolation.class)
  void shrinkingDoesNotAlias(Interpolation interpolation) {
    BufferedImage checkerboard = Pictures.plain(96, 96, 0);
    for (int y = 0; y < 96; y++) {
      for (int x = 0; x < 96; x++) {
        checkerboard.setRGB(x, y, (x + y) % 2 == 0 ? 0xffffff : 0);
      }
    }
    float[] actual =
        resample(checkerboard, CropRegion.whole(96, 96), transform(24, interpolation, RAW));
    for (int y = 2; y < 22; y++) {
      for (int x = 2; x < 22; x++) {
        assertThat(actual[(y * 24 + x) * 3]).isCloseTo(127.5f, within(1f));
      }
    }
  }

  @Test
  void overshootIsClippedBeforeNormalising() {
    BufferedImage edge = Pictures.plain(20, 20, 0);
    for (int y = 0; y < 20; y++) {
      for (int x = 10; x < 20; x++) {
        edge.setRGB(x, y, 0xffffff);
      }
    }
    float[] actual =
        resample(edge, CropRegion.whole(20, 20), transform(60, Interpolation.BICUBIC, RAW));
    for (float value : actual) {
      assertThat(value).isBetween(0f, 255.001f);
    }
  }

  @Test
  void normalisesEachChannelByItsOwnStatistics() {
    BufferedImage image = Pictures.plain(9, 9, 0x336699);
    float[] actual =
        resample(
            image,
            CropRegion.whole(9, 9),
            transform(4, Interpolation.BICUBIC, Normalization.IMAGENET));
    for (int i = 0; i < actual.length; i += 3) {
      assertThat(actual[i]).isCloseTo((0x33 / 255f - 0.485f) / 0.229f, within(1e-5f));
      assertThat(actual[i + 1]).isCloseTo((0x66 / 255f - 0.456f) / 0.224f, within(1e-5f));
      assertThat(actual[i + 2]).isCloseTo((0x99 / 255f - 0.406f) / 0.225f, within(1e-5f));
    }
  }

  @Test
  void changingResolutionsAndNormalisationsDoNotDisturbEachOther() {
    BufferedImage image = Pictures.noise(80, 80, 6);
    CropRegion region = CropRegion.whole(80, 80);
    ImageTransform small = transform(16, Interpolation.BICUBIC, RAW);
    ImageTransform large = transform(100, Interpolation.AREA, Normalization.IMAGENET);
    float[] before = resample(image, region, small);
    resample(image, region, large);
    assertThat(resample(image, region, small)).isEqualTo(before);
    assertThat(resample(image, region, large)).isEqualTo(resample(image, region, large));
  }

  @Test
  void writesOnlyItsOwnPlaceInTheBuffer() {
    ImageTransform transform = transform(4, Interpolation.BILINEAR, RAW);
    FloatBuffer target = FloatBuffer.allocate(3 * transform.valuesPerImage());
    for (int i = 0; i < target.capacity(); i++) {
      target.put(i, -1f);
    }
    try (ImageDecoder decoder = new ImageDecoder();
        Decoded image =
            (Decoded) decoder.decode(Pictures.encode(Pictures.plain(8, 8, 0x050505), "png"))) {
      resampler.resample(
          image, CropRegion.whole(8, 8), transform, target, transform.valuesPerImage());
      assertThatThrownBy(
              () -> resampler.resample(image, CropRegion.whole(9, 8), transform, target, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("must lie inside 8 x 8 px");
    }
    assertThat(target.position()).isZero();
    for (int i = 0; i < target.capacity(); i++) {
      boolean own = i / transform.valuesPerImage() == 1;
      assertThat(target.get(i)).isCloseTo(own ? 5f : -1f, within(1e-4f));
    }
  }

  private float[] resample(BufferedImage image, CropRegion region, ImageTransform transform) {
    FloatBuffer target = FloatBuffer.allocate(transform.valuesPerImage());
    try (ImageDecoder decoder = new ImageDecoder();
        Decoded decoded = (Decoded) decoder.decode(Pictures.encode(image, "png"))) {
      resampler.resample(decoded, region, transform, target, 0);
    }
    return target.array();
  }

  private static ImageTransform transform(
      int resolution, Interpolation interpolation, Normalization normalization) {
    return new EvaluationTransform(
        resolution, new WholeImage(), interpolation, normalization, Decoding.FULL);
  }

  private enum Rounding {
    /** None, and clipping at the very end only. */
    NONE,
    /** To 8 bits after each of the two passes, as Pillow does it. */
    EACH_PASS
  }

  /** Pillow's two passes, written down as they are defined. */
  private static double[] plainLoop(
      BufferedImage image,
      CropRegion region,
      int resolution,
      Interpolation interpolation,
      Rounding rounding) {
    double[][][] source = new double[region.height()][region.width()][3];
    for (int y = 0; y < region.height(); y++) {
      for (int x = 0; x < region.width(); x++) {
        int rgb = image.getRGB(region.left() + x, region.top() + y);
        source[y][x] = new double[] {rgb >> 16 & 0xff, rgb >> 8 & 0xff, rgb & 0xff};
      }
    }
    double[] result = new double[resolution * resolution * 3];
    for (int channel = 0; channel < 3; channel++) {
      double[][] narrow = new double[region.height()][resolution];
      for (int y = 0; y < region.height(); y++) {
        double[] row = new double[region.width()];
        for (int x = 0; x < region.width(); x++) {
          row[x] = source[y][x][channel];
        }
        narrow[y] = axis(row, resolution, interpolation, rounding);
      }
      for (int x = 0; x < resolution; x++) {
        double[] column = new double[region.height()];
        for (int y = 0; y < region.height(); y++) {
          column[y] = narrow[y][x];
        }
        double[] resized = axis(column, resolution, interpolation, rounding);
        int to = region.mirroring() == Mirroring.HORIZONTAL ? resolution - 1 - x : x;
        for (int y = 0; y < resolution; y++) {
          result[(y * resolution + to) * 3 + channel] = Math.max(0, Math.min(255, resized[y]));
        }
      }
    }
    return result;
  }

  private static double[] axis(
      double[] in, int out, Interpolation interpolation, Rounding rounding) {
    double scale = (double) in.length / out;
    double filterScale = Math.max(1, scale);
    double[] result = new double[out];
    for (int i = 0; i < out; i++) {
      double centre = (i + 0.5) * scale;
      if (interpolation == Interpolation.NEAREST) {
        result[i] = in[(int) Math.floor(centre)];
        continue;
      }
      double support =
          filterScale
              * switch (interpolation) {
                case AREA -> 0.5;
                case BILINEAR -> 1;
                default -> 2;
              };
      int from = Math.max(0, (int) (centre - support + 0.5));
      int to = Math.min(in.length, (int) (centre + support + 0.5));
      double sum = 0;
      double weights = 0;
      for (int j = from; j < to; j++) {
        double weight = kernel(interpolation, (j - centre + 0.5) / filterScale);
        sum += weight * in[j];
        weights += weight;
      }
      result[i] =
          rounding == Rounding.NONE
              ? sum / weights
              : Math.max(0, Math.min(255, Math.rint(sum / weights)));
    }
    return result;
  }

  private static double kernel(Interpolation interpolation, double x) {
    double d = Math.abs(x);
    return switch (interpolation) {
      case AREA -> x > -0.5 && x <= 0.5 ? 1 : 0;
      case BILINEAR -> Math.max(0, 1 - d);
      default ->
          d < 1
              ? 1.5 * d * d * d - 2.5 * d * d + 1
              : d < 2 ? -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2 : 0;
    };
  }
}
