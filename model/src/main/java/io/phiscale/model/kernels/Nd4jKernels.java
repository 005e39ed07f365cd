package io.phiscale.model.kernels;

import static io.phiscale.model.kernels.Views.flat;
import static io.phiscale.model.kernels.Views.rows;
import static io.phiscale.model.kernels.Views.shaped;

import java.util.HashMap;
import java.util.Map;
import org.nd4j.linalg.api.blas.params.MMulTranspose;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.broadcast.BroadcastAddOp;
import org.nd4j.linalg.api.ops.impl.broadcast.BroadcastMulOp;
import org.nd4j.linalg.api.ops.impl.broadcast.BroadcastSubOp;
import org.nd4j.linalg.api.ops.impl.reduce.Mmul;
import org.nd4j.linalg.api.ops.impl.transforms.floating.Sqrt;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Exp;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Sigmoid;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * {@link Kernels} by ND4J operations only, FLOAT or DOUBLE, on any ND4J back end: the portable path
 * and the reference of the faster ones.
 *
 * <p>What is said below of costs was measured with nd4j-native 1.0.0-M2.1, classifier {@code
 * linux-x86_64-onednn}, on one thread and about 400,000 elements (32x14x14x64):
 *
 * <ul>
 *   <li>1x1 convolutions are one product of matrices.
 *   <li>Sums over N, H, W are products with ones, first over the pixels of each image, then over
 *       the images: five times faster than ND4J's reduction and closer to the true sum than one
 *       long chain of additions.
 *   <li>A sigmoid costs 1.2 ms, oneDNN's hyperbolic tangent 0.16 ms, and sigmoid(z) = (1 +
 *       tanh(z/2)) / 2. So swish(z) = h + h · tanh(h) with h = z/2, and the half is folded into the
 *       batch norm before it.
 *   <li>{@code depthwise_conv2d_bp} is good for 3x3 (1.0 ms) and bad for 5x5 (12 ms). There the
 *       gradient of the input is a depthwise convolution with the turned kernel, and that of the
 *       weights one where images and channels together are the channels and the output gradient is
 *       the kernel (1.8 ms).
 * </ul>
 */
public final class Nd4jKernels implements Kernels {

  private static final int NHWC = 1;
  private static final int VALID_OR_EXPLICIT = 0;
  private static final int SAME = 1;

  /** Largest depthwise kernel for which ND4J's own backward operation is the faster one. */
  private static final int LARGEST_NATIVE_DEPTHWISE_GRADIENT = 3;

  private final Scratch scratch = new Scratch();
  private final ComposedMBConv blocks = new ComposedMBConv(this);
  private final Map<Ones, INDArray> ones = new HashMap<>();

  private record Ones(DataType type, int batch, long length) {}

  @Override
  public String name() {
    return ND4J;
  }

  // ---------------------------------------------------------------- convolution

  @Override
  public void convolution(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray bias,
      Activation activation,
      INDArray output) {
    if (shape.pointwise()) {
      product(rows(input), pointwiseWeights(shape, weights), rows(output), Transpose.NONE);
    } else if (shape.depthwise()) {
      windowed("depthwise_conv2d", shape, input, weights, output);
    } else {
      windowed("conv2d", shape, input, weights, output);
    }
    if (bias != null) {
      addRow(rows(output), bias);
    }
    if (activation == Activation.SWISH) {
      output.muli(0.5);
      swishOfHalf(output);
    }
  }

  @Override
  public void convolutionGradients(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient) {
    if (shape.pointwise()) {
      if (inputGradient != null) {
        product(
            rows(outputGradient),
            pointwiseWeights(shape, weights),
            rows(inputGradient),
            Transpose.RIGHT);
      }
      if (weightGradient != null) {
        product(
            rows(input),
            rows(outputGradient),
            pointwiseWeights(shape, weightGradient),
            Transpose.LEFT);
      }
    } else if (shape.depthwise()) {
      boolean small =
          Math.max(shape.kernelHeight(), shape.kernelWidth()) <= LARGEST_NATIVE_DEPTHWISE_GRADIENT;
      if (small && inputGradient != null && weightGradient != null && paddedByOperation(shape)) {
        windowedGradients(
            "depthwise_conv2d_bp",
            shape,
            input,
            weights,
            outputGradient,
            inputGradient,
            weightGradient);
      } else {
        if (inputGradient != null) {
          depthwiseInputGradient(shape, weights, outputGradient, inputGradient);
        }
        if (weightGradient != null) {
          depthwiseWeightGradient(shape, input, outputGradient, weightGradient);
        }
      }
    } else {
      if (inputGradient != null) {
        fullGradients(shape, input, weights, outputGradient, inputGradient, weightGradient);
      } else if (weightGradient != null) {
        fullWeightGradient(shape, input, outputGradient, weightGradient);
      }
    }
  }

