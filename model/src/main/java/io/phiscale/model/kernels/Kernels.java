package io.phiscale.model.kernels;

import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The mathematics of the hot layers, forward and backward.
 *
 * <p><b>Arrays.</b> Images and feature maps are (N, H, W, C); every array is c-ordered and
 * contiguous (views into a flat parameter vector are), of one floating-point type per call: FLOAT
 * in training, DOUBLE works where the implementation says so. Vectors over channels are rank 1.
 *
 * <p><b>Memory.</b> The caller owns every array that it passes and passes the outputs in; outputs
 * are overwritten, never added to. An implementation keeps its own scratch, which is meaningless
 * between two calls, and allocates none of it in the second step of one shape. An output must not
 * share memory with an input unless an operation says that it may.
 *
 * <p><b>Threads.</b> An instance belongs to one replica and is used by one thread at a time;
 * several instances may work in one process at the same time.
 *
 * <p>The results of two implementations agree to rounding, not to the bit; one implementation gives
 * the same bits for the same arrays on the same machine with the same number of threads.
 */
public interface Kernels extends AutoCloseable {

  /** ND4J operations only, on whichever back end is on the class path: {@link Nd4jKernels}. */
  String ND4J = "nd4j";

  /** oneDNN and vectors in Java, CPU and FLOAT only: {@link OneDnnKernels}. */
  String ONEDNN = "onednn";

  /** {@link #ONEDNN} where it can be used, else {@link #ND4J}, which is then said in the log. */
  String AUTO = "auto";

  /** The names that {@link #create} knows. */
  static List<String> names() {
    return List.of(AUTO, ONEDNN, ND4J);
  }

  /** {@link #create(String, int)} with as many threads as there are processors. */
  static Kernels create(String name) {
    return create(name, Runtime.getRuntime().availableProcessors());
  }

  /**
   * A new instance, to be closed by the caller.
   *
   * @param name one of {@link #names()}
   * @param threads that a call may use, > 0: the cores of the task. ({@link Nd4jKernels} leaves
   *     that to ND4J.)
   * @throws IllegalArgumentException if no implementation has this name, or the number of threads
   *     is not positive
   * @throws IllegalStateException if {@link #ONEDNN} is asked for and cannot be used here
   */
  static Kernels create(String name, int threads) {
    return switch (name) {
      case AUTO -> OneDnnKernels.available() ? new OneDnnKernels(threads) : Fallback.nd4j();
      case ONEDNN -> new OneDnnKernels(threads);
      case ND4J -> new Nd4jKernels();
      default ->
          throw new IllegalArgumentException(
              String.format("Invalid kernels: %s (must be one of %s)", name, names()));
    };
  }

  /**
   * {@link #create(String, int)} in another precision.
   *
   * @throws IllegalArgumentException also if the kernels do not know this precision
   */
  static Kernels create(String name, int threads, Precision precision) {
    if (precision == Precision.FP32) {
      return create(name, threads);
    }
    if (name.equals(ONEDNN) || (name.equals(AUTO) && OneDnnKernels.available())) {
      return new OneDnnKernels(threads, precision);
    }
    throw new IllegalArgumentException(
        String.format(
            "Invalid precision: %s (kernels %s compute in fp32 only; %s)",
            precision.key(),
            name,
            OneDnnKernels.available()
                ? "onednn knows bf16"
                : "oneDNN cannot be used here: " + OneDnnKernels.unavailableReason()));
  }

  /** The name by which {@link #create} makes such an instance. */
  String name();

  /**
   * Convolution, plus bias and activation where wanted (an inference with folded batch norm is this
   * alone).
   *
   * @param input (N, H, W, C)
   * @param weights as {@link ConvolutionShape} says
   * @param bias (outputChannels), or null for none
   * @param output (N, H', W', outputChannels), written
   */
  void convolution(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray bias,
      Activation activation,
      INDArray output);

  /**
   * Gradients of {@link #convolution} without bias and activation.
   *
   * @param input as in the forward pass; not read where {@code weightGradient} is null
   * @param weights as in the forward pass; not read where {@code inputGradient} is null
   * @param outputGradient (N, H', W', outputChannels)
   * @param inputGradient (N, H, W, C), written; null where nothing below learns
   * @param weightGradient shaped as the weights, written; null where they are frozen
   */
  void convolutionGradients(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient);

