package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import io.phiscale.pipeline.image.DecodeResult.Extent;
import io.phiscale.pipeline.image.DecodeResult.Size;
import java.awt.image.BufferedImage;
import java.nio.FloatBuffer;
import javax.imageio.ImageWriteParam;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScaledDecodingTest {
  private static final Normalization RAW = new Normalization(0, 0, 0, 1 / 255f, 1 / 255f, 1 / 255f);
  private static final EvaluationTransform SCALED =
      EvaluationTransform.centreCrop(32).withNormalization(RAW).withDecoding(Decoding.SCALED);

  private final ImageDecoder decoder = new ImageDecoder();

  @AfterEach
  void closeDecoder() {
    decoder.close();
  }

  @ParameterizedTest
  @CsvSource({
    // region, reduction
    "31, 500, 1",
    "63, 500, 1",
    "64, 64, 2",
    "127, 500, 2",
    "500, 128, 4",
    "255, 255, 4",
    "256, 300, 8",
    "5000, 3000, 8",
  })
  void theCropStaysAsLargeAsTheInput(int width, int height, int reduction) {
    CropRegion region = CropRegion.whole(width, height);
    assertThat(SCALED.extent(region).reduction()).isEqualTo(reduction);
    assertThat(SCALED.withDecoding(Decoding.FULL).extent(region).reduction()).isEqualTo(1);
  }

  /** Upright or not, the crop of the smaller image shows what that of the whole one does. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void showsTheSameCrop(int orientation) {
    byte[] jpeg =
        Pictures.withOrientation(
            Pictures.jpeg(Pictures.gradient(331, 203), ImageWriteParam.MODE_DISABLED), orientation);
    Size upright = orientation > 4 ? new Size(203, 331) : new Size(331, 203);
    for (Mirroring mirroring : Mirroring.values()) {
      CropRegion region = new CropRegion(37, 25, 150, 161, mirroring);
      float[] whole = resampled(jpeg, region, upright, 1);
      for (int reduction : new int[] {2, 4}) {
        float[] reduced = resampled(jpeg, region, upright, reduction);
        double sum = 0;
        for (int i = 0; i < whole.length; i++) {
          sum += Math.abs(reduced[i] - whole[i]);
        }
        assertThat(sum / whole.length)
            .as("mean difference at 1/%s, in 1/255", reduction)
            .isLessThan(2);
      }
    }
  }

  @Test
  void aCropAtTheEdgeStaysInside() {
    byte[] jpeg = Pictures.jpeg(Pictures.plain(65, 33, 0x406080), ImageWriteParam.MODE_DISABLED);
    Size size = new Size(65, 33);
    for (int reduction : new int[] {1, 2, 4, 8}) {
      for (CropRegion region :
          new CropRegion[] {
            new CropRegion(64, 32, 1, 1, Mirroring.NONE), CropRegion.whole(65, 33)
          }) {
        float[] values = resampled(jpeg, region, size, reduction);
        for (int i = 0; i < values.length; i += 3) {
          assertThat(values[i]).isBetween(0x40 - 2f, 0x40 + 2f);
          assertThat(values[i + 2]).isBetween(0x80 - 2f, 0x80 + 2f);
        }
      }
      assertThatThrownBy(() -> resampled(jpeg, CropRegion.whole(66, 33), size, reduction))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("65 x 33 px");
    }
  }

  @Test
  void otherFormatsAndPlainCmykAreDecodedInFull() {
    BufferedImage image = Pictures.gradient(64, 48);
    for (byte[] encoded :
        new byte[][] {Pictures.encode(image, "png"), Pictures.fourBandJpeg(64, 48, 0, 0, 0, 0)}) {
      try (Decoded decoded = (Decoded) decoder.decode(encoded, whole -> reduced(4))) {
        assertThat(decoded.widthPx()).isEqualTo(64);
        assertThat(decoded.reduction()).isEqualTo(1);
      }
    }
  }

  @Test
  void anotherReductionIsRefused() {
    byte[] jpeg = Pictures.jpeg(Pictures.gradient(64, 48), ImageWriteParam.MODE_DISABLED);
    assertThatThrownBy(() -> decoder.decode(jpeg, whole -> reduced(3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid reduction: 3 (must be 1, 2, 4 or 8)");
  }

  private static Extent reduced(int reduction) {
    return new Extent(Integer.MAX_VALUE, reduction);
  }

  private float[] resampled(byte[] jpeg, CropRegion region, Size upright, int reduction) {
    FloatBuffer target = FloatBuffer.allocate(SCALED.valuesPerImage());
    try (Decoded decoded = (Decoded) decoder.decode(jpeg, whole -> reduced(reduction))) {
      assertThat(decoded.whole()).isEqualTo(upright);
      new ImageResampler().resample(decoded, region, SCALED, target, 0);
    }
    return target.array();
  }
}
