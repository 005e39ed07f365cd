package io.phiscale.model.kernels;

import static io.phiscale.model.kernels.VectorMath.LANES;
import static io.phiscale.model.kernels.VectorMath.ORDER;
import static io.phiscale.model.kernels.VectorMath.SPECIES;
import static io.phiscale.model.kernels.VectorMath.load;

import java.nio.ByteBuffer;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link Passes} in Java's Vector API.
 *
 * <p>Where the channels are no multiple of the vector's lanes, several rows are taken as one wider
 * row that is (24 channels and 16 lanes: 2 rows of 24 are 3 vectors); what is left at the end goes
 * through {@link PlainPasses}.
 *
 * <p>Sums run over tiles of {@value #TILE_ROWS} rows in registers, in FLOAT; the tiles are added up
 * in DOUBLE.
 */
final class VectorPasses implements Passes {

  private static final int TILE_ROWS = 64;
  private static final int STEP = LANES * Float.BYTES;
  private static final int HALF_STEP = LANES * Short.BYTES;
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, SPECIES.vectorShape());
  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));

  private final Passes plain = new PlainPasses();

  /** Scratch: folded factors, and the sums of a tile. */
  private final float[][] folded = new float[5][0];

  private float[] tileFirst = new float[0];
  private float[] tileSecond = new float[0];

  /** Single vectors are not checked ({@link VectorSupport}): these ranges are all there is. */
  private static void checkRows(Floats values, int first, int rows, int channels) {
    Objects.checkFromIndexSize((long) first * channels, (long) rows * channels, values.length());
  }

  private static void checkRange(Floats values, int from, int count) {
    Objects.checkFromIndexSize(from, count, values.length());
  }

  private static void checkChannels(int channels, float[]... values) {
    for (float[] array : values) {
      Objects.checkFromIndexSize(0, channels, array.length);
    }
  }

  /** How many rows make one row of whole vectors. */
  private static int fold(int channels) {
    int common = Integer.lowestOneBit(channels | LANES);
    return LANES / common;
  }

  private float[] folded(int slot, float[] values, int channels, int fold) {
    if (fold == 1) {
      return values;
    }
    int width = channels * fold;
    float[] wide = folded[slot];
    if (wide.length < width) {
      wide = new float[width];
      folded[slot] = wide;
    }
    for (int i = 0; i < fold; i++) {
      System.arraycopy(values, 0, wide, i * channels, channels);
    }
    return wide;
  }

  private void prepareTiles(int width) {
    if (tileFirst.length < width) {
      tileFirst = new float[width];
      tileSecond = new float[width];
    }
  }

  private static void addTile(float[] tile, int width, int channels, double[] sums) {
    for (int base = 0; base < width; base += channels) {
      for (int c = 0; c < channels; c++) {
        sums[c] += tile[base + c];
      }
    }
  }

  @Override
  public void moments(
      Floats x,
      int firstRow,
      int rows,
      int channels,
      float[] pivot,
      double[] sums,
      double[] squares) {
    checkRows(x, firstRow, rows, channels);
    checkChannels(channels, pivot);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    float[] pivots = folded(0, pivot, channels, fold);
    prepareTiles(width);
    int at = firstRow * channels * Float.BYTES;
    for (int row = 0; row < wideRows; row += TILE_ROWS) {
      int count = Math.min(TILE_ROWS, wideRows - row);
      momentsOfTile(x.bytes(), at, count, width, pivots, tileFirst, tileSecond);
      addTile(tileFirst, width, channels, sums);
      addTile(tileSecond, width, channels, squares);
      at += count * width * Float.BYTES;
    }
    int done = wideRows * fold;
    plain.moments(x, firstRow + done, rows - done, channels, pivot, sums, squares);
  }

  private static void momentsOfTile(
      ByteBuffer in, int start, int rows, int width, float[] pivot, float[] sums, float[] squares) {
    int stride = width * Float.BYTES;
    for (int c = 0; c < width; c += LANES) {
      FloatVector centre = FloatVector.fromArray(SPECIES, pivot, c);
      FloatVector sum = FloatVector.zero(SPECIES);
      FloatVector square = FloatVector.zero(SPECIES);
      int at = start + c * Float.BYTES;
      for (int r = 0; r < rows; r++, at += stride) {
        FloatVector value = load(in, at).sub(centre);
        sum = sum.add(value);
        square = value.fma(value, square);
      }
      sum.intoArray(sums, c);
      square.intoArray(squares, c);
    }
  }

  @Override
  public void affine(
      Floats x,
      int firstRow,
      Floats y,
      int resultRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      Activation activation) {
    checkRows(x, firstRow, rows, channels);
    checkRows(y, resultRow, rows, channels);
    checkChannels(channels, factor, offset);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    float[] factors = folded(0, factor, channels, fold);
    float[] offsets = folded(1, offset, channels, fold);
    int at = firstRow * channels * Float.BYTES;
    int to = resultRow * channels * Float.BYTES;
    if (activation == Activation.SWISH) {
      affineSwish(x.bytes(), at, y.bytes(), to, wideRows, width, factors, offsets);
    } else {
      affine(x.bytes(), at, y.bytes(), to, wideRows, width, factors, offsets);
    }
    int done = wideRows * fold;
    plain.affine(
        x, firstRow + done, y, resultRow + done, rows - done, channels, factor, offset, activation);
  }

  private static void affine(
      ByteBuffer in,
      int start,
      ByteBuffer out,
      int resultStart,
      int rows,
      int width,
      float[] factor,
      float[] offset) {
    int at = start;
    int to = resultStart;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += STEP, to += STEP) {
        load(in, at)
            .fma(
                FloatVector.fromArray(SPECIES, factor, c),
                FloatVector.fromArray(SPECIES, offset, c))
            .intoByteBuffer(out, to, ORDER);
      }
    }
  }

  private static void affineSwish(
      ByteBuffer in,
      int start,
      ByteBuffer out,
      int resultStart,
      int rows,
      int width,
      float[] factor,
      float[] offset) {
    int at = start;
    int to = resultStart;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += STEP, to += STEP) {
        FloatVector z =
            load(in, at)
                .fma(
                    FloatVector.fromArray(SPECIES, factor, c),
                    FloatVector.fromArray(SPECIES, offset, c));
        VectorMath.swish(z).intoByteBuffer(out, to, ORDER);
      }
    }
  }

  @Override
  public void gradientSums(
      Floats x,
      Floats gradient,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] mean,
      Activation activation,
      double[] sums,
      double[] products) {
    checkRows(x, firstRow, rows, channels);
    checkRows(gradient, firstRow, rows, channels);
    checkChannels(channels, factor, offset, mean);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    float[] factors = folded(0, factor, channels, fold);
    float[] offsets = folded(1, offset, channels, fold);
    float[] means = folded(2, mean, channels, fold);
    prepareTiles(width);
    int at = firstRow * channels * Float.BYTES;
    for (int row = 0; row < wideRows; row += TILE_ROWS) {
      int count = Math.min(TILE_ROWS, wideRows - row);
      if (activation == Activation.SWISH) {
        swishGradientSumsOfTile(
            x.bytes(),
            gradient.bytes(),
            at,
            count,
            width,
            factors,
            offsets,
            means,
            tileFirst,
            tileSecond);
      } else {
        gradientSumsOfTile(
            x.bytes(), gradient.bytes(), at, count, width, means, tileFirst, tileSecond);
      }
      addTile(tileFirst, width, channels, sums);
      addTile(tileSecond, width, channels, products);
      at += count * width * Float.BYTES;
    }
    int done = wideRows * fold;
    plain.gradientSums(
        x,
        gradient,
        firstRow + done,
        rows - done,
        channels,
        factor,
        offset,
        mean,
        activation,
        sums,
        products);
  }

  private static void gradientSumsOfTile(
      ByteBuffer in,
      ByteBuffer upper,
      int start,
      int rows,
      int width,
      float[] mean,
      float[] sums,
      float[] products) {
    int stride = width * Float.BYTES;
    for (int c = 0; c < width; c += LANES) {
      FloatVector centre = FloatVector.fromArray(SPECIES, mean, c);
      FloatVector sum = FloatVector.zero(SPECIES);
      FloatVector product = FloatVector.zero(SPECIES);
      int at = start + c * Float.BYTES;
      for (int r = 0; r < rows; r++, at += stride) {
        FloatVector g = load(upper, at);
        sum = sum.add(g);
        product = load(in, at).sub(centre).fma(g, product);
      }
      sum.intoArray(sums, c);
      product.intoArray(products, c);
    }
  }

  private static void swishGradientSumsOfTile(
      ByteBuffer in,
      ByteBuffer upper,
      int start,
      int rows,
      int width,
      float[] factor,
      float[] offset,
      float[] mean,
      float[] sums,
      float[] products) {
    int stride = width * Float.BYTES;
    for (int c = 0; c < width; c += LANES) {
      FloatVector slope = FloatVector.fromArray(SPECIES, factor, c);
      FloatVector intercept = FloatVector.fromArray(SPECIES, offset, c);
      FloatVector centre = FloatVector.fromArray(SPECIES, mean, c);
      FloatVector sum = FloatVector.zero(SPECIES);
      FloatVector product = FloatVector.zero(SPECIES);
      int at = start + c * Float.BYTES;
      for (int r = 0; r < rows; r++, at += stride) {
        FloatVector value = load(in, at);
        FloatVector g = load(upper, at).mul(VectorMath.swishSlope(value.fma(slope, intercept)));
        sum = sum.add(g);
        product = value.sub(centre).fma(g, product);
      }
      sum.intoArray(sums, c);
      product.intoArray(products, c);
    }
  }

  @Override
  public void gradient(
      Floats x,
      Floats gradient,
      Floats result,
      int resultRow,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] slope,
      float[] intercept,
      Activation activation) {
    checkRows(x, firstRow, rows, channels);
    checkRows(gradient, firstRow, rows, channels);
    checkRows(result, resultRow, rows, channels);
    checkChannels(channels, factor, offset, slope, intercept);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    float[] factors = folded(0, factor, channels, fold);
    float[] offsets = folded(1, offset, channels, fold);
    float[] slopes = folded(2, slope, channels, fold);
    float[] intercepts = folded(3, intercept, channels, fold);
    int at = firstRow * channels * Float.BYTES;
    if (activation == Activation.SWISH) {
      swishGradient(
          x.bytes(),
          gradient.bytes(),
          result.bytes(),
          at,
          resultRow * channels * Float.BYTES,
          wideRows,
          width,
          factors,
          offsets,
          slopes,
          intercepts);
    } else {
      gradient(
          x.bytes(),
          gradient.bytes(),
          result.bytes(),
          at,
          resultRow * channels * Float.BYTES,
          wideRows,
          width,
          factors,
          slopes,
          intercepts);
    }
    int done = wideRows * fold;
    plain.gradient(
        x,
        gradient,
        result,
        resultRow + done,
        firstRow + done,
        rows - done,
        channels,
        factor,
        offset,
        slope,
        intercept,
        activation);
  }

  private static void gradient(
      ByteBuffer in,
      ByteBuffer upper,
      ByteBuffer out,
      int start,
      int resultStart,
      int rows,
      int width,
      float[] factor,
      float[] slope,
      float[] intercept) {
    int at = start;
    int to = resultStart;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += STEP, to += STEP) {
        FloatVector linear =
            load(in, at)
                .fma(
                    FloatVector.fromArray(SPECIES, slope, c),
                    FloatVector.fromArray(SPECIES, intercept, c));
        load(upper, at)
            .fma(FloatVector.fromArray(SPECIES, factor, c), linear)
            .intoByteBuffer(out, to, ORDER);
      }
    }
  }

  private static void swishGradient(
      ByteBuffer in,
      ByteBuffer upper,
      ByteBuffer out,
      int start,
      int resultStart,
      int rows,
      int width,
      float[] factor,
      float[] offset,
      float[] slope,
      float[] intercept) {
    int at = start;
    int to = resultStart;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += STEP, to += STEP) {
        FloatVector value = load(in, at);
        FloatVector factors = FloatVector.fromArray(SPECIES, factor, c);
        FloatVector linear =
            value.fma(
                FloatVector.fromArray(SPECIES, slope, c),
                FloatVector.fromArray(SPECIES, intercept, c));
        FloatVector z = value.fma(factors, FloatVector.fromArray(SPECIES, offset, c));
        load(upper, at)
            .mul(VectorMath.swishSlope(z))
            .fma(factors, linear)
            .intoByteBuffer(out, to, ORDER);
      }
    }
  }

  @Override
  public void swishSums(
      Floats x,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      double[] sums) {
    checkRows(x, firstRow, rows, channels);
    checkChannels(channels, factor, offset);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    float[] factors = folded(0, factor, channels, fold);
    float[] offsets = folded(1, offset, channels, fold);
    prepareTiles(width);
    int at = firstRow * channels * Float.BYTES;
    for (int row = 0; row < wideRows; row += TILE_ROWS) {
      int count = Math.min(TILE_ROWS, wideRows - row);
      swishSumsOfTile(x.bytes(), at, count, width, factors, offsets, tileFirst);
      addTile(tileFirst, width, channels, sums);
      at += count * width * Float.BYTES;
    }
    int done = wideRows * fold;
    plain.swishSums(x, firstRow + done, rows - done, channels, factor, offset, sums);
  }

  private static void swishSumsOfTile(
      ByteBuffer in, int start, int rows, int width, float[] factor, float[] offset, float[] sums) {
    int stride = width * Float.BYTES;
    for (int c = 0; c < width; c += LANES) {
      FloatVector slope = FloatVector.fromArray(SPECIES, factor, c);
      FloatVector intercept = FloatVector.fromArray(SPECIES, offset, c);
      FloatVector sum = FloatVector.zero(SPECIES);
      int at = start + c * Float.BYTES;
      for (int r = 0; r < rows; r++, at += stride) {
        sum = sum.add(VectorMath.swish(load(in, at).fma(slope, intercept)));
      }
      sum.intoArray(sums, c);
    }
  }

  @Override
  public void gatedSwish(
      Floats x,
      int firstRow,
      Floats y,
      int resultRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] gate) {
    checkRows(x, firstRow, rows, channels);
    checkRows(y, resultRow, rows, channels);
    checkChannels(channels, factor, offset, gate);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    gatedSwish(
        x.bytes(),
        firstRow * channels * Float.BYTES,
        y.bytes(),
        resultRow * channels * Float.BYTES,
        wideRows,
        width,
        folded(0, factor, channels, fold),
        folded(1, offset, channels, fold),
        folded(2, gate, channels, fold));
    int done = wideRows * fold;
    plain.gatedSwish(
        x, firstRow + done, y, resultRow + done, rows - done, channels, factor, offset, gate);
  }

  private static void gatedSwish(
      ByteBuffer in,
      int start,
      ByteBuffer out,
      int resultStart,
      int rows,
      int width,
      float[] factor,
      float[] offset,
      float[] gate) {
    int at = start;
    int to = resultStart;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += STEP, to += STEP) {
        FloatVector z =
            load(in, at)
                .fma(
                    FloatVector.fromArray(SPECIES, factor, c),
                    FloatVector.fromArray(SPECIES, offset, c));
        VectorMath.swish(z)
            .mul(FloatVector.fromArray(SPECIES, gate, c))
            .intoByteBuffer(out, to, ORDER);
      }
    }
  }

  @Override
  public void swishGradient(
      Floats x,
      int firstRow,
      Floats gradient,
      int gradientRow,
      Floats result,
      int rows,
      int channels,
      float[] factor,
      float[] offset,
      float[] gate,
      float[] constant,
      float[] mean,
      double[] sums,
      double[] products) {
    checkRows(x, firstRow, rows, channels);
    checkRows(gradient, gradientRow, rows, channels);
    checkRows(result, firstRow, rows, channels);
    checkChannels(channels, factor, offset, gate, constant, mean);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    float[] factors = folded(0, factor, channels, fold);
    float[] offsets = folded(1, offset, channels, fold);
    float[] gates = folded(2, gate, channels, fold);
    float[] constants = folded(3, constant, channels, fold);
    float[] means = folded(4, mean, channels, fold);
    prepareTiles(width);
    int at = firstRow * channels * Float.BYTES;
    int from = gradientRow * channels * Float.BYTES;
    for (int row = 0; row < wideRows; row += TILE_ROWS) {
      int count = Math.min(TILE_ROWS, wideRows - row);
      swishGradientOfTile(
          x.bytes(),
          at,
          gradient.bytes(),
          from,
          result.bytes(),
          count,
          width,
          factors,
          offsets,
          gates,
          constants,
          means,
          tileFirst,
          tileSecond);
      addTile(tileFirst, width, channels, sums);
      addTile(tileSecond, width, channels, products);
      at += count * width * Float.BYTES;
      from += count * width * Float.BYTES;
    }
    int done = wideRows * fold;
    plain.swishGradient(
        x,
        firstRow + done,
        gradient,
        gradientRow + done,
        result,
        rows - done,
        channels,
        factor,
        offset,
        gate,
        constant,
        mean,
        sums,
        products);
  }

  private static void swishGradientOfTile(
      ByteBuffer in,
      int start,
      ByteBuffer upper,
      int upperStart,
      ByteBuffer out,
      int rows,
      int width,
      float[] factor,
      float[] offset,
      float[] gate,
      float[] constant,
      float[] mean,
      float[] sums,
      float[] products) {
    int stride = width * Float.BYTES;
    for (int c = 0; c < width; c += LANES) {
      FloatVector slope = FloatVector.fromArray(SPECIES, factor, c);
      FloatVector intercept = FloatVector.fromArray(SPECIES, offset, c);
      FloatVector gates = FloatVector.fromArray(SPECIES, gate, c);
      FloatVector constants = FloatVector.fromArray(SPECIES, constant, c);
      FloatVector centre = FloatVector.fromArray(SPECIES, mean, c);
      FloatVector sum = FloatVector.zero(SPECIES);
      FloatVector product = FloatVector.zero(SPECIES);
      int at = start + c * Float.BYTES;
      int from = upperStart + c * Float.BYTES;
      for (int r = 0; r < rows; r++, at += stride, from += stride) {
        FloatVector value = load(in, at);
        FloatVector g =
            load(upper, from)
                .fma(gates, constants)
                .mul(VectorMath.swishSlope(value.fma(slope, intercept)));
        g.intoByteBuffer(out, at, ORDER);
        sum = sum.add(g);
        product = value.sub(centre).fma(g, product);
      }
      sum.intoArray(sums, c);
      product.intoArray(products, c);
    }
  }

  @Override
  public void swishAndSlope(
      Floats x,
      int firstRow,
      Floats y,
      Floats slope,
      int resultRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset) {
    checkRows(x, firstRow, rows, channels);
    checkRows(y, resultRow, rows, channels);
    checkRows(slope, resultRow, rows, channels);
    checkChannels(channels, factor, offset);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    swishAndSlope(
        x.bytes(),
        firstRow * channels * Float.BYTES,
        y.bytes(),
        slope.bytes(),
        resultRow * channels * Float.BYTES,
        wideRows,
        width,
        folded(0, factor, channels, fold),
        folded(1, offset, channels, fold));
    int done = wideRows * fold;
    plain.swishAndSlope(
        x, firstRow + done, y, slope, resultRow + done, rows - done, channels, factor, offset);
  }

  private static void swishAndSlope(
      ByteBuffer in,
      int start,
      ByteBuffer out,
      ByteBuffer slopes,
      int resultStart,
      int rows,
      int width,
      float[] factor,
      float[] offset) {
    int at = start;
    int to = resultStart;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += STEP, to += STEP) {
        FloatVector z =
            load(in, at)
                .fma(
                    FloatVector.fromArray(SPECIES, factor, c),
                    FloatVector.fromArray(SPECIES, offset, c));
        FloatVector sigmoid = VectorMath.sigmoid(z);
        z.mul(sigmoid).intoByteBuffer(out, to, ORDER);
        VectorMath.swishSlope(z, sigmoid).intoByteBuffer(slopes, to, ORDER);
      }
    }
  }

  @Override
  public void slopedGradient(
      Floats x,
      int firstRow,
      Floats gradient,
      Floats slope,
      int gradientRow,
      Floats result,
      int rows,
      int channels,
      float[] mean,
      double[] sums,
      double[] products) {
    checkRows(x, firstRow, rows, channels);
    checkRows(gradient, gradientRow, rows, channels);
    checkRows(slope, gradientRow, rows, channels);
    checkRows(result, firstRow, rows, channels);
    checkChannels(channels, mean);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    float[] means = folded(0, mean, channels, fold);
    prepareTiles(width);
    int at = firstRow * channels * Float.BYTES;
    int from = gradientRow * channels * Float.BYTES;
    for (int row = 0; row < wideRows; row += TILE_ROWS) {
      int count = Math.min(TILE_ROWS, wideRows - row);
      slopedGradientOfTile(
          x.bytes(),
          at,
          gradient.bytes(),
          slope.bytes(),
          from,
          result.bytes(),
          count,
          width,
          means,
          tileFirst,
          tileSecond);
      addTile(tileFirst, width, channels, sums);
      addTile(tileSecond, width, channels, products);
      at += count * width * Float.BYTES;
      from += count * width * Float.BYTES;
    }
    int done = wideRows * fold;
    plain.slopedGradient(
        x,
        firstRow + done,
        gradient,
        slope,
        gradientRow + done,
        result,
        rows - done,
        channels,
        mean,
        sums,
        products);
  }

  private static void slopedGradientOfTile(
      ByteBuffer in,
      int start,
      ByteBuffer upper,
      ByteBuffer slopes,
      int upperStart,
      ByteBuffer out,
      int rows,
      int width,
      float[] mean,
      float[] sums,
      float[] products) {
    int stride = width * Float.BYTES;
    for (int c = 0; c < width; c += LANES) {
      FloatVector centre = FloatVector.fromArray(SPECIES, mean, c);
      FloatVector sum = FloatVector.zero(SPECIES);
      FloatVector product = FloatVector.zero(SPECIES);
      int at = start + c * Float.BYTES;
      int from = upperStart + c * Float.BYTES;
      for (int r = 0; r < rows; r++, at += stride, from += stride) {
        FloatVector g = load(upper, from).mul(load(slopes, from));
        g.intoByteBuffer(out, at, ORDER);
        sum = sum.add(g);
        product = load(in, at).sub(centre).fma(g, product);
      }
      sum.intoArray(sums, c);
      product.intoArray(products, c);
    }
  }

  @Override
  public void affineSum(
      Floats x,
      Floats z,
      Floats y,
      int firstRow,
      int rows,
      int channels,
      float[] factor,
      float[] offset) {
    checkRows(x, firstRow, rows, channels);
    checkRows(z, firstRow, rows, channels);
    checkRows(y, firstRow, rows, channels);
    checkChannels(channels, factor, offset);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    affineSum(
        x.bytes(),
        z.bytes(),
        y.bytes(),
        firstRow * channels * Float.BYTES,
        wideRows,
        width,
        folded(0, factor, channels, fold),
        folded(1, offset, channels, fold));
    int done = wideRows * fold;
    plain.affineSum(x, z, y, firstRow + done, rows - done, channels, factor, offset);
  }

  private static void affineSum(
      ByteBuffer in,
      ByteBuffer other,
      ByteBuffer out,
      int start,
      int rows,
      int width,
      float[] factor,
      float[] offset) {
    int at = start;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += STEP) {
        load(in, at)
            .fma(
                FloatVector.fromArray(SPECIES, factor, c),
                FloatVector.fromArray(SPECIES, offset, c))
            .add(load(other, at))
            .intoByteBuffer(out, at, ORDER);
      }
    }
  }

  @Override
  public void productSums(
      Floats x, int firstRow, Floats y, int secondRow, int rows, int channels, double[] sums) {
    checkRows(x, firstRow, rows, channels);
    checkRows(y, secondRow, rows, channels);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    prepareTiles(width);
    int at = firstRow * channels * Float.BYTES;
    int other = secondRow * channels * Float.BYTES;
    for (int row = 0; row < wideRows; row += TILE_ROWS) {
      int count = Math.min(TILE_ROWS, wideRows - row);
      productSumsOfTile(x.bytes(), at, y.bytes(), other, count, width, tileFirst);
      addTile(tileFirst, width, channels, sums);
      at += count * width * Float.BYTES;
      other += count * width * Float.BYTES;
    }
    int done = wideRows * fold;
    plain.productSums(x, firstRow + done, y, secondRow + done, rows - done, channels, sums);
  }

  private static void productSumsOfTile(
      ByteBuffer left,
      int start,
      ByteBuffer right,
      int otherStart,
      int rows,
      int width,
      float[] sums) {
    int stride = width * Float.BYTES;
    for (int c = 0; c < width; c += LANES) {
      FloatVector sum = FloatVector.zero(SPECIES);
      int at = start + c * Float.BYTES;
      int other = otherStart + c * Float.BYTES;
      for (int r = 0; r < rows; r++, at += stride, other += stride) {
        sum = load(left, at).fma(load(right, other), sum);
      }
      sum.intoArray(sums, c);
    }
  }

  @Override
  public void spread(Floats y, int firstRow, int rows, int channels, float[] values) {
    checkRows(y, firstRow, rows, channels);
    checkChannels(channels, values);
    int fold = fold(channels);
    int width = channels * fold;
    int wideRows = rows / fold;
    spread(
        y.bytes(),
        firstRow * channels * Float.BYTES,
        wideRows,
        width,
        folded(0, values, channels, fold));
    int done = wideRows * fold;
    plain.spread(y, firstRow + done, rows - done, channels, values);
  }

  private static void spread(ByteBuffer out, int start, int rows, int width, float[] values) {
    int at = start;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < width; c += LANES, at += LANES * Float.BYTES) {
        FloatVector.fromArray(SPECIES, values, c).intoByteBuffer(out, at, ORDER);
      }
    }
  }

  /** Elements in whole vectors. */
  private static int whole(int count) {
    return count - count % LANES;
  }

  @Override
  public void scaledSum(Floats a, float factor, Floats b, Floats y, int from, int count) {
    checkRange(a, from, count);
    checkRange(b, from, count);
    checkRange(y, from, count);
    ByteBuffer left = a.bytes();
    ByteBuffer right = b.bytes();
    ByteBuffer out = y.bytes();
    FloatVector factors = FloatVector.broadcast(SPECIES, factor);
    int end = (from + whole(count)) * Float.BYTES;
    for (int at = from * Float.BYTES; at < end; at += LANES * Float.BYTES) {
      load(left, at).fma(factors, load(right, at)).intoByteBuffer(out, at, ORDER);
    }
    plain.scaledSum(a, factor, b, y, from + whole(count), count % LANES);
  }

  @Override
  public void scaled(Floats a, float factor, Floats y, int from, int count) {
    checkRange(a, from, count);
    checkRange(y, from, count);
    ByteBuffer in = a.bytes();
    ByteBuffer out = y.bytes();
    int end = (from + whole(count)) * Float.BYTES;
    for (int at = from * Float.BYTES; at < end; at += LANES * Float.BYTES) {
      load(in, at).mul(factor).intoByteBuffer(out, at, ORDER);
    }
    plain.scaled(a, factor, y, from + whole(count), count % LANES);
  }

  @Override
  public void product(Floats a, Floats b, Floats y, int from, int count) {
    checkRange(a, from, count);
    checkRange(b, from, count);
    checkRange(y, from, count);
    ByteBuffer left = a.bytes();
    ByteBuffer right = b.bytes();
    ByteBuffer out = y.bytes();
    int end = (from + whole(count)) * Float.BYTES;
    for (int at = from * Float.BYTES; at < end; at += LANES * Float.BYTES) {
      load(left, at).mul(load(right, at)).intoByteBuffer(out, at, ORDER);
    }
    plain.product(a, b, y, from + whole(count), count % LANES);
  }

  @Override
  public void widen(ByteBuffer x, int from, Floats y, int to, int count) {
    Objects.checkFromIndexSize(from, count, x.capacity() / Short.BYTES);
    checkRange(y, to, count);
    ByteBuffer out = y.bytes();
    int at = from * Short.BYTES;
    int target = to * Float.BYTES;
    for (int i = 0; i < whole(count); i += LANES, at += HALF_STEP, target += STEP) {
      ShortVector halves = ShortVector.fromByteBuffer(HALVES, x, at, ORDER);
      ((IntVector) halves.convertShape(VectorOperators.S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoByteBuffer(out, target, ORDER);
    }
    plain.widen(x, from + whole(count), y, to + whole(count), count % LANES);
  }

  @Override
  public void narrow(Floats x, int from, ByteBuffer y, int to, int count) {
    checkRange(x, from, count);
    Objects.checkFromIndexSize(to, count, y.capacity() / Short.BYTES);
    ByteBuffer in = x.bytes();
    int at = from * Float.BYTES;
    int target = to * Short.BYTES;
    for (int i = 0; i < whole(count); i += LANES, at += STEP, target += HALF_STEP) {
      FloatVector value = load(in, at);
      IntVector bits = value.reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      // A NaN with its low bits set would become an infinity: its quiet bit alone is left of it.
      IntVector rounded =
          bits.add(odd)
              .add(0x7fff)
              .blend(0x7fc00000, value.compare(VectorOperators.NE, value).cast(INTS));
      ((ShortVector)
              rounded
                  .lanewise(VectorOperators.LSHR, 16)
                  .convertShape(VectorOperators.I2S, HALVES, 0))
          .intoByteBuffer(y, target, ORDER);
    }
    plain.narrow(x, from + whole(count), y, to + whole(count), count % LANES);
  }

  @Override
  public void sigmoid(Floats a, Floats y, int from, int count) {
    checkRange(a, from, count);
    checkRange(y, from, count);
    ByteBuffer in = a.bytes();
    ByteBuffer out = y.bytes();
    int end = (from + whole(count)) * Float.BYTES;
    for (int at = from * Float.BYTES; at < end; at += LANES * Float.BYTES) {
      VectorMath.sigmoid(load(in, at)).intoByteBuffer(out, at, ORDER);
    }
    plain.sigmoid(a, y, from + whole(count), count % LANES);
  }
}