  /**
   * Batch norm by the statistics of the batch, then the activation.
   *
   * <pre>
   *   z = scale · (input − mean) / √(variance + epsilon) + shift,   output = activation(z)
   * </pre>
   *
   * @param input (N, H, W, C)
   * @param scale (C), gamma
   * @param shift (C), beta
   * @param output (N, H, W, C), written
   * @param mean (C), written: of the batch
   * @param variance (C), written: of the batch, biased
   */
  void batchNormTraining(
      BatchNormShape shape,
      INDArray input,
      INDArray scale,
      INDArray shift,
      INDArray output,
      INDArray mean,
      INDArray variance);

  /**
   * Gradients of {@link #batchNormTraining}, through the activation and through the statistics.
   *
   * @param input as in the forward pass
   * @param mean as the forward pass wrote it
   * @param variance as the forward pass wrote it
   * @param output as the forward pass wrote it; not read for {@link Activation#IDENTITY}
   * @param outputGradient (N, H, W, C)
   * @param inputGradient (N, H, W, C), written; may be {@code outputGradient} itself
   * @param scaleGradient (C), written
   * @param shiftGradient (C), written
   */
  void batchNormGradients(
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
      INDArray shiftGradient);

  /**
   * {@link #convolution} without bias and activation, then {@link #batchNormTraining} of its
   * output, in fewer passes over memory where the implementation can.
   *
   * @param norm of the convolution's output
   * @param convolved (N, H', W', outputChannels), written: the convolution's output
   */
  default void convolutionBatchNormTraining(
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
    convolution(shape, input, weights, null, Activation.IDENTITY, convolved);
    batchNormTraining(norm, convolved, scale, shift, output, mean, variance);
  }

  /**
   * {@link #batchNormGradients}, then {@link #convolutionGradients}, in fewer passes over memory
   * where the implementation can.
   *
   * @param norm of the convolution's output
   * @param convolved as the forward pass wrote it
   * @param outputGradient (N, H', W', outputChannels), of the batch norm's output
   * @param convolvedGradient scratch of the same shape, may be {@code outputGradient} itself;
   *     contents undefined afterwards
   * @param inputGradient (N, H, W, C), written; null where nothing below learns
   * @param weightGradient shaped as the weights, written
   */
  default void convolutionBatchNormGradients(
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
    batchNormGradients(
        norm,
        convolved,
        scale,
        shift,
        mean,
        variance,
        output,
        outputGradient,
        convolvedGradient,
        scaleGradient,
        shiftGradient);
    convolutionGradients(shape, input, weights, convolvedGradient, inputGradient, weightGradient);
  }

  /**
   * An inverted bottleneck, in training:
   *
   * <pre>
   *   wide = swish(norm(expansion(input))),  filtered = swish(norm(depthwise(wide)))
   *   output = norm(projection(filtered · gate)) · sampleScale + input
   * </pre>
   *
   * where the block has these parts; batch norms by the statistics of the batch.
   *
   * @param input (N, H, W, C)
   * @param sampleScale (N), a factor per image of the branch (stochastic depth); null for 1, and
   *     without a shortcut
   * @param state all its arrays are written
   * @param output (N, H', W', C'), written
   */
  void mbConvTraining(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray output);

  /**
   * Gradients of {@link #mbConvTraining}.
   *
   * @param state as the forward pass wrote it
   * @param outputGradient (N, H', W', C')
   * @param inputGradient (N, H, W, C), written
   * @param gradients all its arrays are written
   */
  void mbConvGradients(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray outputGradient,
      INDArray inputGradient,
      MBConvWeights gradients);

  /**
   * The type of {@link MBConvState}'s outputs of expansion and depthwise convolution.
   *
   * @param network the type of all other arrays
   */
  default DataType stateType(DataType network) {
    return network;
  }

