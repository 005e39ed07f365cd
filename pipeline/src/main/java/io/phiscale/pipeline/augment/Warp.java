package io.phiscale.pipeline.augment;

import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * Affine warps with the arithmetic of Pillow's {@code Image.transform} and {@code Image.rotate}
 * ({@code libImaging/Geometry.c}): an output pixel's centre (x + 0.5, y + 0.5) is looked up at
 * {@code (a x + b y + c, d x + e y + f)}; where that lies outside, the fill colour stays.
 *
 * <p>Nearest works in 16.16 fixed point, bilinear and bicubic in double, both cut off. A shear or
 * translation moves pixels along one axis only, where the other axis's interpolation has weight
 * exactly 0: one pass of four taps instead of sixteen.
 */
final class Warp {
  private static final int C = Picture.CHANNELS;

  private Warp() {}

  /** Output row y is moved by {@code factor * (y + 0.5)} to the left. */
  static void shearX(Picture picture, double factor, WarpStyle style) {
    affine(picture, new double[] {1, factor, 0, 0, 1, 0}, style);
  }

  /** Output column x is moved by {@code factor * (x + 0.5)} upwards. */
  static void shearY(Picture picture, double factor, WarpStyle style) {
    affine(picture, new double[] {1, 0, 0, factor, 1, 0}, style);
  }

  /** Moves to the left. */
  static void translateX(Picture picture, double pixels, WarpStyle style) {
    affine(picture, new double[] {1, 0, pixels, 0, 1, 0}, style);
  }

  /** Moves upwards. */
  static void translateY(Picture picture, double pixels, WarpStyle style) {
    affine(picture, new double[] {1, 0, 0, 0, 1, pixels}, style);
  }

  /** Turns counter-clockwise around the centre. */
  static void rotate(Picture picture, double degrees, WarpStyle style) {
    double angle = degrees % 360;
    if (angle == 0) {
      return;
    }
    double radians = -StrictMath.toRadians(angle < 0 ? angle + 360 : angle);
    double cosine = rounded(StrictMath.cos(radians));
    double sine = rounded(StrictMath.sin(radians));
    double centreX = picture.widthPx() / 2.0;
    double centreY = picture.heightPx() / 2.0;
    affine(
        picture,
        new double[] {
          cosine,
          sine,
          (cosine * -centreX + sine * -centreY + 0.0) + centreX,
          -sine,
          cosine,
          (-sine * -centreX + cosine * -centreY + 0.0) + centreY
        },
        style);
  }

  /** Python's {@code round(value, 15)}. */
  private static double rounded(double value) {
    return new BigDecimal(value).setScale(15, RoundingMode.HALF_EVEN).doubleValue();
  }

  private static void affine(Picture picture, double[] a, WarpStyle style) {
    byte[] in = picture.pixels();
    byte[] out = picture.spare();
    int length = picture.length();
    for (int i = 0; i < length; i += C) {
      out[i] = (byte) style.red();
      out[i + 1] = (byte) style.green();
      out[i + 2] = (byte) style.blue();
    }
    int width = picture.widthPx();
    int height = picture.heightPx();
    switch (style.interpolation()) {
      case NEAREST -> {
        if (a[1] == 0 && a[3] == 0) {
          nearestMoved(in, out, width, height, a, picture.line(width));
        } else {
          nearest(in, out, width, height, a);
        }
      }
      case BILINEAR -> bilinear(in, out, width, height, a);
      case BICUBIC -> {
        if (a[3] == 0 && a[4] == 1 && a[5] == 0) {
          bicubicAlongRows(in, out, width, height, a);
        } else if (a[0] == 1 && a[1] == 0 && a[2] == 0) {
          bicubicAlongColumns(in, out, width, height, a);
        } else {
          bicubic(in, out, width, height, a);
        }
      }
      case AREA -> throw new IllegalStateException("No warp has area interpolation");
    }
    picture.swap();
  }