  /** A convolution operation of ND4J, with the zeros copied in where it has no such padding. */
  private void windowed(
      String operation, ConvolutionShape shape, INDArray input, INDArray weights, INDArray output) {
    if (paddedByOperation(shape)) {
      execute(
          operation,
          new INDArray[] {input, weights},
          new INDArray[] {output},
          arguments(shape, sameMode(shape), shape.padding().top(), shape.padding().left()));
    } else {
      execute(
          operation,
          new INDArray[] {padded(shape, input), weights},
          new INDArray[] {output},
          arguments(shape, VALID_OR_EXPLICIT, 0, 0));
    }
  }

  private static void windowedGradients(
      String operation,
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient) {
    execute(
        operation,
        new INDArray[] {input, weights, outputGradient},
        new INDArray[] {inputGradient, weightGradient},
        arguments(shape, sameMode(shape), shape.padding().top(), shape.padding().left()));
  }

  private static int[] arguments(ConvolutionShape shape, int mode, int top, int left) {
    return new int[] {
      shape.kernelHeight(),
      shape.kernelWidth(),
      shape.stride(),
      shape.stride(),
      mode == SAME ? 0 : top,
      mode == SAME ? 0 : left,
      1,
      1,
      mode,
      NHWC,
      0
    };
  }

  /**
   * Whether the operation can put the zeros itself: it knows TensorFlow's SAME, and the same number
   * on all sides.
   */
  private static boolean paddedByOperation(ConvolutionShape shape) {
    return isSame(shape) || isExplicit(shape);
  }

  private static int sameMode(ConvolutionShape shape) {
    return isExplicit(shape) ? VALID_OR_EXPLICIT : SAME;
  }

  private static boolean isExplicit(ConvolutionShape shape) {
    int top = shape.padding().top();
    int left = shape.padding().left();
    ImageShape in = shape.input();
    return (in.height() + 2 * top - shape.kernelHeight()) / shape.stride() + 1
            == shape.outputHeight()
        && (in.width() + 2 * left - shape.kernelWidth()) / shape.stride() + 1
            == shape.outputWidth();
  }

  private static boolean isSame(ConvolutionShape shape) {
    ImageShape in = shape.input();
    return isSame(
            in.height(),
            shape.outputHeight(),
            shape.kernelHeight(),
            shape.stride(),
            shape.padding().top())
        && isSame(
            in.width(),
            shape.outputWidth(),
            shape.kernelWidth(),
            shape.stride(),
            shape.padding().left());
  }

  private static boolean isSame(int input, int output, int kernel, int stride, int before) {
    int total = Math.max(0, (output - 1) * stride + kernel - input);
    return output == (input + stride - 1) / stride && before == total / 2;
  }

  /** The input within its zeros, in scratch: exactly what the windows reach. */
  private INDArray padded(ConvolutionShape shape, INDArray input) {
    ImageShape in = shape.input();
    int top = shape.padding().top();
    int left = shape.padding().left();
    int height = reach(shape.outputHeight(), shape.kernelHeight(), shape.stride());
    int width = reach(shape.outputWidth(), shape.kernelWidth(), shape.stride());
    int copiedRows = Math.min(in.height(), height - top);
    int copiedColumns = Math.min(in.width(), width - left);
    INDArray padded =
        scratch.array("padded", input.dataType(), in.batch(), height, width, in.channels());
    if (copiedRows < height || copiedColumns < width) {
      padded.assign(0);
    }
    window(padded, top, top + copiedRows, left, left + copiedColumns)
        .assign(window(input, 0, copiedRows, 0, copiedColumns));
    return padded;
  }

  /** Rows (or columns) that all windows together cover. */
  private static int reach(int outputs, int kernel, int stride) {
    return (outputs - 1) * stride + kernel;
  }

  private static INDArray window(INDArray image, int top, int bottom, int left, int right) {
    return image.get(
        NDArrayIndex.all(),
        NDArrayIndex.interval(top, bottom),
        NDArrayIndex.interval(left, right),
        NDArrayIndex.all());
  }

