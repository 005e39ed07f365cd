package io.phiscale.model.kernels;

import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The same mathematics as nested loops over double arrays: the oracle. */
final class PlainLoops {

  private PlainLoops() {}

  static double[] values(INDArray array) {
    return Views.flat(array.dup('c')).toDoubleVector();
  }

  /** Values in [-1, 1) that depend on the seed and the place alone. */
  static INDArray array(DataType type, long seed, long... shape) {
    long length = 1;
    for (long size : shape) {
      length *= size;
    }
    double[] values = new double[(int) length];
    for (int i = 0; i < values.length; i++) {
      long bits = (seed * 0x9E3779B97F4A7C15L + i + 1) * 0xBF58476D1CE4E5B9L;
      bits = (bits ^ (bits >>> 27)) * 0x94D049BB133111EBL;
      values[i] = ((bits ^ (bits >>> 31)) >>> 11) * 0x1.0p-52 - 1;
    }
    return Nd4j.createFromArray(values).castTo(type).reshape(shape);
  }

  static INDArray empty(DataType type, ImageShape shape) {
    return Nd4j.valueArrayOf(
        new long[] {shape.batch(), shape.height(), shape.width(), shape.channels()},
        Double.NaN,
        type);
  }

  interface Tap {
    void at(int input, int weight, int output);
  }

  /** Visits every product of a convolution. */
  static void taps(ConvolutionShape shape, Tap tap) {
    ImageShape in = shape.input();
    ImageShape out = shape.output();
    for (int n = 0; n < in.batch(); n++) {
      for (int y = 0; y < out.height(); y++) {
        for (int x = 0; x < out.width(); x++) {
          for (int j = 0; j < shape.kernelHeight(); j++) {
            for (int i = 0; i < shape.kernelWidth(); i++) {
              int row = y * shape.stride() + j - shape.padding().top();
              int column = x * shape.stride() + i - shape.padding().left();
              if (row < 0 || row >= in.height() || column < 0 || column >= in.width()) {
                continue;
              }
              int inputAt = ((n * in.height() + row) * in.width() + column) * in.channels();
              int outputAt = ((n * out.height() + y) * out.width() + x) * out.channels();
              int weightAt = j * shape.kernelWidth() + i;
              for (int o = 0; o < out.channels(); o++) {
                if (shape.depthwise()) {
                  tap.at(inputAt + o, weightAt * in.channels() + o, outputAt + o);
                } else {
                  for (int c = 0; c < in.channels(); c++) {
                    tap.at(
                        inputAt + c,
                        (weightAt * in.channels() + c) * out.channels() + o,
                        outputAt + o);
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  static double[] convolution(ConvolutionShape shape, double[] input, double[] weights) {
    double[] output = new double[(int) shape.output().elements()];
    taps(shape, (in, weight, out) -> output[out] += input[in] * weights[weight]);
    return output;
  }

  static double[] inputGradient(ConvolutionShape shape, double[] weights, double[] gradient) {
    double[] result = new double[(int) shape.input().elements()];
    taps(shape, (in, weight, out) -> result[in] += gradient[out] * weights[weight]);
    return result;
  }

  static double[] weightGradient(
      ConvolutionShape shape, double[] input, double[] gradient, int length) {
    double[] result = new double[length];
    taps(shape, (in, weight, out) -> result[weight] += gradient[out] * input[in]);
    return result;
  }

  static double sigmoid(double z) {
    return 1 / (1 + Math.exp(-z));
  }

  static double activate(Activation activation, double z) {
    return activation == Activation.SWISH ? z * sigmoid(z) : z;
  }

  static double[] channelMeans(ImageShape shape, double[] values) {
    double[] means = new double[shape.channels()];
    for (int i = 0; i < values.length; i++) {
      means[i % shape.channels()] += values[i] / shape.rows();
    }
    return means;
  }

  static double[] channelVariances(ImageShape shape, double[] values) {
    double[] means = channelMeans(shape, values);
    double[] variances = new double[shape.channels()];
    for (int i = 0; i < values.length; i++) {
      int c = i % shape.channels();
      variances[c] += (values[i] - means[c]) * (values[i] - means[c]) / shape.rows();
    }
    return variances;
  }

  static double[] normalised(
      BatchNormShape shape,
      double[] input,
      double[] scale,
      double[] shift,
      double[] means,
      double[] variances) {
    double[] output = new double[input.length];
    for (int i = 0; i < input.length; i++) {
      int c = i % shape.image().channels();
      double z =
          scale[c] * (input[i] - means[c]) / Math.sqrt(variances[c] + shape.epsilon()) + shift[c];
      output[i] = activate(shape.activation(), z);
    }
    return output;
  }

  /** Gradients of a batch norm by the statistics of the batch: of input, scale and shift. */
  static List<double[]> batchNormGradients(
      BatchNormShape shape, double[] input, double[] scale, double[] shift, double[] gradient) {
    int channels = shape.image().channels();
    double[] means = channelMeans(shape.image(), input);
    double[] variances = channelVariances(shape.image(), input);
    double[] normalised = new double[input.length];
    double[] inner = new double[input.length];
    double[] scaleGradient = new double[channels];
    double[] shiftGradient = new double[channels];
    for (int i = 0; i < input.length; i++) {
      int c = i % channels;
      normalised[i] = (input[i] - means[c]) / Math.sqrt(variances[c] + shape.epsilon());
      double z = scale[c] * normalised[i] + shift[c];
      double s = sigmoid(z);
      inner[i] = gradient[i] * (shape.activation() == Activation.SWISH ? s + z * s * (1 - s) : 1);
      scaleGradient[c] += inner[i] * normalised[i];
      shiftGradient[c] += inner[i];
    }
    double[] inputGradient = new double[input.length];
    for (int i = 0; i < input.length; i++) {
      int c = i % channels;
      inputGradient[i] =
          scale[c]
              / Math.sqrt(variances[c] + shape.epsilon())
              * (inner[i]
                  - shiftGradient[c] / shape.image().rows()
                  - normalised[i] * scaleGradient[c] / shape.image().rows());
    }
    return List.of(inputGradient, scaleGradient, shiftGradient);
  }
}
