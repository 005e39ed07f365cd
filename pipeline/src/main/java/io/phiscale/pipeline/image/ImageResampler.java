package io.phiscale.pipeline.image;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Crops, resizes, mirrors and normalises a decoded image in one go, 8-bit RGB in, float32 out.
 *
 * <p>The resize is Pillow's separable one ({@code libImaging/Resample.c}; see {@link
 * ResampleWeights}): first along rows, then along columns, only over the pixels of the region,
 * which are also the only ones that take part (as if the region had been cropped first). Pillow
 * rounds to 8 bits after each of the two passes; here the sums stay float and are only clipped to 0
 * ... 255 at the end, so a result differs from Pillow's by its rounding: below half of 1/255 in the
 * mean.
 *
 * <p>How it is fast: every inner loop adds up whole arrays at one common index, the only form of
 * loop over several arrays that HotSpot 17 vectorises (offsets of their own per array cost three
 * quarters of the speed, more than four sources at a time two thirds). For that the bytes are laid
 * out as one array per column while they become floats, a strip of rows at a time; the pass along
 * rows works on these, and its result is turned back into rows before the pass along columns.
 * Mirroring is the order in which output columns are written; normalisation is a multiplication and
 * an addition per output value.
 *
 * <p>Reuses its buffers, which grow to the largest region seen. Not thread-safe: one per thread.
 */
public final class ImageResampler {
  /** Channels of an image here: red, green, blue. */
  public static final int CHANNELS = 3;

  /**
   * Rows resized at a time: long enough to vectorise well, short enough for a strip's floats to
   * stay in the cache (16, 32 and 128 rows take 10 to 45% longer on crops of the ImageNet samples).
   */
  private static final int STRIP = 64;

  /** Sums run over a multiple of this many floats, the widest vector. */
  private static final int VECTOR = 16;

  /** Columns turned into rows at a time. */
  private static final int BLOCK = 8;

  private static final int CACHED_WEIGHTS = 512;

  private final ResampleWeights[] cache = new ResampleWeights[CACHED_WEIGHTS];
  private byte[] pixels = new byte[0];
  private float[][] columns = new float[0][];
  private float[][] resizedColumns = new float[0][];
  private float[][] rows = new float[0][];
  private float[] line = new float[0];
  private float[] factors = new float[0];
  private float[] summands = new float[0];

  /**
   * Writes one transformed image.
   *
   * @param image the image, open
   * @param region the region, inside the whole image, in pixels of it
   * @param transform resolution, kernel and normalisation
   * @param target receives (resolution, resolution, RGB) floats
   * @param offset index in {@code target} of the first float; the buffer's position plays no part
   *     and does not move
   */
  public void resample(
      Decoded image, CropRegion region, ImageTransform transform, FloatBuffer target, int offset) {
    ResampleWeights vertical = resizeRows(image, region, transform);
    int resolution = transform.resolutionPx();
    int values = resolution * CHANNELS;
    prepareNormalization(transform.normalization());
    for (int y = 0; y < resolution; y++) {
      weightedSum(line, rows, vertical.first(y), 1, vertical, y, line.length);
      normalize(line, factors, summands);
      target.put(offset + y * values, line, 0, values);
    }
  }

  /**
   * Writes one image, cropped, resized and mirrored, as 8-bit RGB: the values before normalisation,
   * rounded.
   *
   * @param image the image, open
   * @param region the region, inside the whole image, in pixels of it
   * @param transform resolution and kernel
   * @param target receives (resolution, resolution, RGB) bytes from index 0
   */
  public void resample(Decoded image, CropRegion region, ImageTransform transform, byte[] target) {
    ResampleWeights vertical = resizeRows(image, region, transform);
    int resolution = transform.resolutionPx();
    int values = resolution * CHANNELS;
    for (int y = 0; y < resolution; y++) {
      weightedSum(line, rows, vertical.first(y), 1, vertical, y, line.length);
      round(line, target, y * values, values);
    }
  }

  /** The pass along rows; returns the weights of the pass along columns. */
  private ResampleWeights resizeRows(Decoded image, CropRegion wanted, ImageTransform transform) {
    int resolution = transform.resolutionPx();
    int values = resolution * CHANNELS;
    CropRegion box = image.onReducedGrid(wanted);
    int reduction = image.reduction();
    CropRegion region = box.reduced(reduction);
    ResampleWeights horizontal =
        weights(box.left(), box.width(), reduction, resolution, transform.interpolation());
    ResampleWeights vertical =
        weights(box.top(), box.height(), reduction, resolution, transform.interpolation());
    reserve(region, values);
    for (int top = 0; top < region.height(); top += STRIP) {
      int height = Math.min(STRIP, region.height() - top);
      image.copyRows(region.left(), region.top() + top, region.width(), height, pixels);
      layOutColumns(region.width() * CHANNELS, height);
      resizeColumns(horizontal, resolution, height, region.mirroring());
      layOutRows(values, top, height);
    }
    return vertical;
  }

