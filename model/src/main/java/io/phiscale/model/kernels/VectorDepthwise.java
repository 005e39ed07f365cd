package io.phiscale.model.kernels;

import static io.phiscale.model.kernels.VectorMath.LANES;
import static io.phiscale.model.kernels.VectorMath.ORDER;
import static io.phiscale.model.kernels.VectorMath.SPECIES;
import static io.phiscale.model.kernels.VectorMath.load;

import java.nio.ByteBuffer;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * {@link Depthwise} in Java's Vector API, for kernels of 3x3 and 5x5.
 *
 * <p>A block is one vector of channels. A band of rows of a block is first copied into a small
 * array on the heap, with its padding, one pixel after the other: it fits into the cache, the
 * addresses run straight, and no window has an edge. The gradient of the input is the same
 * correlation with the turned kernel, over an output gradient that is spread by the stride.
 */
final class VectorDepthwise implements Depthwise {

  /** Most values of a band: 128 KiB, well inside a second-level cache. */
  private static final int BAND_VALUES = 32 * 1024;

  private float[] band = new float[0];
  private float[] second = new float[0];
  private float[] taps = new float[0];
  private final float[] row = new float[LANES];

  @Override
  public int blockChannels() {
    return LANES;
  }

  @Override
  public boolean supports(ConvolutionShape shape) {
    return shape.depthwise()
        && shape.kernelHeight() == shape.kernelWidth()
        && (shape.kernelHeight() == 3 || shape.kernelHeight() == 5);
  }

  private void prepare(int bandLength, int secondLength, int tapCount) {
    if (band.length < bandLength) {
      band = new float[bandLength];
    }
    if (second.length < secondLength) {
      second = new float[secondLength];
    }
    if (taps.length < tapCount * LANES) {
      taps = new float[tapCount * LANES];
    }
  }

  /** Output rows of a band. */
  private static int bandRows(int rows, int rowLength, int stride) {
    return Math.max(1, Math.min(rows, BAND_VALUES / (rowLength * stride)));
  }

  @Override
  public void forward(
      Range range,
      Floats input,
      Floats weights,
      Floats bias,
      Activation activation,
      Floats output) {
    ConvolutionShape shape = range.shape();
    ImageShape in = shape.input();
    int kernel = shape.kernelHeight();
    int stride = shape.stride();
    int outputHeight = shape.outputHeight();
    int outputWidth = shape.outputWidth();
    int bandWidth = (outputWidth - 1) * stride + kernel;
    int rowLength = bandWidth * LANES;
    int rowsOfBand = bandRows(outputHeight, rowLength, stride);
    prepare(((rowsOfBand - 1) * stride + kernel) * rowLength, 0, kernel * kernel);
    for (int block = range.firstBlock(); block < range.firstBlock() + range.blocks(); block++) {
      int channel = block * LANES;
      int lanes = Math.min(LANES, in.channels() - channel);
      readTaps(weights, kernel, in.channels(), channel, lanes, Turn.NONE);
      Arrays.fill(row, 0);
      if (bias != null) {
        bias.read(channel, row, lanes);
      }
      for (int n = range.firstImage(); n < range.firstImage() + range.images(); n++) {
        for (int y = 0; y < outputHeight; y += rowsOfBand) {
          int rows = Math.min(rowsOfBand, outputHeight - y);
          gather(
              input.bytes(),
              n,
              in,
              channel,
              lanes,
              new Placement(
                  y * stride - shape.padding().top(),
                  (rows - 1) * stride + kernel,
                  shape.padding().left(),
                  bandWidth,
                  1));
          correlate(
              kernel,
              stride,
              rowLength,
              rows,
              outputWidth,
              activation,
              output,
              n * outputHeight + y,
              in.channels(),
              channel,
              lanes);
        }
      }
    }
  }