  /** By a stride-1 convolution of the spread output gradient with the turned kernel. */
  private void depthwiseInputGradient(
      ConvolutionShape shape, INDArray weights, INDArray outputGradient, INDArray inputGradient) {
    DataType type = weights.dataType();
    ImageShape in = shape.input();
    int kernelHeight = shape.kernelHeight();
    int kernelWidth = shape.kernelWidth();
    INDArray turned = scratch.array("turned", type, kernelHeight, kernelWidth, in.channels(), 1);
    execute("reverse", new INDArray[] {weights}, new INDArray[] {turned}, new int[] {0, 1});

    int top = kernelHeight - 1 - shape.padding().top();
    int left = kernelWidth - 1 - shape.padding().left();
    ConvolutionShape stretched = null;
    INDArray source = outputGradient;
    if (shape.stride() == 1 && top >= 0 && left >= 0) {
      int bottom = kernelHeight - 1 - shape.padding().bottom();
      int right = kernelWidth - 1 - shape.padding().right();
      if (bottom >= 0 && right >= 0) {
        stretched =
            new ConvolutionShape(
                shape.output(),
                in.channels(),
                kernelHeight,
                kernelWidth,
                1,
                new ConvolutionShape.Padding(top, bottom, left, right),
                in.channels());
      }
    }
    if (stretched == null) {
      source = spread(shape, outputGradient, top, left);
      stretched =
          new ConvolutionShape(
              new ImageShape(
                  in.batch(),
                  in.height() + kernelHeight - 1,
                  in.width() + kernelWidth - 1,
                  in.channels()),
              in.channels(),
              kernelHeight,
              kernelWidth,
              1,
              ConvolutionShape.Padding.NONE,
              in.channels());
    }
    windowed("depthwise_conv2d", stretched, source, turned, inputGradient);
  }

  /**
   * The output gradient with {@code stride − 1} zeros between its pixels, {@code top} and {@code
   * left} before it and as many after it as make the convolution give the input's size. Rows that a
   * negative {@code top} would put outside touch only padding, and are left out.
   */
  private INDArray spread(ConvolutionShape shape, INDArray outputGradient, int top, int left) {
    ImageShape in = shape.input();
    int height = in.height() + shape.kernelHeight() - 1;
    int width = in.width() + shape.kernelWidth() - 1;
    int stride = shape.stride();
    INDArray spread =
        scratch.array(
            "padded", outputGradient.dataType(), in.batch(), height, width, in.channels());
    spread.assign(0);
    Part rows = Part.of(shape.outputHeight(), top, stride, height);
    Part columns = Part.of(shape.outputWidth(), left, stride, width);
    if (rows.count() > 0 && columns.count() > 0) {
      spread
          .get(NDArrayIndex.all(), rows.source(stride), columns.source(stride), NDArrayIndex.all())
          .assign(
              window(
                  outputGradient,
                  rows.to(),
                  rows.to() + rows.count(),
                  columns.to(),
                  columns.to() + columns.count()));
    }
    return spread;
  }

  /**
   * By depthwise convolutions whose channels are all channels of all images, whose input is the
   * input, whose kernel is the output gradient and whose output is as large as the kernel; then
   * summed over the images. A stride splits the input by row and column modulo the stride: each
   * part meets the taps of the same remainder (oneDNN's dilated convolution would be the other way,
   * but ND4J cannot make one).
   */
  private void depthwiseWeightGradient(
      ConvolutionShape shape, INDArray input, INDArray outputGradient, INDArray weightGradient) {
    DataType type = input.dataType();
    int batch = shape.input().batch();
    int channels = shape.input().channels();
    int stride = shape.stride();
    INDArray kernel =
        scratch.array("kernel", type, shape.outputHeight(), shape.outputWidth(), batch, channels);
    kernel.assign(outputGradient.permute(1, 2, 0, 3));
    INDArray byTap = shaped(weightGradient, shape.kernelHeight(), shape.kernelWidth(), channels);
    for (int row = 0; row < Math.min(stride, shape.kernelHeight()); row++) {
      for (int column = 0; column < Math.min(stride, shape.kernelWidth()); column++) {
        int tapRows = (shape.kernelHeight() - row + stride - 1) / stride;
        int tapColumns = (shape.kernelWidth() - column + stride - 1) / stride;
        INDArray taps =
            stride == 1 ? byTap : scratch.array("taps", type, tapRows, tapColumns, channels);
        INDArray images = everyStride(shape, input, row, column, tapRows, tapColumns);
        depthwiseTaps(images, kernel, taps);
        if (stride != 1) {
          byTap
              .get(
                  NDArrayIndex.interval(row, stride, shape.kernelHeight()),
                  NDArrayIndex.interval(column, stride, shape.kernelWidth()),
                  NDArrayIndex.all())
              .assign(taps);
        }
      }
    }
  }