  /** ImagingScaleAffine. */
  private static void nearestMoved(
      byte[] in, byte[] out, int width, int height, double[] a, int[] columns) {
    double x = a[2] + a[0] * 0.5;
    for (int i = 0; i < width; i++) {
      columns[i] = coordinate(x, width);
      x += a[0];
    }
    double y = a[5] + a[4] * 0.5;
    for (int row = 0; row < height; row++) {
      int from = coordinate(y, height);
      y += a[4];
      if (from < 0) {
        continue;
      }
      for (int i = 0; i < width; i++) {
        if (columns[i] >= 0) {
          copy(in, (from * width + columns[i]) * C, out, (row * width + i) * C);
        }
      }
    }
  }

  private static int coordinate(double value, int size) {
    return value < 0 || value >= size ? -1 : (int) value;
  }

  /** affine_fixed. */
  private static void nearest(byte[] in, byte[] out, int width, int height, double[] a) {
    int stepX = fixed(a[0]);
    int stepY = fixed(a[3]);
    int startX = fixed(a[2] + a[0] * 0.5 + a[1] * 0.5);
    int startY = fixed(a[5] + a[3] * 0.5 + a[4] * 0.5);
    int to = 0;
    for (int row = 0; row < height; row++) {
      int x = startX;
      int y = startY;
      for (int i = 0; i < width; i++) {
        int column = x >> 16;
        int line = y >> 16;
        if (column >= 0 && column < width && line >= 0 && line < height) {
          copy(in, (line * width + column) * C, out, to);
        }
        to += C;
        x += stepX;
        y += stepY;
      }
      startX += fixed(a[1]);
      startY += fixed(a[4]);
    }
  }

  private static int fixed(double value) {
    return (int) Math.floor(value * 65536.0 + 0.5);
  }

  private static void copy(byte[] in, int from, byte[] out, int to) {
    out[to] = in[from];
    out[to + 1] = in[from + 1];
    out[to + 2] = in[from + 2];
  }

  private static void bilinear(byte[] in, byte[] out, int width, int height, double[] a) {
    for (int row = 0; row < height; row++) {
      double inY = row + 0.5;
      for (int i = 0; i < width; i++) {
        double inX = i + 0.5;
        double x = a[0] * inX + a[1] * inY + a[2];
        double y = a[3] * inX + a[4] * inY + a[5];
        if (x < 0 || x >= width || y < 0 || y >= height) {
          continue;
        }
        x -= 0.5;
        y -= 0.5;
        int left = (int) Math.floor(x);
        int top = (int) Math.floor(y);
        double dx = x - left;
        double dy = y - top;
        int x0 = Math.max(0, left) * C;
        int x1 = Math.min(width - 1, left + 1) * C;
        int y0 = Math.max(0, top) * width * C;
        int y1 = Math.min(height - 1, top + 1) * width * C;
        int to = (row * width + i) * C;
        for (int c = 0; c < C; c++) {
          double upper = linear(in[y0 + x0 + c] & 0xff, in[y0 + x1 + c] & 0xff, dx);
          double lower = linear(in[y1 + x0 + c] & 0xff, in[y1 + x1 + c] & 0xff, dx);
          out[to + c] = (byte) (int) linear(upper, lower, dy);
        }
      }
    }
  }

  private static double linear(double a, double b, double d) {
    return a + (b - a) * d;
  }

  private static void bicubicAlongRows(byte[] in, byte[] out, int width, int height, double[] a) {
    for (int row = 0; row < height; row++) {
      double shift = a[1] * (row + 0.5);
      int start = row * width * C;
      for (int i = 0; i < width; i++) {
        double x = i + 0.5 + shift + a[2];
        if (x < 0 || x >= width) {
          continue;
        }
        x -= 0.5;
        int left = (int) Math.floor(x);
        double d = x - left;
        cubic(
            in,
            start + Math.max(0, left - 1) * C,
            start + Math.max(0, left) * C,
            start + Math.min(width - 1, left + 1) * C,
            start + Math.min(width - 1, left + 2) * C,
            d,
            out,
            start + i * C);
      }
    }
  }

