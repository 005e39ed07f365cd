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
 * <p>How it is fast: every inner loop runs over consecutive floats, so that HotSpot vectorises it.
 * For that the bytes are laid out column by column, a strip of rows at a time, while they become
 * floats, the pass along rows works on whole columns, and its result is turned back before the pass
 * along columns. Mirroring is the order in which output columns are written; normalisation is a
 * multiplication and an addition per output value.
 *
 * <p>Reuses its buffers, which grow to the largest region seen. Not thread-safe: one per thread.
 */
public final class ImageResampler {
  /** Channels of an image here: red, green, blue. */
  public static final int CHANNELS = 3;

  /** Rows turned at a time: 16 floats are one cache line. */
  private static final int BLOCK = 16;

  /**
   * Rows resized at a time: long enough to vectorise, short enough for a strip's floats to stay in
   * the cache.
   */
  private static final int STRIP = 64;

  private static final int CACHED_WEIGHTS = 512;

  private final ResampleWeights[] cache = new ResampleWeights[CACHED_WEIGHTS];
  private byte[] pixels = new byte[0];
  private float[] columns = new float[0];
  private float[] resizedColumns = new float[0];
  private float[] rows = new float[0];
  private float[] line = new float[0];
  private float[] factors = new float[0];
  private float[] summands = new float[0];

  /**
   * Writes one transformed image.
   *
   * @param image the image, open
   * @param region the region, inside the image
   * @param transform resolution, kernel and normalisation
   * @param target receives (resolution, resolution, RGB) floats
   * @param offset index in {@code target} of the first float; the buffer's position plays no part
   *     and does not move
   */
  public void resample(
      Decoded image, CropRegion region, ImageTransform transform, FloatBuffer target, int offset) {
    int resolution = transform.resolutionPx();
    int outValues = resolution * CHANNELS;
    ResampleWeights horizontal = weights(region.width(), resolution, transform.interpolation());
    ResampleWeights vertical = weights(region.height(), resolution, transform.interpolation());
    region.requireInside(image.widthPx(), image.heightPx());
    reserve(region, outValues);
    for (int top = 0; top < region.height(); top += STRIP) {
      int height = Math.min(STRIP, region.height() - top);
      image.copyRows(region.left(), region.top() + top, region.width(), height, pixels);
      layOutColumns(region.width() * CHANNELS, height);
      resizeColumns(horizontal, resolution, region.mirroring());
      layOutRows(outValues, top, height);
    }
    prepareNormalization(transform.normalization(), outValues);
    for (int y = 0; y < resolution; y++) {
      weightedSum(
          line,
          0,
          rows,
          vertical.first(y) * outValues,
          outValues,
          vertical.weights(),
          vertical.offset(y),
          vertical.taps(y),
          outValues);
      normalize(line, factors, summands, outValues);
      target.put(offset + y * outValues, line, 0, outValues);
    }
  }

  private void reserve(CropRegion region, int outValues) {
    int values = region.width() * CHANNELS;
    if (columns.length < values * STRIP) {
      int grown = values + values / 4;
      pixels = new byte[grown * STRIP];
      columns = new float[grown * STRIP];
    }
    if (resizedColumns.length < outValues * STRIP) {
      resizedColumns = new float[outValues * STRIP];
    }
    int rowsSize = Math.multiplyExact(region.height(), outValues);
    if (rows.length < rowsSize) {
      rows = new float[rowsSize + rowsSize / 4];
    }
  }

  /** A strip's bytes (height, values) to floats (values, STRIP). */
  private void layOutColumns(int values, int height) {
    byte[] in = pixels;
    float[] out = columns;
    int y = 0;
    for (; y + BLOCK <= height; y += BLOCK) {
      for (int x = 0; x < values; x++) {
        int from = y * values + x;
        int to = x * STRIP + y;
        for (int k = 0; k < BLOCK; k++) {
          out[to + k] = in[from + k * values] & 0xff;
        }
      }
    }
    for (; y < height; y++) {
      for (int x = 0; x < values; x++) {
        out[x * STRIP + y] = in[y * values + x] & 0xff;
      }
    }
  }

  /** The pass along rows, on whole columns: (in values, STRIP) to (out values, STRIP). */
  private void resizeColumns(ResampleWeights weights, int resolution, Mirroring mirroring) {
    for (int x = 0; x < resolution; x++) {
      int to = mirroring == Mirroring.HORIZONTAL ? resolution - 1 - x : x;
      for (int channel = 0; channel < CHANNELS; channel++) {
        weightedSum(
            resizedColumns,
            (to * CHANNELS + channel) * STRIP,
            columns,
            (weights.first(x) * CHANNELS + channel) * STRIP,
            CHANNELS * STRIP,
            weights.weights(),
            weights.offset(x),
            weights.taps(x),
            STRIP);
      }
    }
  }

