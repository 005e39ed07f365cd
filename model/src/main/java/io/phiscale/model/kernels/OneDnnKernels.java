package io.phiscale.model.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_destroy;

import io.phiscale.model.kernels.OneDnnThread.Product;
import io.phiscale.model.kernels.OneDnnThread.Weights;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@link Kernels} for CPUs, FLOAT: products and full convolutions by oneDNN, all that is bound by
 * memory (batch norm with its activation, depthwise convolutions, squeeze and excitation, sums) by
 * passes in Java's Vector API, straight on the memory of the ND4J arrays. No ND4J operation.
 *
 * <p><b>Threads.</b> The work of a call is divided among the caller and {@code threads − 1} workers
 * of the instance, by images or rows; each runs oneDNN with one thread. The same number of threads
 * gives the same bits.
 *
 * <p><b>Memory.</b> Primitives are made once per shape and kept; scratch grows to the largest shape
 * and is reused. Both are freed by {@link #close}.
 *
 * <p>Without the module {@code jdk.incubator.vector} (start Java with {@code --add-modules
 * jdk.incubator.vector}; Java 17 only) the passes are plain loops and depthwise convolutions
 * oneDNN's: correct and slower.
 */
public final class OneDnnKernels implements Kernels {

  /** Fewer elements than this are one thread's work: to wake another costs more. */
  private static final long SHARED_ELEMENTS = 16_384;

  /** Rows whose mean is a good enough guess of a channel's mean. */
  private static final int PIVOT_ROWS = 16;

  /** Slots of a thread's channel arrays. */
  private static final int PIVOT = 0;

  private static final int FACTOR = 1;
  private static final int OFFSET = 2;
  private static final int CENTRE = 3;
  private static final int SLOPE = 4;
  private static final int INTERCEPT = 5;

  /** What is meant to stay in a core's second-level cache (1 to 2 MiB). */
  private static final long CHUNK_BYTES = 512L * 1024;

  private static final int CHUNK_ROWS = 512;

  /** No call has more arrays. */
  private static final int LARGEST_CALL = 32;

  private static final int KEPT_VIEWS = 8_192;

  private final int threads;
  private final dnnl_engine engine = new dnnl_engine();
  private final Workers workers;
  private final PerThread[] parts;
  private final Map<Long, Floats> views = new HashMap<>();

  /**
   * The arrays of this call and some before it: from their addresses alone, the collector would not
   * know that they are in use, and could free their memory under our hands.
   */
  private final INDArray[] inUse = new INDArray[LARGEST_CALL];

  private int nextInUse;
  private final Map<String, NativeBuffer> buffers = new HashMap<>();
  private boolean closed;

  /** What belongs to one thread. */
  private static final class PerThread {
    private final OneDnnThread oneDnn;
    private final Passes passes = VectorSupport.passes();
    private final DepthwiseWeightGradient depthwise = VectorSupport.depthwiseWeightGradient();
    private final NativeBuffer partial = new NativeBuffer();
    private float[][] channels = new float[INTERCEPT + 1][0];
    private final NativeBuffer chunk = new NativeBuffer();
    private final NativeBuffer chunkWeights = new NativeBuffer();
    private long rows;
    private double[] first = new double[0];
    private double[] second = new double[0];

    PerThread(dnnl_engine engine) {
      this.oneDnn = new OneDnnThread(engine);
    }

    /** Numbered arrays of at least so many values. */
    float[] channels(int slot, int count) {
      if (channels[slot].length < count) {
        channels[slot] = new float[count];
      }
      return channels[slot];
    }

    void clearSums(int count) {
      if (first.length < count) {
        first = new double[count];
        second = new double[count];
      }
      Arrays.fill(first, 0, count, 0);
      Arrays.fill(second, 0, count, 0);
    }
  }

  /**
   * @param threads that a call uses, the caller included, > 0
   * @throws IllegalArgumentException if {@code threads} is not positive
   * @throws IllegalStateException if oneDNN cannot be used here
   */
  public OneDnnKernels(int threads) {
    if (threads <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of kernel threads: %s (must be > 0)", threads));
    }
    if (!available()) {
      throw new IllegalStateException("Cannot use oneDNN: " + unavailableReason());
    }
    this.threads = threads;
    OneDnn.check(dnnl_engine_create(engine, dnnl_cpu, 0), "an engine");
    parts = new PerThread[threads];
    for (int i = 0; i < threads; i++) {
      parts[i] = new PerThread(engine);
    }
    workers = new Workers(threads, () -> OneDnn.useThreads(1));
  }

  /** Whether oneDNN can be used on this machine, with the ND4J back end on the class path. */
  public static boolean available() {
    return unavailableReason().isEmpty();
  }

  /** Why {@link #available} is false; empty if it is true. */
  public static String unavailableReason() {
    return OneDnn.unavailableReason();
  }

  @Override
  public String name() {
    return ONEDNN;
  }

  /** Threads that a call uses. */
  public int threads() {
    return threads;
  }

  // ---------------------------------------------------------------- sharing

  /** One thread's part: indices [from, end). */
  private interface Slice {
    void run(PerThread thread, int from, int end);
  }

  /** Divides {@code count} things among so many threads that each has at least one. */
  private void share(int count, long elements, Slice slice) {
    int shares = elements < SHARED_ELEMENTS ? 1 : Math.min(threads, count);
    run(
        shares,
        part -> {
          int from = (int) ((long) count * part / shares);
          int end = (int) ((long) count * (part + 1) / shares);
          slice.run(parts[part], from, end);
        });
  }

  /** Runs parts 0 to shares − 1. */
  private void run(int shares, Workers.Share work) {
    if (closed) {
      throw new IllegalStateException("Cannot compute: these kernels are closed");
    }
    int before = OneDnn.threads();
    if (before != 1) {
      OneDnn.useThreads(1);
    }
    try {
      if (shares == 1) {
        work.run(0);
      } else {
        workers.run(
            part -> {
              if (part < shares) {
                work.run(part);
              }
            });
      }
    } finally {
      if (before != 1) {
        OneDnn.useThreads(before);
      }
    }
  }

  /** How many parts {@link #share} makes. */
  private int shares(int count, long elements) {
    return elements < SHARED_ELEMENTS ? 1 : Math.min(threads, count);
  }

  // ---------------------------------------------------------------- arrays

  private Floats floats(String what, INDArray array, long... shape) {
    long[] actual = array.shape();
    if (!Arrays.equals(actual, shape)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid shape of %s: %s (must be %s)",
              what, Arrays.toString(actual), Arrays.toString(shape)));
    }
    return memory(what, array);
  }

  /** Any shape of this length: vectors come as (C) and as (1, C). */
  private Floats vector(String what, INDArray array, long length) {
    if (array.length() != length) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid shape of %s: %s (must have %s values)",
              what, Arrays.toString(array.shape()), length));
    }
    return memory(what, array);
  }

  private Floats floats(String what, INDArray array, ImageShape shape) {
    return floats(what, array, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  private Floats memory(String what, INDArray array) {
    if (array.dataType() != DataType.FLOAT) {
      throw new IllegalArgumentException(
          String.format("Invalid type of %s: %s (must be FLOAT)", what, array.dataType()));
    }
    long[] sizes = array.shape();
    long[] strides = array.stride();
    long expected = 1;
    for (int i = sizes.length - 1; i >= 0; i--) {
      if (sizes[i] != 1 && strides[i] != expected) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid strides of %s: %s for shape %s (must be c-ordered and contiguous)",
                what, Arrays.toString(strides), Arrays.toString(sizes)));
      }
      expected *= sizes[i];
    }
    inUse[nextInUse] = array;
    nextInUse = (nextInUse + 1) % LARGEST_CALL;
    Pointer pointer = array.data().addressPointer();
    long address = pointer.address();
    long length = array.length();
    Floats view = views.get(address);
    if (view == null || view.length() != length) {
      if (views.size() >= KEPT_VIEWS) {
        views.clear();
      }
      view = new Floats(address, length);
      views.put(address, view);
    }
    return view;
  }

  private Floats scratch(String name, long length) {
    return buffers.computeIfAbsent(name, key -> new NativeBuffer()).floats(length);
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
    Floats in = floats("convolution input", input, shape.input());
    Floats filter = weights(shape, "convolution weights", weights);
    Floats offset = bias == null ? null : vector("convolution bias", bias, shape.outputChannels());
    Floats out = floats("convolution output", output, shape.output());
    long biasAddress = offset == null ? 0 : offset.address();
    if (shape.input().batch() == 1 && !shape.pointwise()) {
      convolveBands(shape, in, filter, biasAddress, activation, out);
      return;
    }
    share(
        units(shape),
        work(shape),
        (thread, from, end) ->
            convolve(
                thread,
                shape,
                from,
                end - from,
                in,
                filter,
                Weights.NEW,
                biasAddress,
                activation,
                out));
  }

  @Override
  public void convolutionGradients(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient) {
    Floats upper = floats("output gradient", outputGradient, shape.output());
    Floats filter = inputGradient == null ? null : weights(shape, "convolution weights", weights);
    Floats lower =
        inputGradient == null ? null : floats("input gradient", inputGradient, shape.input());
    Floats in = weightGradient == null ? null : floats("convolution input", input, shape.input());
    Floats result =
        weightGradient == null ? null : weights(shape, "weight gradient", weightGradient);
    share(
        units(shape),
        work(shape),
        (thread, from, end) -> {
          if (lower != null) {
            inputGradient(thread, shape, from, end - from, filter, Weights.NEW, upper, from, lower);
          }
          if (result != null) {
            weightGradient(
                thread, shape, from, end - from, in, upper, from, partial(thread, result));
          }
        });
    if (result != null) {
      addPartials(shares(units(shape), work(shape)), result);
    }
  }

  /** One image, divided by rows of the output: else all but one thread would wait. */
  private void convolveBands(
      ConvolutionShape shape,
      Floats in,
      Floats filter,
      long bias,
      Activation activation,
      Floats out) {
    long inputRow = (long) shape.input().width() * shape.input().channels();
    long outputRow = (long) shape.outputWidth() * shape.outputChannels();
    share(
        shape.outputHeight(),
        work(shape),
        (thread, from, end) -> {
          ConvolutionShape.Band band = shape.band(from, end);
          thread.oneDnn.convolution(
              band.shape(),
              in.address(band.firstRow() * inputRow),
              filter.address(),
              Weights.NEW,
              bias,
              activation,
              out.address(from * outputRow));
        });
  }

  /** What a convolution is divided into: rows of a product of matrices, else images. */
  private static int units(ConvolutionShape shape) {
    return shape.pointwise() ? Math.toIntExact(shape.input().rows()) : shape.input().batch();
  }

  /** Rows (pixels) of one unit of the output. */
  private static int outputRows(ConvolutionShape shape) {
    return shape.pointwise() ? 1 : shape.outputHeight() * shape.outputWidth();
  }

  /** Values of one unit of the input. */
  private static long inputUnit(ConvolutionShape shape) {
    return shape.input().elements() / units(shape);
  }

  /** Values of one unit of the output. */
  private static long outputUnit(ConvolutionShape shape) {
    return shape.output().elements() / units(shape);
  }

  /** The same convolution of so many units. */
  private static ConvolutionShape ofUnits(ConvolutionShape shape, int units) {
    ImageShape in = shape.input();
    if (shape.pointwise()) {
      return ConvolutionShape.pointwise(
          new ImageShape(1, 1, units, in.channels()), shape.outputChannels());
    }
    return new ConvolutionShape(
        new ImageShape(units, in.height(), in.width(), in.channels()),
        shape.outputChannels(),
        shape.kernelHeight(),
        shape.kernelWidth(),
        shape.stride(),
        shape.padding(),
        shape.groups());
  }

  private static void convolve(
      PerThread thread,
      ConvolutionShape shape,
      int from,
      int count,
      Floats in,
      Floats filter,
      Weights state,
      long bias,
      Activation activation,
      Floats out) {
    thread.oneDnn.convolution(
        ofUnits(shape, count),
        in.address(from * inputUnit(shape)),
        filter.address(),
        state,
        bias,
        activation,
        out.address(from * outputUnit(shape)));
  }

  /**
   * @param upperFrom unit of {@code upper} that belongs to {@code from}
   */
  private static void inputGradient(
      PerThread thread,
      ConvolutionShape shape,
      int from,
      int count,
      Floats filter,
      Weights state,
      Floats upper,
      int upperFrom,
      Floats lower) {
    long upperAddress = upper.address(upperFrom * outputUnit(shape));
    long lowerAddress = lower.address(from * inputUnit(shape));
    if (shape.pointwise()) {
      int inputs = shape.input().channels();
      int outputs = shape.outputChannels();
      thread.oneDnn.product(
          new Product(count, outputs, inputs, outputs, 1, 1, outputs, inputs),
          upperAddress,
          filter.address(),
          0,
          lowerAddress);
    } else {
      thread.oneDnn.inputGradient(
          ofUnits(shape, count), filter.address(), state, upperAddress, lowerAddress);
    }
  }

  private static void weightGradient(
      PerThread thread,
      ConvolutionShape shape,
      int from,
      int count,
      Floats in,
      Floats upper,
      int upperFrom,
      Floats result) {
    if (thread.depthwise.suits(shape)) {
      thread.depthwise.compute(shape, from, upperFrom, count, in, upper, result);
    } else {
      thread.oneDnn.weightGradient(
          ofUnits(shape, count),
          in.address(from * inputUnit(shape)),
          upper.address(upperFrom * outputUnit(shape)),
          result.address());
    }
  }

  /** Where a thread puts its part of a sum: the first straight into the result. */
  private Floats partial(PerThread thread, Floats result) {
    return thread == parts[0] ? result : thread.partial.floats(result.length());
  }

  /** result += the parts of threads 1 to shares − 1, in this order. */
  private void addPartials(int shares, Floats result) {
    if (shares > 1) {
      int length = result.length();
      share(
          length,
          length,
          (thread, from, end) -> {
            for (int other = 1; other < shares; other++) {
              thread.passes.scaledSum(
                  parts[other].partial.floats(length), 1, result, result, from, end - from);
            }
          });
    }
  }

  /** Multiplications, as a measure of what a second thread saves. */
  private static long work(ConvolutionShape shape) {
    long perOutput =
        (long) shape.kernelHeight()
            * shape.kernelWidth()
            * (shape.depthwise() ? 1 : shape.input().channels());
    return shape.output().elements() * perOutput / 8;
  }

  private Floats weights(ConvolutionShape shape, String what, INDArray weights) {
    return shape.depthwise()
        ? floats(
            what, weights, shape.kernelHeight(), shape.kernelWidth(), shape.input().channels(), 1)
        : floats(
            what,
            weights,
            shape.kernelHeight(),
            shape.kernelWidth(),
            shape.input().channels(),
            shape.outputChannels());
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
    int channels = image.channels();
    int rows = Math.toIntExact(image.rows());
    Floats in = floats("batch-norm input", input, image);
    Floats out = floats("batch-norm output", output, image);
    Floats gamma = vector("batch-norm scale", scale, channels);
    Floats beta = vector("batch-norm shift", shift, channels);
    Floats means = vector("batch-norm mean", mean, channels);
    Floats variances = vector("batch-norm variance", variance, channels);

    share(
        rows,
        image.elements(),
        (thread, from, end) -> {
          thread.clearSums(channels);
          thread.rows = (long) end - from;
          pivots(thread, in, from, end - from, channels);
          thread.passes.moments(
              in,
              from,
              end - from,
              channels,
              thread.channels(PIVOT, channels),
              thread.first,
              thread.second);
        });
    combineMoments(shares(rows, image.elements()), channels, means, variances);
    normalise(shape, in, gamma, beta, means, variances, out);
  }

  @Override
  public void convolutionBatchNormTraining(
      ConvolutionShape shape,
      BatchNormShape norm,
      INDArray input,
      INDArray weights,
      INDArray convolved,
      INDArray scale,
      INDArray shift,
      INDArray output,
      INDArray mean,
      INDArray variance) {
    checkNorm(shape, norm);
    int channels = shape.outputChannels();
    Floats in = floats("convolution input", input, shape.input());
    Floats filter = weights(shape, "convolution weights", weights);
    Floats between = floats("convolution output", convolved, shape.output());
    Floats out = floats("batch-norm output", output, shape.output());
    Floats gamma = vector("batch-norm scale", scale, channels);
    Floats beta = vector("batch-norm shift", shift, channels);
    Floats means = vector("batch-norm mean", mean, channels);
    Floats variances = vector("batch-norm variance", variance, channels);
    int rows = outputRows(shape);
    int chunk = chunkUnits(shape);
    share(
        units(shape),
        work(shape),
        (thread, from, end) -> {
          thread.clearSums(channels);
          thread.rows = (long) (end - from) * rows;
          for (int at = from; at < end; at += chunk) {
            int count = Math.min(chunk, end - at);
            convolve(
                thread,
                shape,
                at,
                count,
                in,
                filter,
                at == from ? Weights.NEW : Weights.SAME,
                0,
                Activation.IDENTITY,
                between);
            if (at == from) {
              pivots(thread, between, at * rows, count * rows, channels);
            }
            thread.passes.moments(
                between,
                at * rows,
                count * rows,
                channels,
                thread.channels(PIVOT, channels),
                thread.first,
                thread.second);
          }
        });
    combineMoments(shares(units(shape), work(shape)), channels, means, variances);
    normalise(norm, between, gamma, beta, means, variances, out);
  }

  /**
   * Whether the gradient between batch norm and convolution is better made piece by piece than
   * written to memory: where it is the larger part of what the convolution's gradients read.
   */
  private static boolean backwardTogether(ConvolutionShape shape) {
    return shape.pointwise()
        ? shape.outputChannels() > shape.input().channels()
        : shape.depthwise() && shape.stride() == 1;
  }

  private static void checkNorm(ConvolutionShape shape, BatchNormShape norm) {
    if (!norm.image().equals(shape.output())) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid batch-norm shape: %s (must be that of the convolution's output, %s)",
              norm.image(), shape.output()));
    }
  }

  /**
   * Units that together stay in the cache between two passes over them, but not fewer rows of a
   * product than are worth the adding up of a weight gradient.
   */
  private static int chunkUnits(ConvolutionShape shape) {
    long bytes = (inputUnit(shape) + outputUnit(shape)) * Float.BYTES;
    long fewest = shape.pointwise() ? CHUNK_ROWS : 1;
    return (int) Math.min(units(shape), Math.max(fewest, CHUNK_BYTES / bytes));
  }

  /** Near the channels' means: the means of a few rows far apart. */
  private static void pivots(PerThread thread, Floats in, int from, int rows, int channels) {
    float[] pivot = thread.channels(PIVOT, channels);
    int count = Math.min(rows, PIVOT_ROWS);
    Arrays.fill(pivot, 0, channels, 0f);
    for (int i = 0; i < count; i++) {
      int at = (from + (int) ((long) rows * i / count)) * channels;
      for (int c = 0; c < channels; c++) {
        pivot[c] += in.at(at + c) / count;
      }
    }
  }

  /**
   * Mean and biased variance from the moments of threads 0 to shares − 1, each around a pivot of
   * its own. Source: Chan, Golub, LeVeque (1979), updating formulae.
   */
  private void combineMoments(int shares, int channels, Floats means, Floats variances) {
    long rows = 0;
    for (int part = 0; part < shares; part++) {
      rows += parts[part].rows;
    }
    for (int c = 0; c < channels; c++) {
      double sum = 0;
      for (int part = 0; part < shares; part++) {
        PerThread thread = parts[part];
        sum += thread.first[c] + thread.rows * (double) thread.channels[PIVOT][c];
      }
      double mean = sum / rows;
      double squares = 0;
      for (int part = 0; part < shares; part++) {
        PerThread thread = parts[part];
        double fromPivot = thread.first[c] / thread.rows;
        double fromMean = thread.channels[PIVOT][c] + fromPivot - mean;
        squares += thread.second[c] + thread.rows * (fromMean * fromMean - fromPivot * fromPivot);
      }
      means.put(c, (float) mean);
      variances.put(c, (float) Math.max(0, squares / rows));
    }
  }

  /** Adds the sums of threads 1 to shares − 1 to those of thread 0, in this order. */
  private void addSums(int shares, int channels) {
    for (int other = 1; other < shares; other++) {
      for (int c = 0; c < channels; c++) {
        parts[0].first[c] += parts[other].first[c];
        parts[0].second[c] += parts[other].second[c];
      }
    }
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
    int channels = shape.image().channels();
    normalise(
        shape,
        floats("batch-norm input", input, shape.image()),
        vector("batch-norm scale", scale, channels),
        vector("batch-norm shift", shift, channels),
        vector("running mean", runningMean, channels),
        vector("running variance", runningVariance, channels),
        floats("batch-norm output", output, shape.image()));
  }

  private void normalise(
      BatchNormShape shape,
      Floats in,
      Floats scale,
      Floats shift,
      Floats mean,
      Floats variance,
      Floats out) {
    ImageShape image = shape.image();
    int channels = image.channels();
    float[] factor = parts[0].channels(FACTOR, channels);
    float[] offset = parts[0].channels(OFFSET, channels);
    line(shape, scale, shift, mean, variance, factor, offset);
    share(
        Math.toIntExact(image.rows()),
        image.elements(),
        (thread, from, end) ->
            thread.passes.affine(
                in, out, from, end - from, channels, factor, offset, shape.activation()));
  }

  /** z = factor · x + offset: the batch norm. */
  private static void line(
      BatchNormShape shape,
      Floats scale,
      Floats shift,
      Floats mean,
      Floats variance,
      float[] factor,
      float[] offset) {
    for (int c = 0; c < shape.image().channels(); c++) {
      double slope = scale.at(c) / Math.sqrt(variance.at(c) + shape.epsilon());
      factor[c] = (float) slope;
      offset[c] = (float) (shift.at(c) - mean.at(c) * slope);
    }
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
    int channels = image.channels();
    int rows = Math.toIntExact(image.rows());
    Floats in = floats("batch-norm input", input, image);
    Floats upper = floats("output gradient", outputGradient, image);
    Floats result = floats("input gradient", inputGradient, image);
    Floats gamma = vector("batch-norm scale", scale, channels);
    Floats beta = vector("batch-norm shift", shift, channels);
    Floats means = vector("batch-norm mean", mean, channels);
    Floats variances = vector("batch-norm variance", variance, channels);
    Floats gammaGradient = vector("scale gradient", scaleGradient, channels);
    Floats betaGradient = vector("shift gradient", shiftGradient, channels);

    gradientLine(shape, in, gamma, beta, means, variances, upper, gammaGradient, betaGradient);
    share(
        rows,
        image.elements(),
        (thread, from, end) -> gradient(thread, shape, in, upper, result, from, from, end - from));
  }

  /**
   * The second pass of a batch norm's gradients, on a range of rows: with g = outputGradient ·
   * activation'(factor · x + offset), it is factor · g + slope · x + intercept.
   */
  private void gradient(
      PerThread thread,
      BatchNormShape shape,
      Floats in,
      Floats upper,
      Floats result,
      int from,
      int resultFrom,
      int rows) {
    thread.passes.gradient(
        in,
        upper,
        result,
        resultFrom,
        from,
        rows,
        shape.image().channels(),
        parts[0].channels[FACTOR],
        parts[0].channels[OFFSET],
        parts[0].channels[SLOPE],
        parts[0].channels[INTERCEPT],
        shape.activation());
  }

  /**
   * The first pass of a batch norm's gradients: writes those of scale and shift, and to thread 0's
   * channel arrays what the second pass needs.
   */
  private void gradientLine(
      BatchNormShape shape,
      Floats in,
      Floats gamma,
      Floats beta,
      Floats means,
      Floats variances,
      Floats upper,
      Floats gammaGradient,
      Floats betaGradient) {
    ImageShape image = shape.image();
    int channels = image.channels();
    int rows = Math.toIntExact(image.rows());
    PerThread own = parts[0];
    float[] factor = own.channels(FACTOR, channels);
    float[] offset = own.channels(OFFSET, channels);
    float[] centre = own.channels(CENTRE, channels);
    line(shape, gamma, beta, means, variances, factor, offset);
    means.read(0, centre, 0, channels);
    share(
        rows,
        image.elements(),
        (thread, from, end) -> {
          thread.clearSums(channels);
          thread.passes.gradientSums(
              in,
              upper,
              from,
              end - from,
              channels,
              factor,
              offset,
              centre,
              shape.activation(),
              thread.first,
              thread.second);
        });
    addSums(shares(rows, image.elements()), channels);
    float[] slope = own.channels(SLOPE, channels);
    float[] intercept = own.channels(INTERCEPT, channels);
    for (int c = 0; c < channels; c++) {
      double inverseStddev = 1 / Math.sqrt(variances.at(c) + shape.epsilon());
      double normalised = own.second[c] * inverseStddev;
      gammaGradient.put(c, (float) normalised);
      betaGradient.put(c, (float) own.first[c]);
      // factor · (g − sum/M − (x − mean) · inverseStddev · normalised/M)
      double perValue = -gamma.at(c) * inverseStddev / rows;
      double rise = perValue * inverseStddev * normalised;
      slope[c] = (float) rise;
      intercept[c] = (float) (perValue * own.first[c] - rise * centre[c]);
    }
  }

  @Override
  public void convolutionBatchNormGradients(
      ConvolutionShape shape,
      BatchNormShape norm,
      INDArray input,
      INDArray weights,
      INDArray convolved,
      INDArray scale,
      INDArray shift,
      INDArray mean,
      INDArray variance,
      INDArray output,
      INDArray outputGradient,
      INDArray convolvedGradient,
      INDArray inputGradient,
      INDArray weightGradient,
      INDArray scaleGradient,
      INDArray shiftGradient) {
    checkNorm(shape, norm);
    if (!backwardTogether(shape)) {
      Kernels.super.convolutionBatchNormGradients(
          shape,
          norm,
          input,
          weights,
          convolved,
          scale,
          shift,
          mean,
          variance,
          output,
          outputGradient,
          convolvedGradient,
          inputGradient,
          weightGradient,
          scaleGradient,
          shiftGradient);
      return;
    }
    int channels = shape.outputChannels();
    Floats in = floats("convolution input", input, shape.input());
    Floats filter = weights(shape, "convolution weights", weights);
    Floats between = floats("convolution output", convolved, shape.output());
    Floats upper = floats("output gradient", outputGradient, shape.output());
    Floats lower =
        inputGradient == null ? null : floats("input gradient", inputGradient, shape.input());
    Floats result = weights(shape, "weight gradient", weightGradient);
    gradientLine(
        norm,
        between,
        vector("batch-norm scale", scale, channels),
        vector("batch-norm shift", shift, channels),
        vector("batch-norm mean", mean, channels),
        vector("batch-norm variance", variance, channels),
        upper,
        vector("scale gradient", scaleGradient, channels),
        vector("shift gradient", shiftGradient, channels));
    int rows = outputRows(shape);
    int chunk = chunkUnits(shape);
    share(
        units(shape),
        work(shape),
        (thread, from, end) -> {
          Floats sum = partial(thread, result);
          Floats part = thread.chunk.floats(chunk * outputUnit(shape));
          for (int at = from; at < end; at += chunk) {
            int count = Math.min(chunk, end - at);
            boolean first = at == from;
            gradient(thread, norm, between, upper, part, at * rows, 0, count * rows);
            if (lower != null) {
              inputGradient(
                  thread,
                  shape,
                  at,
                  count,
                  filter,
                  first ? Weights.NEW : Weights.SAME,
                  part,
                  0,
                  lower);
            }
            Floats here = first ? sum : thread.chunkWeights.floats(result.length());
            weightGradient(thread, shape, at, count, in, part, 0, here);
            if (!first) {
              thread.passes.scaledSum(here, 1, sum, sum, 0, result.length());
            }
          }
        });
    addPartials(shares(units(shape), work(shape)), result);
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
    int channels = shape.image().channels();
    Floats oldMean = vector("running mean", runningMean, channels);
    Floats oldVariance = vector("running variance", runningVariance, channels);
    Floats newMean = vector("batch-norm mean", mean, channels);
    Floats newVariance = vector("batch-norm variance", variance, channels);
    Floats meanResult = vector("change of the mean", meanChange, channels);
    Floats varianceResult = vector("change of the variance", varianceChange, channels);
    double factor = estimate.factor(shape.image().rows());
    double part = 1 - momentum;
    for (int c = 0; c < channels; c++) {
      meanResult.put(c, (float) (part * (oldMean.at(c) - newMean.at(c))));
      varianceResult.put(c, (float) (part * (oldVariance.at(c) - factor * newVariance.at(c))));
    }
  }

  // ---------------------------------------------------------------- squeeze and excitation

  @Override
  public void squeezeExcitation(
      SqueezeExcitationShape shape,
      INDArray input,
      SqueezeExcitationWeights weights,
      SqueezeExcitationState state,
      INDArray output) {
    ImageShape image = shape.image();
    int batch = image.batch();
    int channels = image.channels();
    int squeezed = shape.squeezed();
    Floats in = floats("squeeze-and-excitation input", input, image);
    Floats out = floats("squeeze-and-excitation output", output, image);
    Floats pooled = floats("pooled means", state.pooled(), batch, channels);
    Floats reduced = floats("reduced means", state.reduced(), batch, squeezed);
    Floats gate = floats("gate", state.gate(), batch, channels);
    Floats reduceWeights = floats("reduce weights", weights.reduceWeights(), channels, squeezed);
    Floats reduceBias = vector("reduce bias", weights.reduceBias(), squeezed);
    Floats expandWeights = floats("expand weights", weights.expandWeights(), squeezed, channels);
    Floats expandBias = vector("expand bias", weights.expandBias(), channels);
    pool(image, in, pooled);
    Floats hidden = scratch("hidden", (long) batch * squeezed);
    run(
        1,
        part -> {
          PerThread own = parts[0];
          own.oneDnn.product(
              new Product(batch, channels, squeezed, channels, 1, squeezed, 1, squeezed),
              pooled.address(),
              reduceWeights.address(),
              reduceBias.address(),
              reduced.address());
          own.passes.sigmoid(reduced, hidden, 0, batch * squeezed);
          own.passes.product(hidden, reduced, hidden, 0, batch * squeezed);
          own.oneDnn.product(
              new Product(batch, squeezed, channels, squeezed, 1, channels, 1, channels),
              hidden.address(),
              expandWeights.address(),
              expandBias.address(),
              gate.address());
          own.passes.sigmoid(gate, gate, 0, batch * channels);
        });
    applyGate(image, in, gate, out);
  }

  @Override
  public void applyGate(
      SqueezeExcitationShape shape, INDArray input, SqueezeExcitationState state, INDArray output) {
    ImageShape image = shape.image();
    applyGate(
        image,
        floats("squeeze-and-excitation input", input, image),
        floats("gate", state.gate(), image.batch(), image.channels()),
        floats("squeeze-and-excitation output", output, image));
  }

  private void applyGate(ImageShape image, Floats in, Floats gate, Floats out) {
    int channels = image.channels();
    int pixels = Math.toIntExact(image.pixels());
    share(
        image.batch(),
        image.elements(),
        (thread, from, end) -> {
          float[] factor = thread.channels(FACTOR, channels);
          float[] offset = thread.channels(OFFSET, channels);
          Arrays.fill(offset, 0, channels, 0f);
          for (int n = from; n < end; n++) {
            gate.read(n * channels, factor, 0, channels);
            thread.passes.affine(
                in, out, n * pixels, pixels, channels, factor, offset, Activation.IDENTITY);
          }
        });
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
    int batch = image.batch();
    int channels = image.channels();
    int squeezed = shape.squeezed();
    int pixels = Math.toIntExact(image.pixels());
    Floats in = floats("squeeze-and-excitation input", input, image);
    Floats upper = floats("output gradient", outputGradient, image);
    Floats result = floats("input gradient", inputGradient, image);
    Floats pooled = floats("pooled means", state.pooled(), batch, channels);
    Floats reduced = floats("reduced means", state.reduced(), batch, squeezed);
    Floats gate = floats("gate", state.gate(), batch, channels);
    Floats reduceWeights = floats("reduce weights", weights.reduceWeights(), channels, squeezed);
    Floats expandWeights = floats("expand weights", weights.expandWeights(), squeezed, channels);
    Floats reduceWeightGradient =
        floats("reduce weight gradient", weightGradients.reduceWeights(), channels, squeezed);
    Floats reduceBiasGradient =
        vector("reduce bias gradient", weightGradients.reduceBias(), squeezed);
    Floats expandWeightGradient =
        floats("expand weight gradient", weightGradients.expandWeights(), squeezed, channels);
    Floats expandBiasGradient =
        vector("expand bias gradient", weightGradients.expandBias(), channels);

    Floats gateGradient = scratch("gate gradient", (long) batch * channels);
    share(
        batch,
        image.elements(),
        (thread, from, end) -> {
          for (int n = from; n < end; n++) {
            thread.clearSums(channels);
            thread.passes.productSums(in, upper, n * pixels, pixels, channels, thread.first);
            for (int c = 0; c < channels; c++) {
              int at = n * channels + c;
              float g = gate.at(at);
              gateGradient.put(at, (float) (thread.first[c] * g * (1 - g)));
            }
          }
        });
    Floats hidden = scratch("hidden", (long) batch * squeezed);
    Floats hiddenGradient = scratch("hidden gradient", (long) batch * squeezed);
    Floats pooledGradient = scratch("pooled gradient", (long) batch * channels);
    run(
        1,
        part -> {
          PerThread own = parts[0];
          own.passes.sigmoid(reduced, hidden, 0, batch * squeezed);
          own.passes.product(hidden, reduced, hidden, 0, batch * squeezed);
          own.oneDnn.product(
              new Product(squeezed, batch, channels, 1, squeezed, channels, 1, channels),
              hidden.address(),
              gateGradient.address(),
              0,
              expandWeightGradient.address());
          columnSums(own, gateGradient, batch, channels, expandBiasGradient);
          own.oneDnn.product(
              new Product(batch, channels, squeezed, channels, 1, 1, channels, squeezed),
              gateGradient.address(),
              expandWeights.address(),
              0,
              hiddenGradient.address());
          for (int i = 0; i < batch * squeezed; i++) {
            hiddenGradient.put(i, hiddenGradient.at(i) * PlainPasses.swishSlope(reduced.at(i)));
          }
          own.oneDnn.product(
              new Product(channels, batch, squeezed, 1, channels, squeezed, 1, squeezed),
              pooled.address(),
              hiddenGradient.address(),
              0,
              reduceWeightGradient.address());
          columnSums(own, hiddenGradient, batch, squeezed, reduceBiasGradient);
          own.oneDnn.product(
              new Product(batch, squeezed, channels, squeezed, 1, 1, squeezed, channels),
              hiddenGradient.address(),
              reduceWeights.address(),
              0,
              pooledGradient.address());
        });
    float perPixel = 1f / pixels;
    share(
        batch,
        image.elements(),
        (thread, from, end) -> {
          float[] factor = thread.channels(FACTOR, channels);
          float[] offset = thread.channels(OFFSET, channels);
          for (int n = from; n < end; n++) {
            gate.read(n * channels, factor, 0, channels);
            for (int c = 0; c < channels; c++) {
              offset[c] = pooledGradient.at(n * channels + c) * perPixel;
            }
            thread.passes.affine(
                upper, result, n * pixels, pixels, channels, factor, offset, Activation.IDENTITY);
          }
        });
  }

  /** Σ over rows: (rows, columns) → (columns). */
  private static void columnSums(
      PerThread thread, Floats values, int rows, int columns, Floats sums) {
    thread.clearSums(columns);
    float[] zero = thread.channels(FACTOR, columns);
    Arrays.fill(zero, 0, columns, 0f);
    thread.passes.moments(values, 0, rows, columns, zero, thread.first, thread.second);
    for (int c = 0; c < columns; c++) {
      sums.put(c, (float) thread.first[c]);
    }
  }

  // ---------------------------------------------------------------- sums and pools

  @Override
  public void addShortcut(
      ImageShape shape, INDArray branch, INDArray sampleScale, INDArray shortcut, INDArray output) {
    Floats left = floats("branch", branch, shape);
    Floats right = floats("shortcut", shortcut, shape);
    Floats out = floats("output", output, shape);
    Floats scale = sampleScale == null ? null : vector("sample scale", sampleScale, shape.batch());
    int size = Math.toIntExact(shape.pixels() * shape.channels());
    share(
        shape.batch(),
        shape.elements(),
        (thread, from, end) -> {
          for (int n = from; n < end; n++) {
            thread.passes.scaledSum(
                left, scale == null ? 1 : scale.at(n), right, out, n * size, size);
          }
        });
  }

  @Override
  public void scaleSamples(
      ImageShape shape, INDArray input, INDArray sampleScale, INDArray output) {
    Floats in = floats("input", input, shape);
    Floats scale = vector("sample scale", sampleScale, shape.batch());
    Floats out = floats("output", output, shape);
    int size = Math.toIntExact(shape.pixels() * shape.channels());
    share(
        shape.batch(),
        shape.elements(),
        (thread, from, end) -> {
          for (int n = from; n < end; n++) {
            thread.passes.scaled(in, scale.at(n), out, n * size, size);
          }
        });
  }

  @Override
  public void globalAveragePool(ImageShape shape, INDArray input, INDArray output) {
    pool(
        shape,
        floats("pooling input", input, shape),
        floats("pooling output", output, shape.batch(), shape.channels()));
  }

  private void pool(ImageShape shape, Floats in, Floats out) {
    int channels = shape.channels();
    int pixels = Math.toIntExact(shape.pixels());
    share(
        shape.batch(),
        shape.elements(),
        (thread, from, end) -> {
          float[] zero = thread.channels(FACTOR, channels);
          Arrays.fill(zero, 0, channels, 0f);
          for (int n = from; n < end; n++) {
            thread.clearSums(channels);
            thread.passes.moments(
                in, n * pixels, pixels, channels, zero, thread.first, thread.second);
            for (int c = 0; c < channels; c++) {
              out.put(n * channels + c, (float) (thread.first[c] / pixels));
            }
          }
        });
  }

  @Override
  public void globalAveragePoolGradient(
      ImageShape shape, INDArray outputGradient, INDArray inputGradient) {
    int channels = shape.channels();
    int pixels = Math.toIntExact(shape.pixels());
    Floats upper = floats("output gradient", outputGradient, shape.batch(), channels);
    Floats result = floats("input gradient", inputGradient, shape);
    share(
        shape.batch(),
        shape.elements(),
        (thread, from, end) -> {
          float[] values = thread.channels(FACTOR, channels);
          for (int n = from; n < end; n++) {
            for (int c = 0; c < channels; c++) {
              values[c] = upper.at(n * channels + c) / pixels;
            }
            thread.passes.spread(result, n * pixels, pixels, channels, values);
          }
        });
  }

  @Override
  public void multiply(INDArray left, INDArray right, INDArray output) {
    Floats a = floats("left factor", left, output.shape());
    Floats b = floats("right factor", right, output.shape());
    Floats out = floats("product", output, output.shape());
    share(
        out.length(),
        out.length(),
        (thread, from, end) -> thread.passes.product(a, b, out, from, end - from));
  }

  // ---------------------------------------------------------------- dense, loss

  @Override
  public void dense(
      DenseShape shape, INDArray input, INDArray weights, INDArray bias, INDArray output) {
    int batch = shape.batch();
    int inputs = shape.inputs();
    int outputs = shape.outputs();
    Floats in = floats("dense input", input, batch, inputs);
    Floats filter = floats("dense weights", weights, inputs, outputs);
    Floats offset = vector("dense bias", bias, outputs);
    Floats out = floats("dense output", output, batch, outputs);
    share(
        outputs,
        work(shape),
        (thread, from, end) ->
            thread.oneDnn.product(
                new Product(batch, inputs, end - from, inputs, 1, outputs, 1, outputs),
                in.address(),
                filter.address(from),
                offset.address(from),
                out.address(from)));
  }

  private static long work(DenseShape shape) {
    return (long) shape.inputs() * shape.outputs();
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
    int batch = shape.batch();
    int inputs = shape.inputs();
    int outputs = shape.outputs();
    Floats in = floats("dense input", input, batch, inputs);
    Floats upper = floats("output gradient", outputGradient, batch, outputs);
    Floats filterGradient = floats("weight gradient", weightGradient, inputs, outputs);
    Floats offsetGradient = vector("bias gradient", biasGradient, outputs);
    Floats filter =
        inputGradient == null ? null : floats("dense weights", weights, inputs, outputs);
    Floats result =
        inputGradient == null ? null : floats("input gradient", inputGradient, batch, inputs);
    share(
        inputs,
        work(shape),
        (thread, from, end) -> {
          if (result != null) {
            thread.oneDnn.product(
                new Product(batch, outputs, end - from, outputs, 1, 1, outputs, inputs),
                upper.address(),
                filter.address((long) from * outputs),
                0,
                result.address(from));
          }
          thread.oneDnn.product(
              new Product(end - from, batch, outputs, 1, inputs, outputs, 1, outputs),
              in.address(from),
              upper.address(),
              0,
              filterGradient.address((long) from * outputs));
        });
    columnSums(parts[0], upper, batch, outputs, offsetGradient);
  }

  @Override
  public void softmaxCrossEntropy(
      INDArray scores, INDArray labels, double smoothing, INDArray scoreGradient, INDArray losses) {
    long[] shape = scores.shape();
    if (shape.length != 2) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid shape of scores: %s (must be (batch, classes))", Arrays.toString(shape)));
    }
    int batch = Math.toIntExact(shape[0]);
    int classes = Math.toIntExact(shape[1]);
    Floats score = floats("scores", scores, shape);
    Floats label = floats("labels", labels, shape);
    Floats gradient = floats("score gradient", scoreGradient, shape);
    Floats loss = vector("losses", losses, batch);
    parts[0].clearSums(classes);
    double[] exponentials = parts[0].first;
    for (int n = 0; n < batch; n++) {
      int at = n * classes;
      double largest = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < classes; c++) {
        largest = Math.max(largest, score.at(at + c));
      }
      double sum = 0;
      for (int c = 0; c < classes; c++) {
        exponentials[c] = Math.exp(score.at(at + c) - largest);
        sum += exponentials[c];
      }
      double logarithm = Math.log(sum) + largest;
      double total = 0;
      for (int c = 0; c < classes; c++) {
        double target = label.at(at + c) * (1 - smoothing) + smoothing / classes;
        total -= target * (score.at(at + c) - logarithm);
        gradient.put(at + c, (float) ((exponentials[c] / sum - target) / batch));
      }
      loss.put(n, (float) total);
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    workers.close();
    for (PerThread part : parts) {
      part.oneDnn.close();
      part.partial.close();
      part.chunk.close();
      part.chunkWeights.close();
    }
    buffers.values().forEach(NativeBuffer::close);
    views.clear();
    Arrays.fill(inUse, null);
    dnnl_engine_destroy(engine);
  }
}