  /**
   * Every stride-th row and column of the padded input from a first one, images beside channels:
   * (H', W', N, C) in scratch.
   */
  private INDArray everyStride(
      ConvolutionShape shape,
      INDArray input,
      int firstRow,
      int firstColumn,
      int tapRows,
      int tapColumns) {
    ImageShape in = shape.input();
    int stride = shape.stride();
    int height = shape.outputHeight() + tapRows - 1;
    int width = shape.outputWidth() + tapColumns - 1;
    INDArray images =
        scratch.array("padded", input.dataType(), height, width, in.batch(), in.channels());
    Part rows = Part.of(height, firstRow - shape.padding().top(), stride, in.height());
    Part columns = Part.of(width, firstColumn - shape.padding().left(), stride, in.width());
    if (rows.count() < height || columns.count() < width) {
      images.assign(0);
    }
    if (rows.count() > 0 && columns.count() > 0) {
      images
          .get(
              NDArrayIndex.interval(rows.to(), rows.to() + rows.count()),
              NDArrayIndex.interval(columns.to(), columns.to() + columns.count()),
              NDArrayIndex.all(),
              NDArrayIndex.all())
          .assign(
              input
                  .get(
                      NDArrayIndex.all(),
                      rows.source(stride),
                      columns.source(stride),
                      NDArrayIndex.all())
                  .permute(1, 2, 0, 3));
    }
    return images;
  }

  /**
   * The places {@code to .. to + count} of a line that hold values {@code from, from + stride, ..}
   * of another; the places beside them are padding.
   */
  private record Part(int to, int from, int count) {

    /** Place i holds value {@code first + i · stride} where that is in [0, sourceLength). */
    static Part of(int length, int first, int stride, int sourceLength) {
      int to = first < 0 ? (-first + stride - 1) / stride : 0;
      int from = first + to * stride;
      int available = from < sourceLength ? (sourceLength - 1 - from) / stride + 1 : 0;
      return new Part(to, from, Math.max(0, Math.min(length - to, available)));
    }

    INDArrayIndex source(int stride) {
      // ND4J refuses an interval whose stride reaches past the end, even of one value.
      return count == 1
          ? NDArrayIndex.interval(from, from + 1)
          : NDArrayIndex.interval(from, stride, from + (count - 1) * stride + 1);
    }
  }

  /** (H', W', N, C) with the kernel (H, W, N, C) → (H' − H + 1, W' − W + 1, C). */
  private void depthwiseTaps(INDArray images, INDArray kernel, INDArray taps) {
    long batch = images.size(2);
    long channels = images.size(3);
    long allChannels = batch * channels;
    int height = (int) kernel.size(0);
    int width = (int) kernel.size(1);
    int count = (int) (taps.size(0) * taps.size(1));
    INDArray perImage = scratch.array("per image", images.dataType(), count, batch, channels);
    if (count * height * width == 1) {
      // ND4J's own depthwise convolution, without oneDNN, fails on one pixel and one tap.
      flat(images).muli(flat(kernel), flat(perImage));
    } else {
      execute(
          "depthwise_conv2d",
          new INDArray[] {
            shaped(images, 1, images.size(0), images.size(1), allChannels),
            shaped(kernel, height, width, allChannels, 1)
          },
          new INDArray[] {shaped(perImage, 1, taps.size(0), taps.size(1), allChannels)},
          new int[] {height, width, 1, 1, 0, 0, 1, 1, VALID_OR_EXPLICIT, NHWC, 0});
    }
    product(
        ones(images.dataType(), count, batch),
        perImage,
        shaped(taps, count, 1, channels),
        Transpose.NONE);
  }

  private void fullGradients(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient) {
    DataType type = weights.dataType();
    INDArray unwanted =
        weightGradient == null
            ? scratch.array("unwanted weights", type, weights.shape())
            : weightGradient;
    INDArray given = input == null ? scratch.array("unread", type, inputGradient.shape()) : input;
    if (paddedByOperation(shape)) {
      windowedGradients(
          "conv2d_bp", shape, given, weights, outputGradient, inputGradient, unwanted);
      return;
    }
    INDArray padded = padded(shape, given);
    INDArray paddedGradient = scratch.array("padded gradient", type, padded.shape());
    execute(
        "conv2d_bp",
        new INDArray[] {padded, weights, outputGradient},
        new INDArray[] {paddedGradient, unwanted},
        arguments(shape, VALID_OR_EXPLICIT, 0, 0));
    ImageShape in = shape.input();
    int top = shape.padding().top();
    int left = shape.padding().left();
    int rows = Math.min(in.height(), (int) padded.size(1) - top);
    int columns = Math.min(in.width(), (int) padded.size(2) - left);
    if (rows < in.height() || columns < in.width()) {
      inputGradient.assign(0);
    }
    window(inputGradient, 0, rows, 0, columns)
        .assign(window(paddedGradient, top, top + rows, left, left + columns));
  }

