package io.phiscale.model.kernels;

import java.nio.ByteBuffer;

/** {@link Passes} as plain loops: where there is no Vector API, and for what it leaves over. */
final class PlainPasses implements Passes {

  @Override
  public void moments(
      Floats x,
      int firstRow,
      int rows,
      int channels,
      float[] pivot,
      double[] sums,
      double[] squares) {
    ByteBuffer in = x.bytes();
    int at = firstRow * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        float value = in.getFloat(at) - pivot[c];
        sums[c] += value;
        squares[c] += (double) value * value;
      }
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
    ByteBuffer in = x.bytes();
    ByteBuffer out = y.bytes();
    boolean swish = activation == Activation.SWISH;
    int at = firstRow * channels * Float.BYTES;
    int to = (resultRow - firstRow) * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        float z = factor[c] * in.getFloat(at) + offset[c];
        out.putFloat(at + to, swish ? z * sigmoid(z) : z);
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
    ByteBuffer in = x.bytes();
    ByteBuffer upper = gradient.bytes();
    boolean swish = activation == Activation.SWISH;
    int at = firstRow * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        float value = in.getFloat(at);
        float g = upper.getFloat(at);
        if (swish) {
          g *= swishSlope(factor[c] * value + offset[c]);
        }
        sums[c] += g;
        products[c] += (double) g * (value - mean[c]);
      }
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
    ByteBuffer in = x.bytes();
    ByteBuffer upper = gradient.bytes();
    ByteBuffer out = result.bytes();
    boolean swish = activation == Activation.SWISH;
    int at = firstRow * channels * Float.BYTES;
    int to = (resultRow - firstRow) * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        float value = in.getFloat(at);
        float g = upper.getFloat(at);
        if (swish) {
          g *= swishSlope(factor[c] * value + offset[c]);
        }
        out.putFloat(at + to, factor[c] * g + slope[c] * value + intercept[c]);
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
    ByteBuffer in = x.bytes();
    int at = firstRow * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        float z = factor[c] * in.getFloat(at) + offset[c];
        sums[c] += z * sigmoid(z);
      }
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
    ByteBuffer in = x.bytes();
    ByteBuffer out = y.bytes();
    int at = firstRow * channels * Float.BYTES;
    int to = (resultRow - firstRow) * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        float z = factor[c] * in.getFloat(at) + offset[c];
        out.putFloat(at + to, z * sigmoid(z) * gate[c]);
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
    ByteBuffer in = x.bytes();
    ByteBuffer upper = gradient.bytes();
    ByteBuffer out = result.bytes();
    int at = firstRow * channels * Float.BYTES;
    int from = (gradientRow - firstRow) * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        float value = in.getFloat(at);
        float g =
            (gate[c] * upper.getFloat(at + from) + constant[c])
                * swishSlope(factor[c] * value + offset[c]);
        out.putFloat(at, g);
        sums[c] += g;
        products[c] += (double) g * (value - mean[c]);
      }
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
    ByteBuffer in = x.bytes();
    ByteBuffer out = y.bytes();
    ByteBuffer slopes = slope.bytes();
    int at = firstRow * channels * Float.BYTES;
    int to = resultRow * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES, to += Float.BYTES) {
        float z = factor[c] * in.getFloat(at) + offset[c];
        out.putFloat(to, z * sigmoid(z));
        slopes.putFloat(to, swishSlope(z));
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
    ByteBuffer in = x.bytes();
    ByteBuffer upper = gradient.bytes();
    ByteBuffer slopes = slope.bytes();
    ByteBuffer out = result.bytes();
    int at = firstRow * channels * Float.BYTES;
    int from = gradientRow * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES, from += Float.BYTES) {
        float g = upper.getFloat(from) * slopes.getFloat(from);
        out.putFloat(at, g);
        sums[c] += g;
        products[c] += (double) g * (in.getFloat(at) - mean[c]);
      }
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
    ByteBuffer in = x.bytes();
    ByteBuffer other = z.bytes();
    ByteBuffer out = y.bytes();
    int at = firstRow * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        out.putFloat(at, factor[c] * in.getFloat(at) + offset[c] + other.getFloat(at));
      }
    }
  }

  @Override
  public void productSums(
      Floats x, int firstRow, Floats y, int secondRow, int rows, int channels, double[] sums) {
    ByteBuffer left = x.bytes();
    ByteBuffer right = y.bytes();
    int at = firstRow * channels * Float.BYTES;
    int other = (secondRow - firstRow) * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        sums[c] += left.getFloat(at) * right.getFloat(at + other);
      }
    }
  }

  @Override
  public void spread(Floats y, int firstRow, int rows, int channels, float[] values) {
    ByteBuffer out = y.bytes();
    int at = firstRow * channels * Float.BYTES;
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < channels; c++, at += Float.BYTES) {
        out.putFloat(at, values[c]);
      }
    }
  }

  @Override
  public void scaledSum(Floats a, float factor, Floats b, Floats y, int from, int count) {
    for (int i = from; i < from + count; i++) {
      y.put(i, factor * a.at(i) + b.at(i));
    }
  }

  @Override
  public void scaled(Floats a, float factor, Floats y, int from, int count) {
    for (int i = from; i < from + count; i++) {
      y.put(i, factor * a.at(i));
    }
  }

  @Override
  public void product(Floats a, Floats b, Floats y, int from, int count) {
    for (int i = from; i < from + count; i++) {
      y.put(i, a.at(i) * b.at(i));
    }
  }

  @Override
  public void sigmoid(Floats a, Floats y, int from, int count) {
    for (int i = from; i < from + count; i++) {
      y.put(i, sigmoid(a.at(i)));
    }
  }

  @Override
  public void widen(ByteBuffer x, int from, Floats y, int to, int count) {
    for (int i = 0; i < count; i++) {
      y.put(to + i, Float.intBitsToFloat(x.getShort((from + i) * Short.BYTES) << 16));
    }
  }

  @Override
  public void narrow(Floats x, int from, ByteBuffer y, int to, int count) {
    for (int i = 0; i < count; i++) {
      y.putShort((to + i) * Short.BYTES, bfloat16(x.at(from + i)));
    }
  }

  /** The bits of the nearest bfloat16. */
  private static short bfloat16(float value) {
    int bits = Float.floatToIntBits(value);
    if (Float.isNaN(value)) {
      return 0x7fc0;
    }
    int odd = (bits >>> 16) & 1;
    return (short) ((bits + 0x7fff + odd) >>> 16);
  }

  static float sigmoid(float z) {
    return (float) (1 / (1 + Math.exp(-z)));
  }

  static float swishSlope(float z) {
    float s = sigmoid(z);
    return s * (1 + z * (1 - s));
  }
}
