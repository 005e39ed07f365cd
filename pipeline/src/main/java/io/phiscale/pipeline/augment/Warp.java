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
 * exactly 0: one pass of four taps instead of sixteen. Bicubic is computed in whole numbers, and in
 * Pillow's doubles only where that could change the result: near borders, and where a sum is within
 * 0.0006 of the number that it would be cut off to.
 */
final class Warp {
  private static final int C = Picture.CHANNELS;

  /** Weights of bicubic have so many bits after the point: sums of 255 times 1.5 fit an int. */
  private static final int BITS = 22;

  private static final int ONE = 1 << BITS;

  /**
   * More than what sums of rounded weights may be off, in units of 1 / ONE: weights are off by 3 in
   * all, times 255 along one axis; along two, 1.5 times as much twice.
   */
  private static final int SLACK = 2_500;

  /** Closer to a whole pixel than this, sums of coordinates may fall on its other side. */
  private static final double MARGIN = 1e-9;

  /** A column whose rows are looked up one by one. */
  private static final int UNSTEADY = Integer.MIN_VALUE / 2;

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
    int width = picture.widthPx();
    int height = picture.heightPx();
    int row = width * C;
    for (int i = 0; i < row && height > 0; i += C) {
      out[i] = (byte) style.red();
      out[i + 1] = (byte) style.green();
      out[i + 2] = (byte) style.blue();
    }
    for (int y = 1; y < height; y++) {
      System.arraycopy(out, 0, out, y * row, row);
    }
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
          bicubicAlongColumns(in, out, width, height, a, picture.line(width * 5));
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
      double shift = a[1] * (row + 0.5) + a[2];
      int whole = (int) Math.floor(shift);
      double d = shift - whole;
      int start = row * width * C;
      // Where all four taps lie inside, and d is far enough from jumping to the next pixel.
      boolean steady = d > MARGIN && d < 1 - MARGIN;
      int first = steady ? Math.max(0, Math.min(width, 1 - whole)) : width;
      int last = steady ? Math.max(first, Math.min(width, width - 2 - whole)) : width;
      for (int i = 0; i < first; i++) {
        exactAlongRow(in, out, width, row, i, a);
      }
      if (first < last) {
        int w0 = weight0(d);
        int w2 = weight2(d);
        int w3 = weight3(d);
        int w1 = ONE - w0 - w2 - w3;
        int from = start + (first + whole) * C;
        for (int at = start + first * C; at < start + last * C; at++) {
          int sum =
              w0 * (in[from - C] & 0xff)
                  + w1 * (in[from] & 0xff)
                  + w2 * (in[from + C] & 0xff)
                  + w3 * (in[from + 2 * C] & 0xff);
          if (isSafe(sum)) {
            out[at] = clipped(sum >> BITS);
          } else if (isFlat(in, from, C)) {
            out[at] = in[from];
          } else {
            exactAlongRow(in, out, width, row, (at - start) / C, a);
          }
          from++;
        }
      }
      for (int i = last; i < width; i++) {
        exactAlongRow(in, out, width, row, i, a);
      }
    }
  }

  private static void exactAlongRow(byte[] in, byte[] out, int width, int row, int i, double[] a) {
    double x = i + 0.5 + a[1] * (row + 0.5) + a[2];
    if (x < 0 || x >= width) {
      return;
    }
    x -= 0.5;
    int left = (int) Math.floor(x);
    int start = row * width * C;
    cubic(
        in,
        start + Math.max(0, left - 1) * C,
        start + Math.max(0, left) * C,
        start + Math.min(width - 1, left + 1) * C,
        start + Math.min(width - 1, left + 2) * C,
        x - left,
        out,
        start + i * C);
  }

  private static void bicubicAlongColumns(
      byte[] in, byte[] out, int width, int height, double[] a, int[] columns) {
    int line = width * C;
    // Of each column: whole rows, and four weights.
    for (int i = 0; i < width; i++) {
      double shift = a[3] * (i + 0.5) + a[5];
      int whole = (int) Math.floor(shift);
      double d = shift - whole;
      boolean steady = d > MARGIN && d < 1 - MARGIN;
      columns[i * 5] = steady ? whole : UNSTEADY;
      columns[i * 5 + 1] = weight0(d);
      columns[i * 5 + 3] = weight2(d);
      columns[i * 5 + 4] = weight3(d);
      columns[i * 5 + 2] = ONE - columns[i * 5 + 1] - columns[i * 5 + 3] - columns[i * 5 + 4];
    }
    for (int row = 0; row < height; row++) {
      for (int i = 0; i < width; i++) {
        int top = row + columns[i * 5];
        if (top < 1 || top + 2 >= height) {
          exactAlongColumn(in, out, width, height, row, i, a);
          continue;
        }
        int w0 = columns[i * 5 + 1];
        int w1 = columns[i * 5 + 2];
        int w2 = columns[i * 5 + 3];
        int w3 = columns[i * 5 + 4];
        int from = top * line + i * C;
        int to = row * line + i * C;
        for (int c = 0; c < C; c++) {
          int sum =
              w0 * (in[from - line + c] & 0xff)
                  + w1 * (in[from + c] & 0xff)
                  + w2 * (in[from + line + c] & 0xff)
                  + w3 * (in[from + 2 * line + c] & 0xff);
          if (isSafe(sum)) {
            out[to + c] = clipped(sum >> BITS);
          } else if (isFlat(in, from + c, line)) {
            out[to + c] = in[from + c];
          } else {
            exactAlongColumn(in, out, width, height, row, i, a);
            break;
          }
        }
      }
    }
  }

  private static void exactAlongColumn(
      byte[] in, byte[] out, int width, int height, int row, int i, double[] a) {
    double y = a[3] * (i + 0.5) + (row + 0.5) + a[5];
    if (y < 0 || y >= height) {
      return;
    }
    y -= 0.5;
    int line = width * C;
    int top = (int) Math.floor(y);
    cubic(
        in,
        Math.max(0, top - 1) * line + i * C,
        Math.max(0, top) * line + i * C,
        Math.min(height - 1, top + 1) * line + i * C,
        Math.min(height - 1, top + 2) * line + i * C,
        y - top,
        out,
        row * line + i * C);
  }

  // The cubic kernel with a = -1 at distances 1 + d, d, 1 - d and 2 - d, in units of 1 / ONE.

  private static int weight0(double d) {
    return (int) Math.rint((-d + d * d * (2 - d)) * ONE);
  }

  private static int weight2(double d) {
    return (int) Math.rint((d + d * d * (1 - d)) * ONE);
  }

  private static int weight3(double d) {
    return (int) Math.rint(d * d * (d - 1) * ONE);
  }

  /** Whether four taps are the same, which is then what comes out. */
  private static boolean isFlat(byte[] in, int at, int step) {
    return in[at - step] == in[at] && in[at] == in[at + step] && in[at] == in[at + 2 * step];
  }

  /** Whether a sum of weighted pixels is far enough from a whole number to be cut off. */
  private static boolean isSafe(int sum) {
    int fraction = sum & (ONE - 1);
    return fraction > SLACK && fraction < ONE - SLACK;
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
        if (left > 0
            && left + 2 < width
            && top > 0
            && top + 2 < height
            && inside(in, out, (top * width + left) * C, line, dx, dy, row * line + i * C)) {
          continue;
        }
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

  /** One pixel from sixteen in whole numbers; false where a result is too close to the next one. */
  private static boolean inside(
      byte[] in, byte[] out, int from, int line, double dx, double dy, int to) {
    int w0 = weight0(dx);
    int w2 = weight2(dx);
    int w3 = weight3(dx);
    int w1 = ONE - w0 - w2 - w3;
    long h0 = weight0(dy);
    long h2 = weight2(dy);
    long h3 = weight3(dy);
    long h1 = ONE - h0 - h2 - h3;
    for (int c = 0; c < C; c++) {
      int at = from + c;
      long sum =
          h0 * ofRow(in, at - line, w0, w1, w2, w3)
              + h1 * ofRow(in, at, w0, w1, w2, w3)
              + h2 * ofRow(in, at + line, w0, w1, w2, w3)
              + h3 * ofRow(in, at + 2 * line, w0, w1, w2, w3);
      int scaled = (int) (sum >> BITS);
      if (!isSafe(scaled)) {
        return false;
      }
      out[to + c] = clipped(scaled >> BITS);
    }
    return true;
  }

  private static int ofRow(byte[] in, int at, int w0, int w1, int w2, int w3) {
    return w0 * (in[at - C] & 0xff)
        + w1 * (in[at] & 0xff)
        + w2 * (in[at + C] & 0xff)
        + w3 * (in[at + 2 * C] & 0xff);
  }

  private static byte clipped(int whole) {
    return (byte) (whole < 0 ? 0 : Math.min(whole, 255));
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
    return clipped((int) value);
  }
}