  /** The windows side by side as rows of one matrix, then one product: good where C is small. */
  private void fullWeightGradient(
      ConvolutionShape shape, INDArray input, INDArray outputGradient, INDArray weightGradient) {
    ImageShape in = shape.input();
    INDArray padded = padded(shape, input);
    long height = padded.size(1);
    long width = padded.size(2);
    long channels = in.channels();
    long rowLength = shape.kernelWidth() * channels;
    long[] sizes = {
      in.batch(), shape.outputHeight(), shape.outputWidth(), shape.kernelHeight(), rowLength
    };
    long[] strides = {
      height * width * channels,
      shape.stride() * width * channels,
      shape.stride() * channels,
      width * channels,
      1
    };
    INDArray windows = Nd4j.create(padded.data(), sizes, strides, padded.offset(), 'c');
    INDArray columns = scratch.array("columns", input.dataType(), sizes);
    columns.assign(windows);
    long taps = shape.kernelHeight() * rowLength;
    product(
        shaped(columns, shape.output().rows(), taps),
        rows(outputGradient),
        shaped(weightGradient, taps, shape.outputChannels()),
        Transpose.LEFT);
  }

  private static INDArray pointwiseWeights(ConvolutionShape shape, INDArray weights) {
    return shaped(weights, shape.input().channels(), shape.outputChannels());
  }

  // ---------------------------------------------------------------- batch norm

  @Override
  public void batchNormTraining(
      BatchNormShape shape,
      INDArray input,
      INDArray scale,
      INDArray shift,
      INDArray output,
      INDArray mean,
      INDArray variance) {
    ImageShape image = shape.image();
    DataType type = input.dataType();
    long rows = image.rows();
    INDArray inputRows = rows(input);
    meansOverRows(image, input, mean);
    INDArray centred = scratch.array("first", type, rows, image.channels());
    Nd4j.exec(new BroadcastSubOp(inputRows, mean, centred, 1));
    INDArray squares = flat(centred);
    squares.muli(squares);
    meansOverRows(image, centred, variance);
    normalise(shape, input, scale, shift, mean, variance, output);
  }

  @Override
  public void batchNormInference(
      BatchNormShape shape,
      INDArray input,
      INDArray scale,
      INDArray shift,
      INDArray runningMean,
      INDArray runningVariance,
      INDArray output) {
    normalise(shape, input, scale, shift, runningMean, runningVariance, output);
  }

  private void normalise(
      BatchNormShape shape,
      INDArray input,
      INDArray scale,
      INDArray shift,
      INDArray mean,
      INDArray variance,
      INDArray output) {
    Line line = line(shape, scale, shift, mean, variance);
    apply(line, input, output);
    if (shape.activation() == Activation.SWISH) {
      swishOfHalf(output);
    }
  }

  /**
   * y = slope · x + intercept per channel: the batch norm, halved where a swish follows.
   *
   * @param inverseStddev 1 / √(variance + epsilon)
   */
  private record Line(INDArray inverseStddev, INDArray slope, INDArray intercept) {}

  private Line line(
      BatchNormShape shape, INDArray scale, INDArray shift, INDArray mean, INDArray variance) {
    DataType type = scale.dataType();
    int channels = shape.image().channels();
    double half = shape.activation() == Activation.SWISH ? 0.5 : 1;
    INDArray inverseStddev = scratch.array("inverse stddev", type, channels);
    variance.addi(shape.epsilon(), inverseStddev);
    Nd4j.exec(new Sqrt(inverseStddev, inverseStddev));
    inverseStddev.rdivi(1);
    INDArray slope = scratch.array("slope", type, channels);
    scale.muli(inverseStddev, slope);
    INDArray intercept = scratch.array("intercept", type, channels);
    mean.muli(slope, intercept);
    shift.subi(intercept, intercept);
    if (half != 1) {
      slope.muli(half);
      intercept.muli(half);
    }
    return new Line(inverseStddev, slope, intercept);
  }

  private static void apply(Line line, INDArray input, INDArray output) {
    INDArray outputRows = rows(output);
    Nd4j.exec(new BroadcastMulOp(rows(input), line.slope(), outputRows, 1));
    addRow(outputRows, line.intercept());
  }

  /** In place: h becomes h + h · tanh(h) = swish(2h). */
  private void swishOfHalf(INDArray half) {
    INDArray h = flat(half);
    INDArray tangent = scratch.array("first", half.dataType(), half.length());
    execute("tanh", new INDArray[] {h}, new INDArray[] {tangent}, new int[0]);
    tangent.muli(h);
    h.addi(tangent);
  }