  private void reserve(CropRegion region, int values) {
    int inValues = region.width() * CHANNELS;
    if (columns.length < inValues) {
      pixels = new byte[inValues * STRIP];
      columns = grown(columns, inValues, STRIP);
    }
    if (resizedColumns.length < values) {
      resizedColumns = grown(resizedColumns, values, STRIP);
    }
    int length = roundUp(values);
    if (line.length != length) {
      line = new float[length];
      factors = new float[length];
      summands = new float[length];
      rows = new float[0][];
    }
    if (rows.length < region.height()) {
      rows = grown(rows, region.height(), length);
    }
  }

  /** A strip's bytes (height, values) to floats (values, height). */
  private void layOutColumns(int values, int height) {
    int x = 0;
    for (; x + BLOCK <= values; x += BLOCK) {
      layOutBlock(pixels, columns, x, values, height);
    }
    for (; x < values; x++) {
      float[] column = columns[x];
      for (int y = 0; y < height; y++) {
        column[y] = pixels[y * values + x] & 0xff;
      }
    }
  }

  private static void layOutBlock(byte[] in, float[][] out, int x, int values, int height) {
    float[] column0 = out[x];
    float[] column1 = out[x + 1];
    float[] column2 = out[x + 2];
    float[] column3 = out[x + 3];
    float[] column4 = out[x + 4];
    float[] column5 = out[x + 5];
    float[] column6 = out[x + 6];
    float[] column7 = out[x + 7];
    int from = x;
    for (int y = 0; y < height; y++) {
      column0[y] = in[from] & 0xff;
      column1[y] = in[from + 1] & 0xff;
      column2[y] = in[from + 2] & 0xff;
      column3[y] = in[from + 3] & 0xff;
      column4[y] = in[from + 4] & 0xff;
      column5[y] = in[from + 5] & 0xff;
      column6[y] = in[from + 6] & 0xff;
      column7[y] = in[from + 7] & 0xff;
      from += values;
    }
  }

  /** The pass along rows, on whole columns: (in values, height) to (out values, height). */
  private void resizeColumns(
      ResampleWeights weights, int resolution, int height, Mirroring mirroring) {
    int length = roundUp(height);
    for (int x = 0; x < resolution; x++) {
      int to = mirroring == Mirroring.HORIZONTAL ? resolution - 1 - x : x;
      for (int channel = 0; channel < CHANNELS; channel++) {
        weightedSum(
            resizedColumns[to * CHANNELS + channel],
            columns,
            weights.first(x) * CHANNELS + channel,
            CHANNELS,
            weights,
            x,
            length);
      }
    }
  }

  /** A strip's floats (values, height) to rows (height, values) from row {@code top}. */
  private void layOutRows(int values, int top, int height) {
    int x = 0;
    for (; x + BLOCK <= values; x += BLOCK) {
      layOutBlock(resizedColumns, rows, x, top, height);
    }
    for (; x < values; x++) {
      float[] column = resizedColumns[x];
      for (int y = 0; y < height; y++) {
        rows[top + y][x] = column[y];
      }
    }
  }

  private static void layOutBlock(float[][] in, float[][] out, int x, int top, int height) {
    float[] column0 = in[x];
    float[] column1 = in[x + 1];
    float[] column2 = in[x + 2];
    float[] column3 = in[x + 3];
    float[] column4 = in[x + 4];
    float[] column5 = in[x + 5];
    float[] column6 = in[x + 6];
    float[] column7 = in[x + 7];
    for (int y = 0; y < height; y++) {
      float[] row = out[top + y];
      row[x] = column0[y];
      row[x + 1] = column1[y];
      row[x + 2] = column2[y];
      row[x + 3] = column3[y];
      row[x + 4] = column4[y];
      row[x + 5] = column5[y];
      row[x + 6] = column6[y];
      row[x + 7] = column7[y];
    }
  }

  private void prepareNormalization(Normalization normalization) {
    for (int i = 0; i < line.length; i++) {
      float stddev = normalization.stddev(i % CHANNELS);
      factors[i] = 1f / (255f * stddev);
      summands[i] = -normalization.mean(i % CHANNELS) / stddev;
    }
  }

