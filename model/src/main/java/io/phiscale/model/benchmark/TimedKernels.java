package io.phiscale.model.benchmark;

import io.phiscale.model.kernels.Activation;
import io.phiscale.model.kernels.BatchNormShape;
import io.phiscale.model.kernels.ConvolutionShape;
import io.phiscale.model.kernels.DenseShape;
import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.MBConvShape;
import io.phiscale.model.kernels.MBConvState;
import io.phiscale.model.kernels.MBConvWeights;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.kernels.SqueezeExcitationShape;
import io.phiscale.model.kernels.SqueezeExcitationState;
import io.phiscale.model.kernels.SqueezeExcitationWeights;
import io.phiscale.model.kernels.VarianceEstimate;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Kernels that note how long each kind of call of other kernels takes. */
final class TimedKernels implements Kernels {

  private final Kernels timed;
  private final Map<String, Spent> spent = new LinkedHashMap<>();

  /** Time and number of calls of one operation. */
  static final class Spent {
    private long nanos;
    private long calls;

    long nanos() {
      return nanos;
    }

    long calls() {
      return calls;
    }
  }

  /**
   * @param timed closed with these
   */
  TimedKernels(Kernels timed) {
    this.timed = timed;
    timed.observe(this::add);
  }

  private void add(String operation, long nanos) {
    Spent entry = spent.computeIfAbsent(operation, name -> new Spent());
    entry.nanos += nanos;
    entry.calls++;
  }

  /** By operation, since the last {@link #forget}. */
  Map<String, Spent> spent() {
    return spent;
  }

  void forget() {
    spent.clear();
  }

  private void time(String operation, Runnable call) {
    long start = System.nanoTime();
    call.run();
    add(operation, System.nanoTime() - start);
  }

  /** As one entry, unless the kernels have told of its parts. */
  private void timeParts(String operation, Runnable call) {
    long before = calls();
    long start = System.nanoTime();
    call.run();
    long nanos = System.nanoTime() - start;
    if (calls() == before) {
      add(operation, nanos);
    }
  }

  private long calls() {
    return spent.values().stream().mapToLong(Spent::calls).sum();
  }

  private static String kind(ConvolutionShape shape) {
    return shape.depthwise() ? "depthwise" : shape.pointwise() ? "pointwise" : "full convolution";
  }

  @Override
  public String name() {
    return timed.name();
  }

  @Override
  public DataType stateType(DataType network) {
    return timed.stateType(network);
  }

  @Override
  public void mbConvTraining(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray output) {
    timeParts(
        "inverted bottleneck forward",
        () -> timed.mbConvTraining(shape, weights, input, sampleScale, state, output));
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
    timeParts(
        "inverted bottleneck backward",
        () ->
            timed.mbConvGradients(
                shape,
                weights,
                input,
                sampleScale,
                state,
                outputGradient,
                inputGradient,
                gradients));
  }

  @Override
  public void convolution(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray bias,
      Activation activation,
      INDArray output) {
    time(
        kind(shape) + " forward",
        () -> timed.convolution(shape, input, weights, bias, activation, output));
  }

  @Override
  public void convolutionGradients(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray outputGradient,
      INDArray inputGradient,
      INDArray weightGradient) {
    time(
        kind(shape) + " backward",
        () ->
            timed.convolutionGradients(
                shape, input, weights, outputGradient, inputGradient, weightGradient));
  }

  @Override
  public void batchNormTraining(
      BatchNormShape shape,
      INDArray input,
      INDArray scale,
      INDArray shift,
      INDArray output,
      INDArray mean,
      INDArray variance) {
    time(
        "batch norm forward",
        () -> timed.batchNormTraining(shape, input, scale, shift, output, mean, variance));
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
    time(
        "batch norm backward",
        () ->
            timed.batchNormGradients(
                shape,
                input,
                scale,
                shift,
                mean,
                variance,
                output,
                outputGradient,
                inputGradient,
                scaleGradient,
                shiftGradient));
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
    time(
        kind(shape) + ", batch norm forward",
        () ->
            timed.convolutionBatchNormTraining(
                shape, norm, input, weights, convolved, scale, shift, output, mean, variance));
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
    time(
        kind(shape) + ", batch norm backward",
        () ->
            timed.convolutionBatchNormGradients(
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
                shiftGradient));
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
    time(
        "batch norm of running statistics",
        () ->
            timed.batchNormInference(
                shape, input, scale, shift, runningMean, runningVariance, output));
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
    time(
        "running statistics",
        () ->
            timed.runningStatisticsChange(
                shape,
                momentum,
                estimate,
                runningMean,
                runningVariance,
                mean,
                variance,
                meanChange,
                varianceChange));
  }