  @Override
  public void batchNormGradients(
      BatchNormShape shape,
      INDArray input,
      INDArray scale,
      INDArray shift,
      INDArray mean,
      INDArray variance,
      INDArray output,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray scaleGradient,
      INDArray shiftGradient) {
    ImageShape image = shape.image();
    DataType type = input.dataType();
    long rowCount = image.rows();
    int channels = image.channels();
    Line line = line(shape, scale, shift, mean, variance);
    INDArray first = scratch.array("first", type, rowCount, channels);
    INDArray second = scratch.array("second", type, rowCount, channels);
    INDArray firstFlat = flat(first);
    INDArray secondFlat = flat(second);

    // The gradient before the activation; twice that where there is a swish, as the slope is half.
    INDArray gradient;
    INDArray product;
    if (shape.activation() == Activation.SWISH) {
      apply(line, input, first);
      execute("tanh", new INDArray[] {firstFlat}, new INDArray[] {firstFlat}, new int[0]);
      // 2 swish'(2h) = 2 − (1 − output)(1 − tanh h)
      firstFlat.subi(1);
      flat(output).subi(1, secondFlat);
      secondFlat.muli(firstFlat);
      secondFlat.rsubi(2);
      secondFlat.muli(flat(outputGradient));
      gradient = second;
      product = rows(inputGradient);
    } else {
      gradient = rows(outputGradient);
      product = second;
    }

    INDArray sum = scratch.array("sum", type, channels);
    sumOverRows(image, gradient, sum);
    INDArray centred = first;
    Nd4j.exec(new BroadcastSubOp(rows(input), mean, centred, 1));
    flat(centred).muli(flat(gradient), flat(product));
    INDArray weightedSum = scratch.array("weighted sum", type, channels);
    sumOverRows(image, product, weightedSum);

    double half = shape.activation() == Activation.SWISH ? 0.5 : 1;
    INDArray inverseStddev = line.inverseStddev();
    weightedSum.muli(inverseStddev, scaleGradient);
    shiftGradient.assign(sum);
    if (half != 1) {
      scaleGradient.muli(half);
      shiftGradient.muli(half);
    }

    // slope · (gradient − sum/M − centred · inverseStddev² · weightedSum/M)
    weightedSum.muli(inverseStddev).muli(inverseStddev).muli(line.slope()).muli(-1.0 / rowCount);
    sum.muli(line.slope()).muli(-1.0 / rowCount);
    Nd4j.exec(new BroadcastMulOp(centred, weightedSum, centred, 1));
    addRow(centred, sum);
    INDArray result = rows(inputGradient);
    Nd4j.exec(new BroadcastMulOp(gradient, line.slope(), result, 1));
    flat(result).addi(flat(centred));
  }

  @Override
  public void runningStatisticsChange(
      BatchNormShape shape,
      double momentum,
      VarianceEstimate estimate,
      INDArray runningMean,
      INDArray runningVariance,
      INDArray mean,
      INDArray variance,
      INDArray meanChange,
      INDArray varianceChange) {
    runningMean.subi(mean, meanChange);
    meanChange.muli(1 - momentum);
    variance.muli(estimate.factor(shape.image().rows()), varianceChange);
    runningVariance.subi(varianceChange, varianceChange);
    varianceChange.muli(1 - momentum);
  }

  // ---------------------------------------------------------------- squeeze and excitation

  @Override
  public void squeezeExcitation(
      SqueezeExcitationShape shape,
      INDArray input,
      SqueezeExcitationWeights weights,
      SqueezeExcitationState state,
      INDArray output) {
    globalAveragePool(shape.image(), input, state.pooled());
    product(state.pooled(), weights.reduceWeights(), state.reduced(), Transpose.NONE);
    addRow(state.reduced(), weights.reduceBias());
    INDArray hidden = hidden(shape, state);
    product(hidden, weights.expandWeights(), state.gate(), Transpose.NONE);
    addRow(state.gate(), weights.expandBias());
    Nd4j.exec(new Sigmoid(state.gate(), state.gate()));
    applyGate(shape, input, state, output);
  }

  /** swish(reduced), (N, S), in scratch. */
  private INDArray hidden(SqueezeExcitationShape shape, SqueezeExcitationState state) {
    INDArray reduced = state.reduced();
    INDArray hidden =
        scratch.array("hidden", reduced.dataType(), shape.image().batch(), shape.squeezed());
    Nd4j.exec(new Sigmoid(reduced, hidden));
    hidden.muli(reduced);
    return hidden;
  }

