package io.phiscale.model.kernels;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An inverted bottleneck from the other operations of some {@link Kernels}: one after another, on
 * whole arrays.
 */
final class ComposedMBConv implements AutoCloseable {

  private final Kernels kernels;
  private final Scratch scratch = new Scratch();

  /**
   * @param kernels stay the caller's
   */
  ComposedMBConv(Kernels kernels) {
    this.kernels = kernels;
  }

  private INDArray scratch(String name, DataType type, ImageShape shape) {
    return scratch.array(
        name, type, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  void training(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray output) {
    DataType type = input.dataType();
    INDArray wide = input;
    if (shape.expansion().isPresent()) {
      ConvolutionShape expansion = shape.expansion().get();
      wide = scratch("expanded", type, expansion.output());
      forward(
          shape, expansion, Activation.SWISH, weights.expansion(), input, state.expansion(), wide);
    }
    ImageShape filteredShape = shape.depthwise().output();
    INDArray filtered = scratch("filtered", type, filteredShape);
    forward(
        shape,
        shape.depthwise(),
        Activation.SWISH,
        weights.depthwise(),
        wide,
        state.depthwise(),
        filtered);
    INDArray gated = filtered;
    if (shape.squeezes()) {
      gated = scratch("gated", type, filteredShape);
      kernels.squeezeExcitation(
          shape.squeeze(), filtered, weights.squeeze(), state.squeeze(), gated);
    }
    forward(
        shape,
        shape.projection(),
        Activation.IDENTITY,
        weights.projection(),
        gated,
        state.projection(),
        output);
    if (shape.shortcut() == MBConvShape.Shortcut.INPUT) {
      kernels.addShortcut(shape.output(), output, sampleScale, input, output);
    }
  }

  private void forward(
      MBConvShape block,
      ConvolutionShape shape,
      Activation activation,
      NormalisedWeights weights,
      INDArray input,
      NormalisedState state,
      INDArray output) {
    kernels.convolutionBatchNormTraining(
        shape,
        block.norm(shape.output(), activation),
        input,
        weights.weights(),
        state.convolved(),
        weights.scale(),
        weights.shift(),
        output,
        state.mean(),
        state.variance());
  }

  void gradients(
      MBConvShape shape,
      MBConvWeights weights,
      INDArray input,
      INDArray sampleScale,
      MBConvState state,
      INDArray outputGradient,
      INDArray inputGradient,
      MBConvWeights gradients) {
    DataType type = input.dataType();
    INDArray wide = input;
    if (shape.expansion().isPresent()) {
      ConvolutionShape expansion = shape.expansion().get();
      wide = scratch("expanded", type, expansion.output());
      again(shape, expansion, weights.expansion(), state.expansion(), wide);
    }
    ImageShape filteredShape = shape.depthwise().output();
    INDArray filtered = scratch("filtered", type, filteredShape);
    again(shape, shape.depthwise(), weights.depthwise(), state.depthwise(), filtered);

    INDArray branchGradient = outputGradient;
    INDArray narrow = scratch("narrow gradient", type, shape.output());
    if (sampleScale != null) {
      kernels.scaleSamples(shape.output(), outputGradient, sampleScale, narrow);
      branchGradient = narrow;
    }
    INDArray filteredGradient = scratch("filtered gradient", type, filteredShape);
    INDArray gated = filtered;
    if (shape.squeezes()) {
      gated = scratch("gated", type, filteredShape);
      kernels.applyGate(shape.squeeze(), filtered, state.squeeze(), gated);
    }
    INDArray projected = state.projection().convolved();
    backward(
        shape,
        shape.projection(),
        Activation.IDENTITY,
        weights.projection(),
        gated,
        state.projection(),
        projected,
        branchGradient,
        narrow,
        filteredGradient,
        gradients.projection());
    if (shape.squeezes()) {
      kernels.squeezeExcitationGradients(
          shape.squeeze(),
          filtered,
          weights.squeeze(),
          state.squeeze(),
          filteredGradient,
          filteredGradient,
          gradients.squeeze());
    }
    INDArray wideGradient =
        shape.expansion().isPresent()
            ? scratch("expanded gradient", type, shape.depthwise().input())
            : inputGradient;
    backward(
        shape,
        shape.depthwise(),
        Activation.SWISH,
        weights.depthwise(),
        wide,
        state.depthwise(),
        filtered,
        filteredGradient,
        filteredGradient,
        wideGradient,
        gradients.depthwise());
    if (shape.expansion().isPresent()) {
      backward(
          shape,
          shape.expansion().get(),
          Activation.SWISH,
          weights.expansion(),
          input,
          state.expansion(),
          wide,
          wideGradient,
          wideGradient,
          inputGradient,
          gradients.expansion());
    }
    if (shape.shortcut() == MBConvShape.Shortcut.INPUT) {
      kernels.addShortcut(shape.input(), inputGradient, null, outputGradient, inputGradient);
    }
  }

  /** What batch norm and swish made of a convolution's output. */
  private void again(
      MBConvShape block,
      ConvolutionShape shape,
      NormalisedWeights weights,
      NormalisedState state,
      INDArray output) {
    kernels.batchNormInference(
        block.norm(shape.output(), Activation.SWISH),
        state.convolved(),
        weights.scale(),
        weights.shift(),
        state.mean(),
        state.variance(),
        output);
  }

  private void backward(
      MBConvShape block,
      ConvolutionShape shape,
      Activation activation,
      NormalisedWeights weights,
      INDArray input,
      NormalisedState state,
      INDArray output,
      INDArray outputGradient,
      INDArray convolvedGradient,
      INDArray inputGradient,
      NormalisedWeights gradients) {
    kernels.convolutionBatchNormGradients(
        shape,
        block.norm(shape.output(), activation),
        input,
        weights.weights(),
        state.convolved(),
        weights.scale(),
        weights.shift(),
        state.mean(),
        state.variance(),
        output,
        outputGradient,
        convolvedGradient,
        inputGradient,
        gradients.weights(),
        gradients.scale(),
        gradients.shift());
  }

  long heldBytes() {
    return scratch.heldBytes();
  }

  @Override
  public void close() {
    scratch.close();
  }
}