  /** Is told how long the parts of an operation that is made of several take. */
  interface PhaseObserver {
    /**
     * A phase has ended.
     *
     * @param phase what it did
     * @param nanos that it took
     */
    void took(String phase, long nanos);
  }

  /** From now on tells somebody how long phases take; implementations without phases do not. */
  default void observe(PhaseObserver observer) {}

  /**
   * Batch norm by running statistics, then the activation.
   *
   * @param output (N, H, W, C), written; may be {@code input} itself
   */
  void batchNormInference(
      BatchNormShape shape,
      INDArray input,
      INDArray scale,
      INDArray shift,
      INDArray runningMean,
      INDArray runningVariance,
      INDArray output);

  /**
   * What has to be <em>subtracted</em> from the running statistics after a batch, so that they move
   * like a parameter by its gradient:
   *
   * <pre>
   *   change = (1 − momentum) · (running − batch)
   * </pre>
   *
   * @param momentum the part of a running statistic that a step keeps, in [0, 1)
   * @param estimate which variance of the batch counts
   * @param mean (C), of the batch
   * @param variance (C), of the batch, biased
   * @param meanChange (C), written
   * @param varianceChange (C), written
   */
  void runningStatisticsChange(
      BatchNormShape shape,
      double momentum,
      VarianceEstimate estimate,
      INDArray runningMean,
      INDArray runningVariance,
      INDArray mean,
      INDArray variance,
      INDArray meanChange,
      INDArray varianceChange);

  /**
   * Squeeze and excitation.
   *
   * <pre>
   *   pooled = mean of input over H, W
   *   reduced = pooled · reduceWeights + reduceBias
   *   gate = sigmoid(swish(reduced) · expandWeights + expandBias)
   *   output = input · gate
   * </pre>
   *
   * <p>Source: arXiv 1709.01507; tensorflow/tpu {@code efficientnet_model.py}.
   *
   * @param input (N, H, W, C)
   * @param state its three arrays are written
   * @param output (N, H, W, C), written
   */
  void squeezeExcitation(
      SqueezeExcitationShape shape,
      INDArray input,
      SqueezeExcitationWeights weights,
      SqueezeExcitationState state,
      INDArray output);

  /**
   * The product {@code input · gate} alone, by the gate that {@link #squeezeExcitation} left: for
   * callers that do not keep its output.
   *
   * @param output (N, H, W, C), written
   */
  void applyGate(
      SqueezeExcitationShape shape, INDArray input, SqueezeExcitationState state, INDArray output);

  /**
   * Gradients of {@link #squeezeExcitation}.
   *
   * @param inputGradient (N, H, W, C), written; may be {@code outputGradient} itself
   * @param weightGradients its four arrays are written
   */
  void squeezeExcitationGradients(
      SqueezeExcitationShape shape,
      INDArray input,
      SqueezeExcitationWeights weights,
      SqueezeExcitationState state,
      INDArray outputGradient,
      INDArray inputGradient,
      SqueezeExcitationWeights weightGradients);

  /**
   * Stochastic depth's sum: output = branch · sampleScale + shortcut.
   *
   * @param sampleScale (N), a factor per image; null for 1 everywhere
   * @param output (N, H, W, C), written; may be {@code branch} itself
   */
  void addShortcut(
      ImageShape shape, INDArray branch, INDArray sampleScale, INDArray shortcut, INDArray output);

  /**
   * output = input · sampleScale, the gradient of the branch of {@link #addShortcut}.
   *
   * @param sampleScale (N), a factor per image
   * @param output (N, H, W, C), written
   */
  void scaleSamples(ImageShape shape, INDArray input, INDArray sampleScale, INDArray output);

  /**
   * Mean over H and W.
   *
   * @param input (N, H, W, C)
   * @param output (N, C), written
   */
  void globalAveragePool(ImageShape shape, INDArray input, INDArray output);

  /**
   * Gradient of {@link #globalAveragePool}: outputGradient / (H·W) in every pixel.
   *
   * @param outputGradient (N, C)
   * @param inputGradient (N, H, W, C), written
   */
  void globalAveragePoolGradient(ImageShape shape, INDArray outputGradient, INDArray inputGradient);