  @Override
  public void applyGate(
      SqueezeExcitationShape shape, INDArray input, SqueezeExcitationState state, INDArray output) {
    perImage("multiply", shape.image(), input, state.gate(), output);
  }

  @Override
  public void squeezeExcitationGradients(
      SqueezeExcitationShape shape,
      INDArray input,
      SqueezeExcitationWeights weights,
      SqueezeExcitationState state,
      INDArray outputGradient,
      INDArray inputGradient,
      SqueezeExcitationWeights weightGradients) {
    ImageShape image = shape.image();
    DataType type = input.dataType();
    int batch = image.batch();
    int channels = image.channels();
    int squeezed = shape.squeezed();

    INDArray products = scratch.array("first", type, image.elements());
    flat(outputGradient).muli(flat(input), products);
    INDArray gateGradient = scratch.array("gate gradient", type, batch, channels);
    sumOverPixels(image, products, gateGradient);
    INDArray small = scratch.array("small", type, batch, channels);
    state.gate().rsubi(1, small);
    small.muli(state.gate());
    gateGradient.muli(small);

    INDArray hidden = hidden(shape, state);
    product(hidden, gateGradient, weightGradients.expandWeights(), Transpose.LEFT);
    columnSums(gateGradient, weightGradients.expandBias());
    INDArray hiddenGradient = scratch.array("hidden gradient", type, batch, squeezed);
    product(gateGradient, weights.expandWeights(), hiddenGradient, Transpose.RIGHT);
    // swish'(r) = s + swish(r)(1 − s), s = sigmoid(r)
    INDArray sigmoid = scratch.array("sigmoid", type, batch, squeezed);
    Nd4j.exec(new Sigmoid(state.reduced(), sigmoid));
    INDArray slope = scratch.array("swish slope", type, batch, squeezed);
    sigmoid.rsubi(1, slope);
    slope.muli(hidden).addi(sigmoid);
    hiddenGradient.muli(slope);

    product(state.pooled(), hiddenGradient, weightGradients.reduceWeights(), Transpose.LEFT);
    columnSums(hiddenGradient, weightGradients.reduceBias());
    INDArray pooledGradient = small;
    product(hiddenGradient, weights.reduceWeights(), pooledGradient, Transpose.RIGHT);
    pooledGradient.muli(1.0 / image.pixels());

    perImage("multiply", image, outputGradient, state.gate(), inputGradient);
    perImage("add", image, inputGradient, pooledGradient, inputGradient);
  }

  /** An operation of (N, H·W, C) with (N, 1, C). */
  private static void perImage(
      String operation, ImageShape image, INDArray input, INDArray perImage, INDArray output) {
    int batch = image.batch();
    int channels = image.channels();
    execute(
        operation,
        new INDArray[] {
          shaped(input, batch, image.pixels(), channels), shaped(perImage, batch, 1, channels)
        },
        new INDArray[] {shaped(output, batch, image.pixels(), channels)},
        new int[0]);
  }

  // ---------------------------------------------------------------- the rest

  @Override
  public void addShortcut(
      ImageShape shape, INDArray branch, INDArray sampleScale, INDArray shortcut, INDArray output) {
    if (sampleScale == null) {
      flat(branch).addi(flat(shortcut), flat(output));
    } else {
      scaleSamples(shape, branch, sampleScale, output);
      flat(output).addi(flat(shortcut));
    }
  }

  @Override
  public void scaleSamples(
      ImageShape shape, INDArray input, INDArray sampleScale, INDArray output) {
    long length = shape.pixels() * shape.channels();
    execute(
        "multiply",
        new INDArray[] {
          shaped(input, shape.batch(), length), shaped(sampleScale, shape.batch(), 1)
        },
        new INDArray[] {shaped(output, shape.batch(), length)},
        new int[0]);
  }

  @Override
  public void globalAveragePool(ImageShape shape, INDArray input, INDArray output) {
    sumOverPixels(shape, input, output);
    output.muli(1.0 / shape.pixels());
  }

  @Override
  public void globalAveragePoolGradient(
      ImageShape shape, INDArray outputGradient, INDArray inputGradient) {
    INDArray share =
        scratch.array("small", outputGradient.dataType(), shape.batch(), shape.channels());
    outputGradient.muli(1.0 / shape.pixels(), share);
    inputGradient.assign(0);
    perImage("add", shape, inputGradient, share, inputGradient);
  }

  @Override
  public void multiply(INDArray left, INDArray right, INDArray output) {
    left.muli(right, output);
  }

  @Override
  public void dense(
      DenseShape shape, INDArray input, INDArray weights, INDArray bias, INDArray output) {
    product(input, weights, output, Transpose.NONE);
    addRow(output, bias);
  }