  @Override
  public void squeezeExcitation(
      SqueezeExcitationShape shape,
      INDArray input,
      SqueezeExcitationWeights weights,
      SqueezeExcitationState state,
      INDArray output) {
    time(
        "squeeze-excitation forward",
        () -> timed.squeezeExcitation(shape, input, weights, state, output));
  }

  @Override
  public void applyGate(
      SqueezeExcitationShape shape, INDArray input, SqueezeExcitationState state, INDArray output) {
    time("squeeze-excitation recomputed", () -> timed.applyGate(shape, input, state, output));
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
    time(
        "squeeze-excitation backward",
        () ->
            timed.squeezeExcitationGradients(
                shape, input, weights, state, outputGradient, inputGradient, weightGradients));
  }

  @Override
  public void addShortcut(
      ImageShape shape, INDArray branch, INDArray sampleScale, INDArray shortcut, INDArray output) {
    time("shortcut", () -> timed.addShortcut(shape, branch, sampleScale, shortcut, output));
  }

  @Override
  public void scaleSamples(
      ImageShape shape, INDArray input, INDArray sampleScale, INDArray output) {
    time("shortcut", () -> timed.scaleSamples(shape, input, sampleScale, output));
  }

  @Override
  public void globalAveragePool(ImageShape shape, INDArray input, INDArray output) {
    time("classifier", () -> timed.globalAveragePool(shape, input, output));
  }

  @Override
  public void globalAveragePoolGradient(
      ImageShape shape, INDArray outputGradient, INDArray inputGradient) {
    time("classifier", () -> timed.globalAveragePoolGradient(shape, outputGradient, inputGradient));
  }

  @Override
  public void multiply(INDArray left, INDArray right, INDArray output) {
    time("classifier", () -> timed.multiply(left, right, output));
  }

  @Override
  public void dense(
      DenseShape shape, INDArray input, INDArray weights, INDArray bias, INDArray output) {
    time("classifier", () -> timed.dense(shape, input, weights, bias, output));
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
    time(
        "classifier",
        () ->
            timed.denseGradients(
                shape,
                input,
                weights,
                outputGradient,
                inputGradient,
                weightGradient,
                biasGradient));
  }

  @Override
  public void softmaxCrossEntropy(
      INDArray scores, INDArray labels, double smoothing, INDArray scoreGradient, INDArray losses) {
    time(
        "classifier",
        () -> timed.softmaxCrossEntropy(scores, labels, smoothing, scoreGradient, losses));
  }

  @Override
  public String inferenceProblem(Precision precision) {
    return timed.inferenceProblem(precision);
  }

  @Override
  public DataType inferenceType(Precision precision, ConvolutionShape depthwise) {
    return timed.inferenceType(precision, depthwise);
  }

  @Override
  public void inferenceConvolution(
      ConvolutionShape shape,
      INDArray input,
      INDArray weights,
      INDArray bias,
      Activation activation,
      INDArray output) {
    time(
        kind(shape) + " forward",
        () -> timed.inferenceConvolution(shape, input, weights, bias, activation, output));
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
    time(
        "squeeze-excitation with pointwise forward",
        () ->
            timed.squeezeExcitationConvolution(
                squeeze, shape, input, gateWeights, state, gated, weights, bias, output));
  }

  @Override
  public void forgetWeights() {
    timed.forgetWeights();
  }

  @Override
  public long heldBytes() {
    return timed.heldBytes();
  }

  @Override
  public void close() {
    timed.close();
  }
}
