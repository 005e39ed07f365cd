package io.phiscale.model.kernels;

import io.phiscale.model.kernels.OneDnnTeam.Member;
import io.phiscale.model.kernels.OneDnnThread.Product;
import io.phiscale.model.kernels.OneDnnThread.Weights;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntSupplier;
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

  private static final String SUMS = "sums";
  private static final String PRODUCTS = "products";
  private static final String UNUSED = "unused";
  private static final String PART = "part";

  /** No call has more arrays. */
  private static final int LARGEST_CALL = 64;

  private static final int KEPT_VIEWS = 8_192;

  private final OneDnnTeam team;
  private final BatchNormLine line = new BatchNormLine();
  private final PhaseClock clock = new PhaseClock();
  private final Precision precision;
  private final FusedMBConv blocks;
  private final int instructionSet;
  private final ReducedInference inference;
  private final Map<Long, Floats> views = new HashMap<>();

  /**
   * The arrays of this call and some before it: from their addresses alone, the collector would not
   * know that they are in use, and could free their memory under our hands.
   */
  private final INDArray[] inUse = new INDArray[LARGEST_CALL];

  private int nextInUse;

  /**
   * @param threads that a call uses, the caller included, > 0
   * @throws IllegalArgumentException if {@code threads} is not positive
   * @throws IllegalStateException if oneDNN cannot be used here
   */
  public OneDnnKernels(int threads) {
    this(threads, Precision.FP32);
  }

  /**
   * @param threads that a call uses, the caller included, > 0
   * @param precision of {@link MBConvState} and of what is as large
   * @throws IllegalArgumentException if {@code threads} is not positive
   * @throws IllegalStateException if oneDNN cannot be used here
   */
  public OneDnnKernels(int threads, Precision precision) {
    this(threads, precision, OneDnn::instructionSet);
  }

  /**
   * @param instructionSet of the CPU, {@code dnnl_cpu_isa_t}
   */
  OneDnnKernels(int threads, Precision precision, IntSupplier instructionSet) {
    if (threads <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid number of kernel threads: %s (must be > 0)", threads));
    }
    if (!available()) {
      throw new IllegalStateException("Cannot use oneDNN: " + unavailableReason());
    }
    team = new OneDnnTeam(threads);
    this.precision = precision;
    this.instructionSet = instructionSet.getAsInt();
    Bfloat16Support support = Bfloat16Support.of(this.instructionSet);
    blocks = new FusedMBConv(team, precision, support, clock);
    inference = new ReducedInference(team, products(support));
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

  @Override
  public DataType stateType(DataType network) {
    return precision == Precision.BF16 ? DataType.BFLOAT16 : network;
  }

  /** Threads that a call uses. */
  public int threads() {
    return team.threads();
  }

  // ---------------------------------------------------------------- arrays

  private Floats floats(String what, INDArray array, long... shape) {
    checkShape(what, array, shape);
    return memory(what, array);
  }

  private static void checkShape(String what, INDArray array, long... shape) {
    long[] actual = array.shape();
    if (!Arrays.equals(actual, shape)) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid shape of %s: %s (must be %s)",
              what, Arrays.toString(actual), Arrays.toString(shape)));
    }
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
    long address = address(what, array, DataType.FLOAT);
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

  private long address(String what, INDArray array, DataType type) {
    if (array.dataType() != type) {
      throw new IllegalArgumentException(
          String.format("Invalid type of %s: %s (must be %s)", what, array.dataType(), type));
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
    return array.data().addressPointer().address();
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
    team.share(
        Convolutions.units(shape),
        Convolutions.work(shape),
        (member, from, end) ->
            Convolutions.convolve(
                member,
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
    team.share(
        Convolutions.units(shape),
        Convolutions.work(shape),
        (member, from, end) -> {
          int count = end - from;
          if (lower != null) {
            Convolutions.inputGradient(
                member, shape, from, count, filter, Weights.NEW, upper, from, lower);
          }
          if (result != null) {
            Convolutions.weightGradient(
                member, shape, from, count, in, upper, from, team.partial(PART, member, result));
          }
        });
    if (result != null) {
      team.addPartials(PART, shares(shape), result);
    }
  }

  private int shares(ConvolutionShape shape) {
    return team.shares(Convolutions.units(shape), Convolutions.work(shape));
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
    team.share(
        shape.outputHeight(),
        Convolutions.work(shape),
        (member, from, end) -> {
          ConvolutionShape.Band band = shape.band(from, end);
          member
              .oneDnn()
              .convolution(
                  band.shape(),
                  in.address(band.firstRow() * inputRow),
                  filter.address(),
                  Weights.NEW,
                  bias,
                  activation,
                  out.address(from * outputRow));
        });
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

    team.share(
        rows,
        image.elements(),
        (member, from, end) -> {
          BatchNormLine.startMoments(member, (long) end - from, channels);
          BatchNormLine.addMoments(member, in, from, end - from, channels);
        });
    BatchNormLine.combineMoments(
        team, team.shares(rows, image.elements()), channels, means, variances);
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
    Convolutions.convolveWithMoments(team, shape, in, filter, between, means, variances);
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
    line.set(channels, shape.epsilon(), scale, shift, mean, variance);
    team.share(
        Math.toIntExact(image.rows()),
        image.elements(),
        (member, from, end) ->
            member
                .passes()
                .affine(
                    in,
                    from,
                    out,
                    from,
                    end - from,
                    channels,
                    line.factor(),
                    line.offset(),
                    shape.activation()));
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
    team.share(
        rows,
        image.elements(),
        (member, from, end) -> gradient(member, shape, in, upper, result, from, from, end - from));
  }

  /**
   * The second pass of a batch norm's gradients, on a range of rows: with g = outputGradient ·
   * activation'(factor · x + offset), it is factor · g + slope · x + intercept.
   */
  private void gradient(
      Member member,
      BatchNormShape shape,
      Floats in,
      Floats upper,
      Floats result,
      int from,
      int resultFrom,
      int rows) {
    member
        .passes()
        .gradient(
            in,
            upper,
            result,
            resultFrom,
            from,
            rows,
            shape.image().channels(),
            line.factor(),
            line.offset(),
            line.slope(),
            line.intercept(),
            shape.activation());
  }

  /**
   * The first pass of a batch norm's gradients: writes those of scale and shift, and sets the line.
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
    line.set(channels, shape.epsilon(), gamma, beta, means, variances);
    team.share(
        rows,
        image.elements(),
        (member, from, end) ->
            member
                .passes()
                .gradientSums(
                    in,
                    upper,
                    from,
                    end - from,
                    channels,
                    line.factor(),
                    line.offset(),
                    line.centre(),
                    shape.activation(),
                    member.cleared(SUMS, channels),
                    member.cleared(PRODUCTS, channels)));
    int shares = team.shares(rows, image.elements());
    team.addSums(SUMS, shares, channels);
    team.addSums(PRODUCTS, shares, channels);
    line.gradients(
        channels,
        shape.epsilon(),
        rows,
        team.first().sums(SUMS, channels),
        team.first().sums(PRODUCTS, channels),
        gamma,
        variances,
        gammaGradient,
        betaGradient);
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
    int rows = Convolutions.outputRows(shape);
    int chunk = Convolutions.chunkUnits(shape);
    team.share(
        Convolutions.units(shape),
        Convolutions.work(shape),
        (member, from, end) -> {
          Floats sum = team.partial(PART, member, result);
          Floats part = member.buffer("chunk", chunk * Convolutions.outputUnit(shape));
          for (int at = from; at < end; at += chunk) {
            int count = Math.min(chunk, end - at);
            boolean first = at == from;
            gradient(member, norm, between, upper, part, at * rows, 0, count * rows);
            if (lower != null) {
              Convolutions.inputGradient(
                  member,
                  shape,
                  at,
                  count,
                  filter,
                  first ? Weights.NEW : Weights.SAME,
                  part,
                  0,
                  lower);
            }
            Floats here = first ? sum : member.buffer("chunk weights", result.length());
            Convolutions.weightGradient(member, shape, at, count, in, part, 0, here);
            if (!first) {
              member.passes().scaledSum(here, 1, sum, sum, 0, result.length());
            }
          }
        });
    team.addPartials(PART, shares(shape), result);
  }

  // ---------------------------------------------------------------- inverted bottlenecks

  @Override
  public void mbConvTraining(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray output) {
    blocks.training(
        shape,
        parameters(shape, "", weights),
        floats("block input", input, shape.input()),
        sampleScale(shape, sampleScale),
        kept(shape, state),
        floats("block output", output, shape.output()));
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
        shape,
        parameters(shape, "", weights),
        floats("block input", input, shape.input()),
        sampleScale(shape, sampleScale),
        kept(shape, state),
        floats("output gradient", outputGradient, shape.output()),
        floats("input gradient", inputGradient, shape.input()),
        parameters(shape, "gradient of ", gradients));
  }

  @Override
  public void observe(PhaseObserver observer) {
    clock.setObserver(observer);
  }

  private Floats sampleScale(MBConvShape shape, INDArray sampleScale) {
    return sampleScale == null ? null : vector("sample scale", sampleScale, shape.output().batch());
  }

  private FusedMBConv.BlockParameters parameters(
      MBConvShape shape, String what, MBConvWeights weights) {
    return new FusedMBConv.BlockParameters(
        shape
            .expansion()
            .map(expansion -> parameters(expansion, what + "expansion", weights.expansion()))
            .orElse(null),
        parameters(shape.depthwise(), what + "depthwise", weights.depthwise()),
        shape.squeezes() ? parameters(shape, what, weights.squeeze()) : null,
        parameters(shape.projection(), what + "projection", weights.projection()));
  }

  private FusedMBConv.Parameters parameters(
      ConvolutionShape shape, String what, NormalisedWeights weights) {
    return new FusedMBConv.Parameters(
        weights(shape, what + " weights", weights.weights()),
        vector(what + " scale", weights.scale(), shape.outputChannels()),
        vector(what + " shift", weights.shift(), shape.outputChannels()));
  }

  private FusedMBConv.Squeeze parameters(
      MBConvShape shape, String what, SqueezeExcitationWeights weights) {
    int channels = shape.depthwise().outputChannels();
    int squeezed = shape.squeezed();
    return new FusedMBConv.Squeeze(
        floats(what + "reduce weights", weights.reduceWeights(), channels, squeezed),
        vector(what + "reduce bias", weights.reduceBias(), squeezed),
        floats(what + "expand weights", weights.expandWeights(), squeezed, channels),
        vector(what + "expand bias", weights.expandBias(), channels));
  }

  private FusedMBConv.BlockKept kept(MBConvShape shape, MBConvState state) {
    int batch = shape.output().batch();
    int channels = shape.depthwise().outputChannels();
    return new FusedMBConv.BlockKept(
        shape
            .expansion()
            .map(expansion -> kept(expansion, "expansion", state.expansion()))
            .orElse(null),
        kept(shape.depthwise(), "depthwise", state.depthwise()),
        shape.squeezes()
            ? new FusedMBConv.Gates(
                floats("pooled means", state.squeeze().pooled(), batch, channels),
                floats("reduced means", state.squeeze().reduced(), batch, shape.squeezed()),
                floats("gate", state.squeeze().gate(), batch, channels))
            : null,
        new FusedMBConv.KeptNarrow(
            floats("projection output", state.projection().convolved(), shape.output()),
            vector("projection mean", state.projection().mean(), shape.output().channels()),
            vector(
                "projection variance", state.projection().variance(), shape.output().channels())));
  }

  private WideTensor wide(String what, INDArray array, ImageShape shape) {
    if (precision == Precision.FP32) {
      return new WideTensor.OfFloats(floats(what, array, shape));
    }
    checkShape(
        what, array, new long[] {shape.batch(), shape.height(), shape.width(), shape.channels()});
    return new WideTensor.OfHalves(
        address(what, array, DataType.BFLOAT16), shape.elements(), shape.channels());
  }

  private FusedMBConv.Kept kept(ConvolutionShape shape, String what, NormalisedState state) {
    return new FusedMBConv.Kept(
        wide(what + " output", state.convolved(), shape.output()),
        vector(what + " mean", state.mean(), shape.outputChannels()),
        vector(what + " variance", state.variance(), shape.outputChannels()));
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
    Floats in = floats("squeeze-and-excitation input", input, image);
    Floats out = floats("squeeze-and-excitation output", output, image);
    Floats pooled = floats("pooled means", state.pooled(), batch, channels);
    pool(image, in, pooled);
    gate(shape, pooled, weights, state);
    applyGate(image, in, floats("gate", state.gate(), batch, channels), out);
  }

  /** From the means to the gate. */
  private void gate(
      SqueezeExcitationShape shape,
      Floats pooled,
      SqueezeExcitationWeights weights,
      SqueezeExcitationState state) {
    int batch = shape.image().batch();
    int channels = shape.image().channels();
    int squeezed = shape.squeezed();
    Floats reduced = floats("reduced means", state.reduced(), batch, squeezed);
    Floats gate = floats("gate", state.gate(), batch, channels);
    Floats reduceWeights = floats("reduce weights", weights.reduceWeights(), channels, squeezed);
    Floats reduceBias = vector("reduce bias", weights.reduceBias(), squeezed);
    Floats expandWeights = floats("expand weights", weights.expandWeights(), squeezed, channels);
    Floats expandBias = vector("expand bias", weights.expandBias(), channels);
    Floats hidden = team.buffer("hidden", (long) batch * squeezed);
    team.run(
        1,
        (own, part) -> {
          own.oneDnn()
              .product(
                  new Product(batch, channels, squeezed, channels, 1, squeezed, 1, squeezed),
                  pooled.address(),
                  reduceWeights.address(),
                  reduceBias.address(),
                  reduced.address());
          own.passes().sigmoid(reduced, hidden, 0, batch * squeezed);
          own.passes().product(hidden, reduced, hidden, 0, batch * squeezed);
          own.oneDnn()
              .product(
                  new Product(batch, squeezed, channels, squeezed, 1, channels, 1, channels),
                  hidden.address(),
                  expandWeights.address(),
                  expandBias.address(),
                  gate.address());
          own.passes().sigmoid(gate, gate, 0, batch * channels);
        });
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
    team.share(
        image.batch(),
        image.elements(),
        (member, from, end) -> {
          float[] factor = member.channels("factor", channels);
          float[] offset = member.channels("offset", channels);
          Arrays.fill(offset, 0, channels, 0f);
          for (int n = from; n < end; n++) {
            gate.read(n * channels, factor, 0, channels);
            member
                .passes()
                .affine(
                    in,
                    n * pixels,
                    out,
                    n * pixels,
                    pixels,
                    channels,
                    factor,
                    offset,
                    Activation.IDENTITY);
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

    Floats gateGradient = team.buffer("gate gradient", (long) batch * channels);
    team.share(
        batch,
        image.elements(),
        (member, from, end) -> {
          for (int n = from; n < end; n++) {
            double[] sums = member.cleared(SUMS, channels);
            member.passes().productSums(in, n * pixels, upper, n * pixels, pixels, channels, sums);
            for (int c = 0; c < channels; c++) {
              int at = n * channels + c;
              float g = gate.at(at);
              gateGradient.put(at, (float) (sums[c] * g * (1 - g)));
            }
          }
        });
    Floats hidden = team.buffer("hidden", (long) batch * squeezed);
    Floats hiddenGradient = team.buffer("hidden gradient", (long) batch * squeezed);
    Floats pooledGradient = team.buffer("pooled gradient", (long) batch * channels);
    team.run(
        1,
        (own, part) -> {
          own.passes().sigmoid(reduced, hidden, 0, batch * squeezed);
          own.passes().product(hidden, reduced, hidden, 0, batch * squeezed);
          own.oneDnn()
              .product(
                  new Product(squeezed, batch, channels, 1, squeezed, channels, 1, channels),
                  hidden.address(),
                  gateGradient.address(),
                  0,
                  expandWeightGradient.address());
          columnSums(own, gateGradient, batch, channels, expandBiasGradient);
          own.oneDnn()
              .product(
                  new Product(batch, channels, squeezed, channels, 1, 1, channels, squeezed),
                  gateGradient.address(),
                  expandWeights.address(),
                  0,
                  hiddenGradient.address());
          for (int i = 0; i < batch * squeezed; i++) {
            hiddenGradient.put(i, hiddenGradient.at(i) * PlainPasses.swishSlope(reduced.at(i)));
          }
          own.oneDnn()
              .product(
                  new Product(channels, batch, squeezed, 1, channels, squeezed, 1, squeezed),
                  pooled.address(),
                  hiddenGradient.address(),
                  0,
                  reduceWeightGradient.address());
          columnSums(own, hiddenGradient, batch, squeezed, reduceBiasGradient);
          own.oneDnn()
              .product(
                  new Product(batch, squeezed, channels, squeezed, 1, 1, squeezed, channels),
                  hiddenGradient.address(),
                  reduceWeights.address(),
                  0,
                  pooledGradient.address());
        });
    float perPixel = 1f / pixels;
    team.share(
        batch,
        image.elements(),
        (member, from, end) -> {
          float[] factor = member.channels("factor", channels);
          float[] offset = member.channels("offset", channels);
          for (int n = from; n < end; n++) {
            gate.read(n * channels, factor, 0, channels);
            for (int c = 0; c < channels; c++) {
              offset[c] = pooledGradient.at(n * channels + c) * perPixel;
            }
            member
                .passes()
                .affine(
                    upper,
                    n * pixels,
                    result,
                    n * pixels,
                    pixels,
                    channels,
                    factor,
                    offset,
                    Activation.IDENTITY);
          }
        });
  }

  /** Σ over rows: (rows, columns) → (columns). */
  private static void columnSums(Member member, Floats values, int rows, int columns, Floats sums) {
    float[] zero = member.channels("zero", columns);
    double[] total = member.cleared(SUMS, columns);
    member.passes().moments(values, 0, rows, columns, zero, total, member.cleared(UNUSED, columns));
    for (int c = 0; c < columns; c++) {
      sums.put(c, (float) total[c]);
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
    team.share(
        shape.batch(),
        shape.elements(),
        (member, from, end) -> {
          for (int n = from; n < end; n++) {
            member
                .passes()
                .scaledSum(left, scale == null ? 1 : scale.at(n), right, out, n * size, size);
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
    team.share(
        shape.batch(),
        shape.elements(),
        (member, from, end) -> {
          for (int n = from; n < end; n++) {
            member.passes().scaled(in, scale.at(n), out, n * size, size);
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
    team.share(
        shape.batch(),
        shape.elements(),
        (member, from, end) -> {
          float[] zero = member.channels("zero", channels);
          for (int n = from; n < end; n++) {
            double[] total = member.cleared(SUMS, channels);
            double[] unused = member.cleared(UNUSED, channels);
            member.passes().moments(in, n * pixels, pixels, channels, zero, total, unused);
            for (int c = 0; c < channels; c++) {
              out.put(n * channels + c, (float) (total[c] / pixels));
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
    team.share(
        shape.batch(),
        shape.elements(),
        (member, from, end) -> {
          float[] values = member.channels("factor", channels);
          for (int n = from; n < end; n++) {
            for (int c = 0; c < channels; c++) {
              values[c] = upper.at(n * channels + c) / pixels;
            }
            member.passes().spread(result, n * pixels, pixels, channels, values);
          }
        });
  }

  @Override
  public void multiply(INDArray left, INDArray right, INDArray output) {
    Floats a = floats("left factor", left, output.shape());
    Floats b = floats("right factor", right, output.shape());
    Floats out = floats("product", output, output.shape());
    team.share(
        out.length(),
        out.length(),
        (member, from, end) -> member.passes().product(a, b, out, from, end - from));
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
    team.share(
        outputs,
        work(shape),
        (member, from, end) ->
            member
                .oneDnn()
                .product(
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
    team.share(
        inputs,
        work(shape),
        (member, from, end) -> {
          if (result != null) {
            member
                .oneDnn()
                .product(
                    new Product(batch, outputs, end - from, outputs, 1, 1, outputs, inputs),
                    upper.address(),
                    filter.address((long) from * outputs),
                    0,
                    result.address(from));
          }
          member
              .oneDnn()
              .product(
                  new Product(end - from, batch, outputs, 1, inputs, outputs, 1, outputs),
                  in.address(from),
                  upper.address(),
                  0,
                  filterGradient.address((long) from * outputs));
        });
    columnSums(team.first(), upper, batch, outputs, offsetGradient);
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
    double[] exponentials = team.first().sums(SUMS, classes);
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

  // ---------------------------------------------------------------- inference

  /** The faster products, where feature maps are bfloat16. */
  private static Element products(Bfloat16Support support) {
    return support == Bfloat16Support.TILES ? Element.BFLOAT16 : Element.FLOAT;
  }

  @Override
  public String inferenceProblem(Precision precision) {
    return precision == Precision.FP32 ? "" : Bfloat16Support.problem(instructionSet);
  }

  @Override
  public DataType inferenceType(Precision precision, ConvolutionShape depthwise) {
    return precision == Precision.BF16 && Bfloat16Support.of(instructionSet).fasterFor(depthwise)
        ? DataType.BFLOAT16
        : DataType.FLOAT;
  }

  private ReducedInference.Tensor tensor(String what, INDArray array, ImageShape shape) {
    if (array.dataType() != DataType.BFLOAT16) {
      return ReducedInference.Tensor.of(floats(what, array, shape));
    }
    String problem = Bfloat16Support.problem(instructionSet);
    if (!problem.isEmpty()) {
      throw new IllegalStateException("Cannot compute in bf16: " + problem);
    }
    checkShape(what, array, shape.batch(), shape.height(), shape.width(), shape.channels());
    return ReducedInference.Tensor.ofBfloat16(address(what, array, DataType.BFLOAT16));
  }

  @Override
  public void inferenceConvolution(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray bias,
      Activation activation,
      INDArray output) {
    if (input.dataType() == DataType.FLOAT && output.dataType() == DataType.FLOAT) {
      convolution(shape, input, weights, bias, activation, output);
      return;
    }
    Floats offset = bias == null ? null : vector("convolution bias", bias, shape.outputChannels());
    inference.convolution(
        shape,
        tensor("convolution input", input, shape.input()),
        weights(shape, "convolution weights", weights),
        offset == null ? 0 : offset.address(),
        activation,
        tensor("convolution output", output, shape.output()));
  }

  @Override
  public void squeezeExcitationConvolution(
      SqueezeExcitationShape squeeze,
      ConvolutionShape shape,
      INDArray input,
      SqueezeExcitationWeights gateWeights,
      SqueezeExcitationState state,
      INDArray gated,
      INDArray weights,
      INDArray bias,
      INDArray output) {
    ImageShape image = squeeze.image();
    if (!shape.pointwise() || !shape.input().equals(image)) {
      throw new IllegalArgumentException(
          String.format("Invalid convolution: %s (must be 1x1, of %s)", shape, image));
    }
    ReducedInference.Tensor in = tensor("squeeze-and-excitation input", input, image);
    Floats pooled = floats("pooled means", state.pooled(), image.batch(), image.channels());
    Floats gate = floats("gate", state.gate(), image.batch(), image.channels());
    if (in.floats() == null) {
      inference.pool(image, in, pooled);
    } else {
      pool(image, in.floats(), pooled);
    }
    gate(squeeze, pooled, gateWeights, state);
    inference.product(
        shape,
        in,
        gate,
        weights(shape, "convolution weights", weights),
        vector("convolution bias", bias, shape.outputChannels()).address(),
        Activation.IDENTITY,
        tensor("convolution output", output, shape.output()));
  }

  @Override
  public void forgetWeights() {
    for (int i = 0; i < team.threads(); i++) {
      team.member(i).oneDnn().forgetWeights();
    }
  }

  @Override
  public long heldBytes() {
    return team.heldBytes();
  }

  @Override
  public void close() {
    team.close();
    views.clear();
    Arrays.fill(inUse, null);
  }
}