  @Override
  public void denseGradients(
      DenseShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient,
      INDArray biasGradient) {
    if (inputGradient != null) {
      product(outputGradient, weights, inputGradient, Transpose.RIGHT);
    }
    product(input, outputGradient, weightGradient, Transpose.LEFT);
    columnSums(outputGradient, biasGradient);
  }

  @Override
  public void softmaxCrossEntropy(
      INDArray scores, INDArray labels, double smoothing, INDArray scoreGradient, INDArray losses) {
    DataType type = scores.dataType();
    long batch = scores.size(0);
    long classes = scores.size(1);
    INDArray target = scratch.array("target", type, batch, classes);
    labels.muli(1 - smoothing, target);
    target.addi(smoothing / classes);
    INDArray logarithms = scratch.array("logarithms", type, batch, classes);
    execute("log_softmax", new INDArray[] {scores}, new INDArray[] {logarithms}, new int[] {1});
    target.muli(logarithms, scoreGradient);
    product(
        scoreGradient,
        shaped(ones(type, 1, classes), classes, 1),
        shaped(losses, batch, 1),
        Transpose.NONE);
    losses.muli(-1);
    Nd4j.exec(new Exp(logarithms, scoreGradient));
    scoreGradient.subi(target).muli(1.0 / batch);
  }

  @Override
  public void mbConvTraining(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray output) {
    blocks.training(shape, weights, input, sampleScale, state, output);
  }

  @Override
  public void mbConvGradients(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray outputGradient,
      INDArray inputGradient,
      MBConvWeights gradients) {
    blocks.gradients(
        shape, weights, input, sampleScale, state, outputGradient, inputGradient, gradients);
  }

  @Override
  public long heldBytes() {
    return blocks.heldBytes()
        + scratch.heldBytes()
        + ones.values().stream()
            .mapToLong(array -> array.length() * array.dataType().width())
            .sum();
  }

  @Override
  public void close() {
    blocks.close();
    scratch.close();
    ones.values().forEach(INDArray::close);
    ones.clear();
  }

  // ---------------------------------------------------------------- sums, products, views

  private void meansOverRows(ImageShape image, INDArray values, INDArray means) {
    sumOverRows(image, values, means);
    means.muli(1.0 / image.rows());
  }

  /** Σ over N, H, W: (N, H, W, C) → (C). */
  private void sumOverRows(ImageShape image, INDArray values, INDArray sums) {
    INDArray perImage = scratch.array("sums", values.dataType(), image.batch(), image.channels());
    sumOverPixels(image, values, perImage);
    columnSums(perImage, sums);
  }

  /** Σ over H, W: (N, H, W, C) → (N, C). */
  private void sumOverPixels(ImageShape image, INDArray values, INDArray sums) {
    product(
        ones(values.dataType(), image.batch(), image.pixels()),
        shaped(values, image.batch(), image.pixels(), image.channels()),
        shaped(sums, image.batch(), 1, image.channels()),
        Transpose.NONE);
  }

  /** Σ over the first dimension: (N, K) → (K). */
  private void columnSums(INDArray values, INDArray sums) {
    long rows = values.size(0);
    product(
        shaped(ones(values.dataType(), 1, rows), 1, rows),
        values,
        shaped(sums, 1, values.size(1)),
        Transpose.NONE);
  }

  /** (batch, 1, length) of ones, made once. */
  private INDArray ones(DataType type, int batch, long length) {
    return ones.computeIfAbsent(
        new Ones(type, batch, length),
        key -> Scratch.detached(() -> Nd4j.ones(key.type(), key.batch(), 1, key.length())));
  }

  private enum Transpose {
    NONE,
    LEFT,
    RIGHT
  }

  private static void product(INDArray left, INDArray right, INDArray result, Transpose transpose) {
    MMulTranspose transposition =
        MMulTranspose.builder()
            .transposeA(transpose == Transpose.LEFT)
            .transposeB(transpose == Transpose.RIGHT)
            .transposeResult(false)
            .build();
    Nd4j.exec(new Mmul(left, right, result, transposition));
  }

  private static void addRow(INDArray matrix, INDArray row) {
    Nd4j.exec(new BroadcastAddOp(matrix, row, matrix, 1));
  }

  private static void execute(
      String operation, INDArray[] inputs, INDArray[] outputs, int[] arguments) {
    Nd4j.exec(
        DynamicCustomOp.builder(operation)
            .addInputs(inputs)
            .addOutputs(outputs)
            .addIntegerArguments(arguments)
            .build());
  }
}