  @Override
  public void inputGradient(
      Range range, Floats weights, Floats outputGradient, Floats inputGradient) {
    ConvolutionShape shape = range.shape();
    ImageShape in = shape.input();
    ImageShape out = shape.output();
    int kernel = shape.kernelHeight();
    int stride = shape.stride();
    int bandWidth = in.width() - 1 + kernel;
    int rowLength = bandWidth * LANES;
    int rowsOfBand = bandRows(in.height(), rowLength, 1);
    prepare((rowsOfBand - 1 + kernel) * rowLength, 0, kernel * kernel);
    Arrays.fill(row, 0);
    for (int block = range.firstBlock(); block < range.firstBlock() + range.blocks(); block++) {
      int channel = block * LANES;
      int lanes = Math.min(LANES, in.channels() - channel);
      readTaps(weights, kernel, in.channels(), channel, lanes, Turn.HALF);
      for (int n = range.firstImage(); n < range.firstImage() + range.images(); n++) {
        for (int y = 0; y < in.height(); y += rowsOfBand) {
          int rows = Math.min(rowsOfBand, in.height() - y);
          gather(
              outputGradient.bytes(),
              n,
              out,
              channel,
              lanes,
              new Placement(
                  y - (kernel - 1 - shape.padding().top()),
                  rows - 1 + kernel,
                  kernel - 1 - shape.padding().left(),
                  bandWidth,
                  stride));
          correlate(
              kernel,
              1,
              rowLength,
              rows,
              in.width(),
              Activation.IDENTITY,
              inputGradient,
              n * in.height() + y,
              in.channels(),
              channel,
              lanes);
        }
      }
    }
  }

  @Override
  public void weightGradient(
      Range range, Floats input, Floats outputGradient, Floats weightGradient) {
    ConvolutionShape shape = range.shape();
    ImageShape in = shape.input();
    ImageShape out = shape.output();
    int kernel = shape.kernelHeight();
    int stride = shape.stride();
    int outputHeight = shape.outputHeight();
    int outputWidth = shape.outputWidth();
    int bandWidth = (outputWidth - 1) * stride + kernel;
    int rowLength = bandWidth * LANES;
    int rowsOfBand = bandRows(outputHeight, rowLength, stride);
    prepare(
        ((rowsOfBand - 1) * stride + kernel) * rowLength,
        rowsOfBand * outputWidth * LANES,
        kernel * kernel);
    for (int block = range.firstBlock(); block < range.firstBlock() + range.blocks(); block++) {
      int channel = block * LANES;
      int lanes = Math.min(LANES, in.channels() - channel);
      Arrays.fill(taps, 0, kernel * kernel * LANES, 0f);
      for (int n = range.firstImage(); n < range.firstImage() + range.images(); n++) {
        for (int y = 0; y < outputHeight; y += rowsOfBand) {
          int rows = Math.min(rowsOfBand, outputHeight - y);
          gather(
              input.bytes(),
              n,
              in,
              channel,
              lanes,
              new Placement(
                  y * stride - shape.padding().top(),
                  (rows - 1) * stride + kernel,
                  shape.padding().left(),
                  bandWidth,
                  1));
          gatherRows(outputGradient.bytes(), n, out, y, rows, channel, lanes);
          if (kernel == 3) {
            tapGradients3(band, second, rows, outputWidth, stride, rowLength, taps);
          } else {
            for (int j = 0; j < kernel; j++) {
              tapGradients5(band, second, rows, outputWidth, stride, rowLength, j, taps);
            }
          }
        }
      }
      for (int tap = 0; tap < kernel * kernel; tap++) {
        for (int lane = 0; lane < lanes; lane++) {
          weightGradient.put(tap * in.channels() + channel + lane, taps[tap * LANES + lane]);
        }
      }
    }
  }

  private enum Turn {
    NONE,
    HALF
  }

  private void readTaps(
      Floats weights, int kernel, int channels, int channel, int lanes, Turn turn) {
    int count = kernel * kernel;
    Arrays.fill(taps, 0, count * LANES, 0f);
    for (int tap = 0; tap < count; tap++) {
      int to = turn == Turn.HALF ? count - 1 - tap : tap;
      for (int lane = 0; lane < lanes; lane++) {
        taps[to * LANES + lane] = weights.at(tap * channels + channel + lane);
      }
    }
  }

