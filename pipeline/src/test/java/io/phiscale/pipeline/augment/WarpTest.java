package io.phiscale.pipeline.augment;

import static org.assertj.core.api.Assertions.assertThat;

import io.phiscale.pipeline.image.Interpolation;
import io.phiscale.pipeline.image.SampleRandom;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Bicubic in whole numbers against Pillow's doubles, written plainly, on pictures of all kinds. */
class WarpTest {
  private static final WarpStyle STYLE = new WarpStyle(Interpolation.BICUBIC, 9, 99, 199);

  /** Noise, a smooth field, a flat one, and steps: 60 x 40 px. */
  private static Picture picture(long seed) {
    SampleRandom random = SampleRandom.of(seed, 0, 0);
    Picture picture = new Picture();
    picture.resize(60, 40);
    byte[] pixels = picture.pixels();
    for (int i = 0; i < picture.length(); i++) {
      int x = i / 3 % 60;
      int y = i / 180;
      pixels[i] =
          (byte)
              (x < 20
                  ? random.nextInt(256)
                  : x < 40 ? 2 * x + 3 * y : y < 20 ? 255 : 64 * ((x + y) % 4));
    }
    return picture;
  }

  private static byte[] plainly(Picture picture, double[] a) {
    int width = picture.widthPx();
    int height = picture.heightPx();
    byte[] in = picture.pixels();
    byte[] out = new byte[picture.length()];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) (i % 3 == 0 ? 9 : i % 3 == 1 ? 99 : 199);
    }
    for (int i = 0; i < out.length; i++) {
      int line = i / 3 / width;
      int place = i / 3 % width;
      double inX = place + 0.5;
      double inY = line + 0.5;
      double x = a[0] * inX + a[1] * inY + a[2];
      double y = a[3] * inX + a[4] * inY + a[5];
      if (x < 0 || x >= width || y < 0 || y >= height) {
        continue;
      }
      int left = (int) Math.floor(x - 0.5);
      int top = (int) Math.floor(y - 0.5);
      double[] rows = new double[4];
      for (int k = 0; k < 4; k++) {
        int row = Math.max(0, Math.min(height - 1, top - 1 + k));
        double[] taps = new double[4];
        for (int j = 0; j < 4; j++) {
          int column = Math.max(0, Math.min(width - 1, left - 1 + j));
          taps[j] = in[(row * width + column) * 3 + i % 3] & 0xff;
        }
        rows[k] = cubic(taps, x - 0.5 - left);
      }
      out[i] = (byte) (int) Math.max(0, Math.min(255, cubic(rows, y - 0.5 - top)));
    }
    return out;
  }

  private static double cubic(double[] v, double d) {
    double p2 = -v[0] + v[2];
    double p3 = 2 * (v[0] - v[1]) + v[2] - v[3];
    double p4 = -v[0] + v[1] - v[2] + v[3];
    return v[1] + d * (p2 + d * (p3 + d * p4));
  }

  private static byte[] bytes(Picture picture) {
    return Arrays.copyOf(picture.pixels(), picture.length());
  }

  @Test
  void isPillowsBitForBit() {
    for (int seed = 0; seed < 25; seed++) {
      SampleRandom random = SampleRandom.of(seed, 1, 0);
      // Quarters too: sums that are whole numbers.
      double shear = seed % 3 == 0 ? 0.25 : random.nextDouble(-1, 1);
      double pixels = seed % 3 == 0 ? 2.5 : random.nextDouble(-70, 70);
      Picture sheared = picture(seed);
      byte[] expected = plainly(sheared, new double[] {1, shear, 0, 0, 1, 0});
      Warp.shearX(sheared, shear, STYLE);
      assertThat(bytes(sheared)).as("shear x %s", shear).isEqualTo(expected);

      sheared = picture(seed);
      expected = plainly(sheared, new double[] {1, 0, 0, shear, 1, 0});
      Warp.shearY(sheared, shear, STYLE);
      assertThat(bytes(sheared)).as("shear y %s", shear).isEqualTo(expected);

      Picture moved = picture(seed);
      expected = plainly(moved, new double[] {1, 0, pixels, 0, 1, 0});
      Warp.translateX(moved, pixels, STYLE);
      assertThat(bytes(moved)).as("translate x %s", pixels).isEqualTo(expected);

      moved = picture(seed);
      expected = plainly(moved, new double[] {1, 0, 0, 0, 1, pixels});
      Warp.translateY(moved, pixels, STYLE);
      assertThat(bytes(moved)).as("translate y %s", pixels).isEqualTo(expected);
    }
  }

  @Test
  void turningIsPillowsBitForBit() {
    for (int degrees = -90; degrees <= 90; degrees += 15) {
      double radians = -Math.toRadians(degrees);
      double cosine = Math.round(Math.cos(radians) * 1e15) / 1e15;
      double sine = Math.round(Math.sin(radians) * 1e15) / 1e15;
      Picture picture = picture(degrees);
      byte[] expected =
          plainly(
              picture,
              new double[] {
                cosine,
                sine,
                cosine * -30 + sine * -20 + 30,
                -sine,
                cosine,
                -sine * -30 + cosine * -20 + 20
              });
      Warp.rotate(picture, degrees, STYLE);
      byte[] actual = bytes(picture);
      int different = 0;
      for (int i = 0; i < actual.length; i++) {
        different += actual[i] != expected[i] ? 1 : 0;
      }
      // The test's own sine and cosine are not rounded as Python's are: the last bit may differ.
      assertThat(different).as("%s degrees", degrees).isLessThanOrEqualTo(3);
    }
  }
}
