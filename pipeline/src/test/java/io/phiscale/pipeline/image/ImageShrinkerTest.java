package io.phiscale.pipeline.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class ImageShrinkerTest {

  /** A smooth picture: red rises to the right, green downwards. */
  private static byte[] picture(int width, int height) throws IOException {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        image.setRGB(x, y, ((255 * x / width) << 16) | ((255 * y / height) << 8) | 40);
      }
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(image, "png", bytes);
    return bytes.toByteArray();
  }

  @Test
  void theShorterSideBecomesTheTargetAndColoursStay() throws IOException {
    try (ImageDecoder decoder = new ImageDecoder();
        ImageShrinker shrinker = new ImageShrinker(64, 95)) {
      byte[] smaller;
      try (Decoded large = (Decoded) decoder.decode(picture(301, 200))) {
        ImageShrinker.Smaller result = shrinker.shrink(large).orElseThrow();
        assertThat(result.width()).isEqualTo(96);
        assertThat(result.height()).isEqualTo(64);
        smaller = result.bytes();
        assertThat(shrinker.shrink(large).orElseThrow().bytes()).isEqualTo(smaller);
      }
      try (Decoded small = (Decoded) decoder.decode(smaller)) {
        assertThat(small.format()).isEqualTo(ImageFormat.JPEG);
        assertThat(small.widthPx()).isEqualTo(96);
        assertThat(small.heightPx()).isEqualTo(64);
        for (int[] at : new int[][] {{5, 5}, {48, 32}, {90, 10}, {20, 60}}) {
          int rgb = small.rgb(at[0], at[1]);
          assertThat(rgb >> 16).isCloseTo(255 * at[0] / 96, within(6));
          assertThat((rgb >> 8) & 255).isCloseTo(255 * at[1] / 64, within(6));
          assertThat(rgb & 255).isCloseTo(40, within(6));
        }
      }
    }
  }

  @Test
  void smallImagesAreLeftAlone() throws IOException {
    try (ImageDecoder decoder = new ImageDecoder();
        ImageShrinker shrinker = new ImageShrinker(64, 95);
        Decoded image = (Decoded) decoder.decode(picture(300, 64))) {
      assertThat(shrinker.shrink(image)).isEmpty();
    }
  }

  @Test
  void refusesWhatNoImageCanBe() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ImageShrinker(0, 90))
        .withMessage("Invalid short side: 0 px (must be > 0)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ImageShrinker(1, 101))
        .withMessage("Invalid JPEG quality: 101 (must be in [1, 100])");
  }
}