  private static void bicubicAlongColumns(
      byte[] in, byte[] out, int width, int height, double[] a) {
    int line = width * C;
    for (int row = 0; row < height; row++) {
      for (int i = 0; i < width; i++) {
        double y = a[3] * (i + 0.5) + (row + 0.5) + a[5];
        if (y < 0 || y >= height) {
          continue;
        }
        y -= 0.5;
        int top = (int) Math.floor(y);
        double d = y - top;
        cubic(
            in,
            Math.max(0, top - 1) * line + i * C,
            Math.max(0, top) * line + i * C,
            Math.min(height - 1, top + 1) * line + i * C,
            Math.min(height - 1, top + 2) * line + i * C,
            d,
            out,
            row * line + i * C);
      }
    }
  }

  /** One pixel from four. */
  private static void cubic(
      byte[] in, int at0, int at1, int at2, int at3, double d, byte[] out, int to) {
    for (int c = 0; c < C; c++) {
      int v1 = in[at0 + c] & 0xff;
      int v2 = in[at1 + c] & 0xff;
      int v3 = in[at2 + c] & 0xff;
      int v4 = in[at3 + c] & 0xff;
      out[to + c] = clipped(cubic(v1, v2, v3, v4, d));
    }
  }

  private static void bicubic(byte[] in, byte[] out, int width, int height, double[] a) {
    int line = width * C;
    for (int row = 0; row < height; row++) {
      double inY = row + 0.5;
      for (int i = 0; i < width; i++) {
        double inX = i + 0.5;
        double x = a[0] * inX + a[1] * inY + a[2];
        double y = a[3] * inX + a[4] * inY + a[5];
        if (x < 0 || x >= width || y < 0 || y >= height) {
          continue;
        }
        x -= 0.5;
        y -= 0.5;
        int left = (int) Math.floor(x);
        int top = (int) Math.floor(y);
        double dx = x - left;
        double dy = y - top;
        int x0 = Math.max(0, left - 1) * C;
        int x1 = Math.max(0, left) * C;
        int x2 = Math.min(width - 1, left + 1) * C;
        int x3 = Math.min(width - 1, left + 2) * C;
        int y0 = Math.max(0, top - 1) * line;
        int y1 = Math.max(0, top) * line;
        int y2 = Math.min(height - 1, top + 1) * line;
        int y3 = Math.min(height - 1, top + 2) * line;
        int to = row * line + i * C;
        for (int c = 0; c < C; c++) {
          double v1 = cubicOfRow(in, y0 + c, x0, x1, x2, x3, dx);
          double v2 = cubicOfRow(in, y1 + c, x0, x1, x2, x3, dx);
          double v3 = cubicOfRow(in, y2 + c, x0, x1, x2, x3, dx);
          double v4 = cubicOfRow(in, y3 + c, x0, x1, x2, x3, dx);
          double p2 = -v1 + v3;
          double p3 = 2 * (v1 - v2) + v3 - v4;
          double p4 = -v1 + v2 - v3 + v4;
          out[to + c] = clipped(v2 + dy * (p2 + dy * (p3 + dy * p4)));
        }
      }
    }
  }

  private static double cubicOfRow(byte[] in, int row, int x0, int x1, int x2, int x3, double d) {
    return cubic(
        in[row + x0] & 0xff, in[row + x1] & 0xff, in[row + x2] & 0xff, in[row + x3] & 0xff, d);
  }

  private static double cubic(int v1, int v2, int v3, int v4, double d) {
    double p2 = v3 - v1;
    double p3 = 2 * (v1 - v2) + v3 - v4;
    double p4 = v2 - v1 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
  }

  private static byte clipped(double value) {
    int whole = (int) value;
    return (byte) (whole < 0 ? 0 : Math.min(whole, 255));
  }
}
