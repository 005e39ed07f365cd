package io.phiscale.pipeline.image;

import io.phiscale.pipeline.image.DecodeResult.Decoded;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Crops, resizes, mirrors and normalises a decoded image in one go, 8-bit RGB in, float32 out.
 *
 * <p>The resize is Pillow's separable one ({@code libImaging/Resample.c}; see {@link
 * ResampleWeights}), only over the pixels of the region, which are also the only ones that take
 * part (as if the region had been cropped first). Pillow resizes rows first and rounds to 8 bits
 * after each of the two passes; here columns come first, the sums stay float and are only clipped
 * to 0 ... 255 at the end, so a result differs from Pillow's by its rounding: below half of 1/255
 * in the mean.
 *
 * <p>How it is fast: every inner loop adds up whole rows or columns, see {@link WeightedSums}. The
 * pass along columns adds up rows as they are stored; its result, a strip of output rows, is laid
 * out as columns for the pass along rows, and turned back when it is written. Mirroring is the
 * order in which output columns are written; normalisation is a multiplication and an addition per
 * output value.
 *
 * <p>Reuses its buffers, which grow to the largest region seen. Not thread-safe: one per thread.
 */
public final class ImageResampler {
  /** Channels of an image here: red, green, blue. */
  public static final int CHANNELS = 3;

  /** Output rows at a time. */
  private static final int STRIP = WeightedSums.COLUMN;

  private static final int CACHED_WEIGHTS = 512;

  private final ResampleWeights[] cache = new ResampleWeights[CACHED_WEIGHTS];
  private final WeightedSums sums;
  private int length;

  /** The rows of the image that are being added up, each in the place of one that is done with. */
  private byte[][] ring = new byte[0][];

  /** Where in the ring each row of the region is. */
  private byte[][] rows = new byte[0][];

  private float[][] strip = new float[0][];
  private float[] columns = new float[0];
  private float[] resizedColumns = new float[0];
  private float[] factors = new float[0];
  private float[] summands = new float[0];

  /** Makes a resampler. */
  public ImageResampler() {
    this(WeightedSums.best());
  }

  ImageResampler(WeightedSums sums) {
    this.sums = sums;
  }

  /** What becomes of a strip of output rows. */
  private interface Sink {
    void accept(int top, int height);
  }

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
    int values = transform.resolutionPx() * CHANNELS;
    prepareNormalization(transform.normalization(), values);
    resize(
        image,
        region,
        transform,
        (top, height) -> {
          Columns.toRows(resizedColumns, strip, values);
          for (int y = 0; y < height; y++) {
            normalize(strip[y], factors, summands);
            target.put(offset + (top + y) * values, strip[y], 0, values);
          }
        });
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
    int values = transform.resolutionPx() * CHANNELS;
    resize(
        image,
        region,
        transform,
        (top, height) -> {
          Columns.toRows(resizedColumns, strip, values);
          for (int y = 0; y < height; y++) {
            round(strip[y], target, (top + y) * values, values);
          }
        });
  }

  /** Leaves strips of the resized image in {@link #resizedColumns}, shape (values, height). */
  private void resize(Decoded image, CropRegion wanted, ImageTransform transform, Sink sink) {
    int resolution = transform.resolutionPx();
    CropRegion box = image.onReducedGrid(wanted);
    int reduction = image.reduction();
    CropRegion region = box.reduced(reduction);
    ResampleWeights horizontal =
        weights(box.left(), box.width(), reduction, resolution, transform.interpolation());
    ResampleWeights vertical =
        weights(box.top(), box.height(), reduction, resolution, transform.interpolation());
    int inValues = region.width() * CHANNELS;
    reserve(region, vertical.mostTaps(), resolution * CHANNELS);
    int read = 0;
    for (int top = 0; top < resolution; top += STRIP) {
      int height = Math.min(STRIP, resolution - top);
      for (int y = 0; y < height; y++) {
        int first = vertical.first(top + y);
        // Rows that no output needs are left out: what was read only grows.
        read = Math.max(read, first);
        for (int end = first + vertical.taps(top + y); read < end; read++) {
          rows[read] = ring[read % vertical.mostTaps()];
          image.copyRows(region.left(), region.top() + read, region.width(), 1, rows[read]);
        }
        sums.ofBytes(strip[y], rows, first, vertical, top + y, inValues);
      }
      Columns.ofRows(strip, columns, inValues);
      sums.ofColumns(resizedColumns, columns, horizontal, region.mirroring());
      sink.accept(top, height);
    }
  }

  private void reserve(CropRegion region, int taps, int values) {
    int inValues = region.width() * CHANNELS;
    int needed = WeightedSums.roundUp(Math.max(inValues, values));
    if (length < needed) {
      length = needed;
      ring = new byte[0][];
      rows = new byte[0][];
      strip = new float[STRIP][length];
    }
    if (ring.length < taps) {
      int from = ring.length;
      ring = Arrays.copyOf(ring, taps);
      for (int i = from; i < taps; i++) {
        ring[i] = new byte[length];
      }
    }
    if (columns.length < inValues * STRIP) {
      columns = new float[inValues * STRIP];
    }
    if (resizedColumns.length < values * STRIP) {
      resizedColumns = new float[WeightedSums.roundUp(values) * STRIP];
    }
    if (rows.length < region.height()) {
      rows = new byte[region.height()][];
    }
  }

  private void prepareNormalization(Normalization normalization, int values) {
    if (factors.length != values) {
      factors = new float[values];
      summands = new float[values];
    }
    for (int i = 0; i < values; i++) {
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

  /**
   * Clips to 0 ... 255 and normalises. {@code (v + |v|) / 2} is the larger of v and 0, in a form
   * that HotSpot vectorises better than {@link Math#max}.
   */
  private static void normalize(float[] line, float[] factors, float[] summands) {
    for (int i = 0; i < factors.length; i++) {
      float value = line[i];
      float below255 = 255f - 0.5f * (value + Math.abs(value));
      float clipped = 255f - 0.5f * (below255 + Math.abs(below255));
      line[i] = clipped * factors[i] + summands[i];
    }
  }

  private static void round(float[] line, byte[] target, int offset, int values) {
    for (int i = 0; i < values; i++) {
      int rounded = (int) (line[i] + 0.5f);
      target[offset + i] = (byte) (rounded < 0 ? 0 : Math.min(rounded, 255));
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
}