  /**
   * output = left · right, element by element (dropout by a mask).
   *
   * @param output written; may be {@code left} itself
   */
  void multiply(INDArray left, INDArray right, INDArray output);

  /**
   * output = input · weights + bias.
   *
   * @param input (N, inputs)
   * @param weights (inputs, outputs)
   * @param bias (outputs)
   * @param output (N, outputs), written
   */
  void dense(DenseShape shape, INDArray input, INDArray weights, INDArray bias, INDArray output);

  /**
   * Gradients of {@link #dense}.
   *
   * @param outputGradient (N, outputs)
   * @param inputGradient (N, inputs), written; null where nothing below learns
   * @param weightGradient (inputs, outputs), written
   * @param biasGradient (outputs), written
   */
  void denseGradients(
      DenseShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient,
      INDArray biasGradient);

  /**
   * Cross entropy of softmax scores with smoothed labels.
   *
   * <pre>
   *   target = labels · (1 − smoothing) + smoothing / classes
   *   losses(n) = − Σ target · log softmax(scores)
   *   scoreGradient = (softmax(scores) − target) / N       (of the mean loss)
   * </pre>
   *
   * <p>Source: arXiv 1512.00567, section 7. The gradient takes every row of {@code labels} to sum
   * to 1.
   *
   * @param scores (N, classes), before the softmax
   * @param labels (N, classes)
   * @param smoothing in [0, 1)
   * @param scoreGradient (N, classes), written
   * @param losses (N), written
   */
  void softmaxCrossEntropy(
      INDArray scores, INDArray labels, double smoothing, INDArray scoreGradient, INDArray losses);

  // ---------------------------------------------------------------- inference

  /**
   * Why these kernels cannot compute an inference in a precision, on this machine; empty if they
   * can. What takes arrays of bfloat16 in {@link Precision#BF16} says so, all else is FLOAT.
   */
  default String inferenceProblem(Precision precision) {
    return precision == Precision.FP32
        ? ""
        : String.format("kernels %s compute an inference in fp32 only", name());
  }

  /**
   * What input and output of a depthwise convolution are best kept as: FLOAT, or in {@link
   * Precision#BF16} bfloat16 where that is faster on this machine.
   */
  default DataType inferenceType(Precision precision, ConvolutionShape depthwise) {
    return DataType.FLOAT;
  }

  /**
   * {@link #convolution} by weights that stay the same until {@link #forgetWeights}.
   *
   * @param input FLOAT, or bfloat16 where {@link #inferenceProblem} allows it
   * @param weights FLOAT; may be rounded to bfloat16 where an array is
   * @param output as {@code input}, not necessarily of the same type
   */
  default void inferenceConvolution(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray bias,
      Activation activation,
      INDArray output) {
    convolution(shape, input, weights, bias, activation, output);
  }

  /**
   * {@link #squeezeExcitation}, then an {@link #inferenceConvolution} of its output, 1x1 and
   * without activation, in fewer passes over memory where the implementation can.
   *
   * @param shape of the convolution
   * @param input FLOAT, or bfloat16 where {@link #inferenceProblem} allows it
   * @param gated scratch shaped as the input and of its type; contents undefined afterwards
   * @param output FLOAT, written
   */
  default void squeezeExcitationConvolution(
      SqueezeExcitationShape squeeze,
      ConvolutionShape shape,
      INDArray input,
      SqueezeExcitationWeights gateWeights,
      SqueezeExcitationState state,
      INDArray gated,
      INDArray weights,
      INDArray bias,
      INDArray output) {
    squeezeExcitation(squeeze, input, gateWeights, state, gated);
    convolution(shape, gated, weights, bias, Activation.IDENTITY, output);
  }

  /** Weights of {@link #inferenceConvolution} may have changed. */
  default void forgetWeights() {}

  /**
   * Native memory that this instance has taken for itself, in bytes: scratch, and weights in other
   * layouts. It grows with the shapes that were computed. Not in it: what a library takes and frees
   * within a call, compiled code, and Java's arrays.
   */
  long heldBytes();

  /** Frees the scratch. Calling it twice does nothing. */
  @Override
  void close();
}