  /** A strip's floats (values, STRIP) to rows (height, values) from row {@code top}. */
  private void layOutRows(int values, int top, int height) {
    float[] in = resizedColumns;
    float[] out = rows;
    int whole = values / BLOCK * BLOCK;
    for (int x = 0; x < whole; x += BLOCK) {
      for (int y = 0; y < height; y++) {
        int from = x * STRIP + y;
        int to = (top + y) * values + x;
        for (int k = 0; k < BLOCK; k++) {
          out[to + k] = in[from + k * STRIP];
        }
      }
    }
    for (int x = whole; x < values; x++) {
      for (int y = 0; y < height; y++) {
        out[(top + y) * values + x] = in[x * STRIP + y];
      }
    }
  }

  private void prepareNormalization(Normalization normalization, int outValues) {
    if (line.length < outValues) {
      line = new float[outValues];
      factors = new float[outValues];
      summands = new float[outValues];
    }
    for (int i = 0; i < outValues; i++) {
      float stddev = normalization.stddev(i % CHANNELS);
      factors[i] = 1f / (255f * stddev);
      summands[i] = -normalization.mean(i % CHANNELS) / stddev;
    }
  }

  private static void normalize(float[] line, float[] factors, float[] summands, int length) {
    for (int i = 0; i < length; i++) {
      line[i] = Math.max(0f, Math.min(255f, line[i])) * factors[i] + summands[i];
    }
  }

  /** {@code target[i] = sum over k of weights[k] * source[start + k * step + i]}. */
  private static void weightedSum(
      float[] target,
      int targetStart,
      float[] source,
      int start,
      int step,
      float[] weights,
      int weightsStart,
      int taps,
      int length) {
    int k = 0;
    if (taps >= 4) {
      set4(target, targetStart, source, start, step, weights, weightsStart, length);
      k = 4;
      for (; k + 4 <= taps; k += 4) {
        add4(
            target, targetStart, source, start + k * step, step, weights, weightsStart + k, length);
      }
    } else {
      Arrays.fill(target, targetStart, targetStart + length, 0f);
    }
    if (k + 2 <= taps) {
      add2(target, targetStart, source, start + k * step, step, weights, weightsStart + k, length);
      k += 2;
    }
    if (k < taps) {
      add1(target, targetStart, source, start + k * step, weights[weightsStart + k], length);
    }
  }

  private static void set4(
      float[] target, int to, float[] source, int s0, int step, float[] weights, int w, int n) {
    float w0 = weights[w];
    float w1 = weights[w + 1];
    float w2 = weights[w + 2];
    float w3 = weights[w + 3];
    int s1 = s0 + step;
    int s2 = s1 + step;
    int s3 = s2 + step;
    for (int i = 0; i < n; i++) {
      target[to + i] =
          w0 * source[s0 + i] + w1 * source[s1 + i] + w2 * source[s2 + i] + w3 * source[s3 + i];
    }
  }

  private static void add4(
      float[] target, int to, float[] source, int s0, int step, float[] weights, int w, int n) {
    float w0 = weights[w];
    float w1 = weights[w + 1];
    float w2 = weights[w + 2];
    float w3 = weights[w + 3];
    int s1 = s0 + step;
    int s2 = s1 + step;
    int s3 = s2 + step;
    for (int i = 0; i < n; i++) {
      target[to + i] +=
          w0 * source[s0 + i] + w1 * source[s1 + i] + w2 * source[s2 + i] + w3 * source[s3 + i];
    }
  }

  private static void add2(
      float[] target, int to, float[] source, int s0, int step, float[] weights, int w, int n) {
    float w0 = weights[w];
    float w1 = weights[w + 1];
    int s1 = s0 + step;
    for (int i = 0; i < n; i++) {
      target[to + i] += w0 * source[s0 + i] + w1 * source[s1 + i];
    }
  }

  private static void add1(float[] target, int to, float[] source, int s0, float w0, int n) {
    for (int i = 0; i < n; i++) {
      target[to + i] += w0 * source[s0 + i];
    }
  }

  private ResampleWeights weights(int in, int out, Interpolation interpolation) {
    int slot = Math.floorMod(in * 31 + out, CACHED_WEIGHTS);
    ResampleWeights cached = cache[slot];
    if (cached == null || !cached.isFor(in, out, interpolation)) {
      cached = new ResampleWeights(in, out, interpolation);
      cache[slot] = cached;
    }
    return cached;
  }
}