  /**
   * Where the pixels of an image go in a band: pixel (y, x) to row y·spread − firstRow, column
   * x·spread + left; zeros elsewhere.
   *
   * @param firstRow of the spread image that is the band's row 0; negative for padding
   * @param rows of the band
   * @param left column of the image's column 0; may be negative
   * @param width of the band
   * @param spread distance of two pixels
   */
  private record Placement(int firstRow, int rows, int left, int width, int spread) {}

  private void gather(
      ByteBuffer source, int n, ImageShape image, int channel, int lanes, Placement to) {
    int pixelBytes = image.channels() * Float.BYTES;
    int spread = to.spread();
    int firstColumn = to.left() >= 0 ? 0 : (-to.left() + spread - 1) / spread;
    int endColumn = Math.min(image.width(), (to.width() - 1 - to.left()) / spread + 1);
    int columns = to.width() - 1 < to.left() ? 0 : endColumn - firstColumn;
    for (int r = 0; r < to.rows(); r++) {
      int at = r * to.width() * LANES;
      int spreadRow = to.firstRow() + r;
      int y = spreadRow / spread;
      if (spreadRow < 0 || spreadRow % spread != 0 || y >= image.height() || columns <= 0) {
        Arrays.fill(band, at, at + to.width() * LANES, 0f);
        continue;
      }
      int first = to.left() + firstColumn * spread;
      int end = first + (columns - 1) * spread + 1;
      if (spread > 1) {
        Arrays.fill(band, at, at + to.width() * LANES, 0f);
      } else {
        Arrays.fill(band, at, at + first * LANES, 0f);
        Arrays.fill(band, at + end * LANES, at + to.width() * LANES, 0f);
      }
      int from =
          (((n * image.height() + y) * image.width() + firstColumn) * image.channels() + channel)
              * Float.BYTES;
      if (lanes == LANES) {
        copyPixels(source, from, pixelBytes, columns, band, at + first * LANES, spread * LANES);
      } else {
        copyLanes(
            source, from, pixelBytes, columns, lanes, band, at + first * LANES, spread * LANES);
      }
    }
  }

  private void gatherRows(
      ByteBuffer source, int n, ImageShape image, int y, int rows, int channel, int lanes) {
    int pixelBytes = image.channels() * Float.BYTES;
    int from =
        ((n * image.height() + y) * image.width() * image.channels() + channel) * Float.BYTES;
    if (lanes == LANES) {
      copyPixels(source, from, pixelBytes, rows * image.width(), second, 0, LANES);
    } else {
      copyLanes(source, from, pixelBytes, rows * image.width(), lanes, second, 0, LANES);
    }
  }

  private static void copyPixels(
      ByteBuffer source,
      int from,
      int pixelBytes,
      int pixels,
      float[] target,
      int to,
      int targetStride) {
    int read = from;
    int write = to;
    for (int i = 0; i < pixels; i++, read += pixelBytes, write += targetStride) {
      load(source, read).intoArray(target, write);
    }
  }

  private static void copyLanes(
      ByteBuffer source,
      int from,
      int pixelBytes,
      int pixels,
      int lanes,
      float[] target,
      int to,
      int targetStride) {
    for (int i = 0; i < pixels; i++) {
      for (int lane = 0; lane < lanes; lane++) {
        target[to + i * targetStride + lane] =
            source.getFloat(from + i * pixelBytes + lane * Float.BYTES);
      }
      Arrays.fill(target, to + i * targetStride + lanes, to + i * targetStride + LANES, 0f);
    }
  }