  /**
   * Writes what normalisation makes of each 8-bit value.
   *
   * @param normalization the normalisation
   * @param table receives 3 times 256 values, entry {@code channel * 256 + value}
   */
  public static void tabulate(Normalization normalization, float[] table) {
    for (int i = 0; i < CHANNELS * 256; i++) {
      float stddev = normalization.stddev(i / 256);
      table[i] = (i % 256) * (1f / (255f * stddev)) + -normalization.mean(i / 256) / stddev;
    }
  }

  private static void normalize(float[] line, float[] factors, float[] summands) {
    for (int i = 0; i < line.length; i++) {
      line[i] = Math.max(0f, Math.min(255f, line[i])) * factors[i] + summands[i];
    }
  }

  private static void round(float[] line, byte[] target, int offset, int values) {
    for (int i = 0; i < values; i++) {
      int rounded = (int) (line[i] + 0.5f);
      target[offset + i] = (byte) (rounded < 0 ? 0 : Math.min(rounded, 255));
    }
  }

  /** {@code target[i] = sum over k of weight(output, k) * sources[start + k * step][i]}. */
  private static void weightedSum(
      float[] target,
      float[][] sources,
      int start,
      int step,
      ResampleWeights weights,
      int output,
      int length) {
    float[] w = weights.weights();
    int at = weights.offset(output);
    int taps = weights.taps(output);
    int source = start;
    int k = 0;
    if (taps >= 4) {
      set4(
          target,
          sources[source],
          sources[source + step],
          sources[source + 2 * step],
          sources[source + 3 * step],
          w[at],
          w[at + 1],
          w[at + 2],
          w[at + 3],
          length);
      k = 4;
      source += 4 * step;
    } else {
      Arrays.fill(target, 0, length, 0f);
    }
    for (; k + 4 <= taps; k += 4) {
      add4(
          target,
          sources[source],
          sources[source + step],
          sources[source + 2 * step],
          sources[source + 3 * step],
          w[at + k],
          w[at + k + 1],
          w[at + k + 2],
          w[at + k + 3],
          length);
      source += 4 * step;
    }
    if (k + 2 <= taps) {
      add2(target, sources[source], sources[source + step], w[at + k], w[at + k + 1], length);
      k += 2;
      source += 2 * step;
    }
    if (k < taps) {
      add1(target, sources[source], w[at + k], length);
    }
  }

  private static void set4(
      float[] target,
      float[] a,
      float[] b,
      float[] c,
      float[] d,
      float weightA,
      float weightB,
      float weightC,
      float weightD,
      int length) {
    for (int i = 0; i < length; i++) {
      target[i] = weightA * a[i] + weightB * b[i] + weightC * c[i] + weightD * d[i];
    }
  }

  private static void add4(
      float[] target,
      float[] a,
      float[] b,
      float[] c,
      float[] d,
      float weightA,
      float weightB,
      float weightC,
      float weightD,
      int length) {
    for (int i = 0; i < length; i++) {
      target[i] += weightA * a[i] + weightB * b[i] + weightC * c[i] + weightD * d[i];
    }
  }

  private static void add2(
      float[] target, float[] a, float[] b, float weightA, float weightB, int length) {
    for (int i = 0; i < length; i++) {
      target[i] += weightA * a[i] + weightB * b[i];
    }
  }

  private static void add1(float[] target, float[] a, float weightA, int length) {
    for (int i = 0; i < length; i++) {
      target[i] += weightA * a[i];
    }
  }

  private ResampleWeights weights(
      int start, int length, int reduction, int out, Interpolation interpolation) {
    int first = start / reduction;
    int in = (start + length + reduction - 1) / reduction - first;
    double from = (double) start / reduction - first;
    double to = (double) (start + length) / reduction - first;
    int slot = Math.floorMod((int) (to * 31) + out, CACHED_WEIGHTS);
    ResampleWeights cached = cache[slot];
    if (cached == null || !cached.isFor(in, from, to, out, interpolation)) {
      cached = new ResampleWeights(in, from, to, out, interpolation);
      cache[slot] = cached;
    }
    return cached;
  }

  private static int roundUp(int length) {
    return (length + VECTOR - 1) / VECTOR * VECTOR;
  }

  private static float[][] grown(float[][] arrays, int number, int length) {
    float[][] more = Arrays.copyOf(arrays, number);
    for (int i = arrays.length; i < number; i++) {
      more[i] = new float[length];
    }
    return more;
  }
}