  /** Correlates the band with the taps, adds {@link #row}, activates and stores. */
  private void correlate(
      int kernel,
      int stride,
      int rowLength,
      int rows,
      int width,
      Activation activation,
      Floats output,
      int outputRow,
      int channels,
      int channel,
      int lanes) {
    int length = width * LANES;
    if (second.length < length) {
      second = new float[length];
    }
    int pixelBytes = channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      int from = r * stride * rowLength;
      if (kernel == 3) {
        correlate3(band, from, rowLength, stride, taps, row, second, width);
      } else {
        correlate5(band, from, rowLength, stride, taps, row, second, width);
      }
      if (activation == Activation.SWISH) {
        swish(second, length);
      }
      int to = ((outputRow + r) * width * channels + channel) * Float.BYTES;
      if (lanes == LANES) {
        storePixels(second, output.bytes(), to, pixelBytes, width);
      } else {
        for (int x = 0; x < width; x++) {
          for (int lane = 0; lane < lanes; lane++) {
            output
                .bytes()
                .putFloat(to + x * pixelBytes + lane * Float.BYTES, second[x * LANES + lane]);
          }
        }
      }
    }
  }

  private static void swish(float[] values, int length) {
    for (int i = 0; i < length; i += LANES) {
      FloatVector z = FloatVector.fromArray(SPECIES, values, i);
      z.div(VectorMath.exp(z.neg()).add(1f)).intoArray(values, i);
    }
  }

  private static void storePixels(
      float[] source, ByteBuffer target, int to, int pixelBytes, int pixels) {
    int write = to;
    for (int i = 0; i < pixels; i++, write += pixelBytes) {
      FloatVector.fromArray(SPECIES, source, i * LANES).intoByteBuffer(target, write, ORDER);
    }
  }

  private static FloatVector at(float[] values, int index) {
    return FloatVector.fromArray(SPECIES, values, index);
  }

  private static void correlate3(
      float[] in,
      int from,
      int rowLength,
      int stride,
      float[] taps,
      float[] start,
      float[] out,
      int width) {
    FloatVector w0 = at(taps, 0);
    FloatVector w1 = at(taps, LANES);
    FloatVector w2 = at(taps, 2 * LANES);
    FloatVector w3 = at(taps, 3 * LANES);
    FloatVector w4 = at(taps, 4 * LANES);
    FloatVector w5 = at(taps, 5 * LANES);
    FloatVector w6 = at(taps, 6 * LANES);
    FloatVector w7 = at(taps, 7 * LANES);
    FloatVector w8 = at(taps, 8 * LANES);
    FloatVector bias = at(start, 0);
    int step = stride * LANES;
    int first = from;
    int second = from + rowLength;
    int third = from + 2 * rowLength;
    int end = width * LANES;
    for (int x = 0; x < end; x += LANES, first += step, second += step, third += step) {
      FloatVector a = at(in, first).fma(w0, bias);
      FloatVector b = at(in, second).mul(w3);
      FloatVector c = at(in, third).mul(w6);
      a = at(in, first + LANES).fma(w1, a);
      b = at(in, second + LANES).fma(w4, b);
      c = at(in, third + LANES).fma(w7, c);
      a = at(in, first + 2 * LANES).fma(w2, a);
      b = at(in, second + 2 * LANES).fma(w5, b);
      c = at(in, third + 2 * LANES).fma(w8, c);
      a.add(b).add(c).intoArray(out, x);
    }
  }

  private static void correlate5(
      float[] in,
      int from,
      int rowLength,
      int stride,
      float[] taps,
      float[] start,
      float[] out,
      int width) {
    FloatVector bias = at(start, 0);
    int end = width * LANES;
    for (int x = 0; x < end; x += LANES) {
      bias.intoArray(out, x);
    }
    for (int j = 0; j < 5; j++) {
      correlateRow5(in, from + j * rowLength, stride, taps, 5 * j * LANES, out, end);
    }
  }

  private static void correlateRow5(
      float[] in, int from, int stride, float[] taps, int tap, float[] out, int end) {
    FloatVector w0 = at(taps, tap);
    FloatVector w1 = at(taps, tap + LANES);
    FloatVector w2 = at(taps, tap + 2 * LANES);
    FloatVector w3 = at(taps, tap + 3 * LANES);
    FloatVector w4 = at(taps, tap + 4 * LANES);
    int step = stride * LANES;
    int read = from;
    for (int x = 0; x < end; x += LANES, read += step) {
      FloatVector a = at(in, read).fma(w0, at(out, x));
      FloatVector b = at(in, read + LANES).mul(w1);
      a = at(in, read + 2 * LANES).fma(w2, a);
      b = at(in, read + 3 * LANES).fma(w3, b);
      a = at(in, read + 4 * LANES).fma(w4, a);
      a.add(b).intoArray(out, x);
    }
  }

  private static void tapGradients3(
      float[] in, float[] gradient, int rows, int width, int stride, int rowLength, float[] taps) {
    FloatVector w0 = at(taps, 0);
    FloatVector w1 = at(taps, LANES);
    FloatVector w2 = at(taps, 2 * LANES);
    FloatVector w3 = at(taps, 3 * LANES);
    FloatVector w4 = at(taps, 4 * LANES);
    FloatVector w5 = at(taps, 5 * LANES);
    FloatVector w6 = at(taps, 6 * LANES);
    FloatVector w7 = at(taps, 7 * LANES);
    FloatVector w8 = at(taps, 8 * LANES);
    int step = stride * LANES;
    int upper = 0;
    for (int r = 0; r < rows; r++) {
      int first = r * stride * rowLength;
      int second = first + rowLength;
      int third = second + rowLength;
      int end = upper + width * LANES;
      for (; upper < end; upper += LANES, first += step, second += step, third += step) {
        FloatVector g = at(gradient, upper);
        w0 = at(in, first).fma(g, w0);
        w1 = at(in, first + LANES).fma(g, w1);
        w2 = at(in, first + 2 * LANES).fma(g, w2);
        w3 = at(in, second).fma(g, w3);
        w4 = at(in, second + LANES).fma(g, w4);
        w5 = at(in, second + 2 * LANES).fma(g, w5);
        w6 = at(in, third).fma(g, w6);
        w7 = at(in, third + LANES).fma(g, w7);
        w8 = at(in, third + 2 * LANES).fma(g, w8);
      }
    }
    w0.intoArray(taps, 0);
    w1.intoArray(taps, LANES);
    w2.intoArray(taps, 2 * LANES);
    w3.intoArray(taps, 3 * LANES);
    w4.intoArray(taps, 4 * LANES);
    w5.intoArray(taps, 5 * LANES);
    w6.intoArray(taps, 6 * LANES);
    w7.intoArray(taps, 7 * LANES);
    w8.intoArray(taps, 8 * LANES);
  }

  /** The taps of kernel row j. */
  private static void tapGradients5(
      float[] in,
      float[] gradient,
      int rows,
      int width,
      int stride,
      int rowLength,
      int j,
      float[] taps) {
    int tap = 5 * j * LANES;
    FloatVector w0 = at(taps, tap);
    FloatVector w1 = at(taps, tap + LANES);
    FloatVector w2 = at(taps, tap + 2 * LANES);
    FloatVector w3 = at(taps, tap + 3 * LANES);
    FloatVector w4 = at(taps, tap + 4 * LANES);
    int step = stride * LANES;
    int upper = 0;
    for (int r = 0; r < rows; r++) {
      int read = (r * stride + j) * rowLength;
      int end = upper + width * LANES;
      for (; upper < end; upper += LANES, read += step) {
        FloatVector g = at(gradient, upper);
        w0 = at(in, read).fma(g, w0);
        w1 = at(in, read + LANES).fma(g, w1);
        w2 = at(in, read + 2 * LANES).fma(g, w2);
        w3 = at(in, read + 3 * LANES).fma(g, w3);
        w4 = at(in, read + 4 * LANES).fma(g, w4);
      }
    }
    w0.intoArray(taps, tap);
    w1.intoArray(taps, tap + LANES);
    w2.intoArray(taps, tap + 2 * LANES);
    w3.intoArray(taps, tap + 3 * LANES);
    w4.intoArray(taps, tap + 4 * LANES);
  }
}
