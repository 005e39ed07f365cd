package io.phiscale.model.layers;

import io.phiscale.model.kernels.Activation;
import io.phiscale.model.kernels.BatchNormShape;
import io.phiscale.model.kernels.ConvolutionShape;
import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.NormalisedState;
import io.phiscale.model.kernels.NormalisedWeights;
import io.phiscale.model.layers.KernelLayer.Pass;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Convolution, batch norm, activation: the part of which all our layers are made. Has no arrays of
 * its own; the layer keeps them.
 */
final class NormalisedConvolution {

  /**
   * What defines one such part.
   *
   * @param prefix of its keys in DL4J's parameter table: empty, or as in {@code expand.}
   * @param path of its segments in a parameter layout, e.g. {@code expand}
   * @param groups 1, or as many as channels
   */
  record Definition(
      String prefix,
      String path,
      int inputs,
      int outputs,
      int kernel,
      int stride,
      int groups,
      Padding padding,
      Activation activation,
      BatchNormRule batchNorm) {

    List<ParameterSegment> segments() {
      return List.of(
          ParameterSegment.weight(
              prefix + "W",
              path + "/weight",
              Kind.CONVOLUTION_WEIGHT,
              kernel * kernel * outputs / groups,
              kernel,
              kernel,
              inputs,
              outputs / groups),
          vector("gamma", "scale", Kind.BATCH_NORM_SCALE),
          vector("beta", "shift", Kind.BATCH_NORM_SHIFT),
          vector("mean", "mean", Kind.RUNNING_MEAN),
          vector("var", "variance", Kind.RUNNING_VARIANCE));
    }

    private ParameterSegment vector(String key, String name, Kind kind) {
      return ParameterSegment.vector(prefix + key, path + "/batch_norm/" + name, kind, outputs);
    }
  }

  private final KernelLayer<?> layer;
  private final Definition definition;
  private ConvolutionShape shape;
  private BatchNormShape normShape;

  NormalisedConvolution(KernelLayer<?> layer, Definition definition) {
    this.layer = layer;
    this.definition = definition;
  }

  private INDArray parameter(String key) {
    return layer.parameter(definition.prefix() + key);
  }

  private INDArray gradient(String key) {
    return layer.parameterGradient(definition.prefix() + key);
  }

  private String keptName(String what) {
    return definition.path() + " " + what;
  }

  /** Fixes the shapes of the next passes, and gives that of the output. */
  ImageShape reshape(ImageShape input) {
    if (shape == null || !shape.input().equals(input)) {
      Padding padding = definition.padding();
      int kernel = definition.kernel();
      int stride = definition.stride();
      shape =
          new ConvolutionShape(
              input,
              definition.outputs(),
              kernel,
              kernel,
              stride,
              new ConvolutionShape.Padding(
                  padding.before(input.height(), kernel, stride),
                  padding.after(input.height(), kernel, stride),
                  padding.before(input.width(), kernel, stride),
                  padding.after(input.width(), kernel, stride)),
              definition.groups());
      normShape =
          new BatchNormShape(
              shape.output(), definition.batchNorm().epsilon(), definition.activation());
    }
    return shape.output();
  }

  /** As {@link #reshape} left it. */
  ConvolutionShape shape() {
    return shape;
  }

  NormalisedWeights weights() {
    return new NormalisedWeights(parameter("W"), parameter("gamma"), parameter("beta"));
  }

  NormalisedWeights gradients() {
    return new NormalisedWeights(gradient("W"), gradient("gamma"), gradient("beta"));
  }

  /**
   * What a training pass keeps.
   *
   * @param type of the convolution's output
   */
  NormalisedState state(DataType type) {
    return new NormalisedState(
        layer.kept(keptName("convolved"), type, shape.output()),
        layer.kept(keptName("mean"), definition.outputs()),
        layer.kept(keptName("variance"), definition.outputs()));
  }

  /**
   * @param output written
   */
  void forward(INDArray input, INDArray output, Pass pass) {
    Kernels kernels = layer.kernels();
    if (pass == Pass.INFERENCE) {
      kernels.convolution(shape, input, parameter("W"), null, Activation.IDENTITY, output);
      kernels.batchNormInference(
          normShape,
          output,
          parameter("gamma"),
          parameter("beta"),
          parameter("mean"),
          parameter("var"),
          output);
    } else {
      kernels.convolutionBatchNormTraining(
          shape,
          normShape,
          input,
          parameter("W"),
          layer.kept(keptName("convolved"), shape.output()),
          parameter("gamma"),
          parameter("beta"),
          output,
          layer.kept(keptName("mean"), definition.outputs()),
          layer.kept(keptName("variance"), definition.outputs()));
    }
  }

  /**
   * After a training pass of the same input.
   *
   * @param output as the forward pass wrote it
   * @param convolvedGradient scratch of the output's shape; may be {@code outputGradient} itself
   * @param inputGradient written, or null
   */
  void backward(
      INDArray input,
      INDArray output,
      INDArray outputGradient,
      INDArray convolvedGradient,
      INDArray inputGradient) {
    Kernels kernels = layer.kernels();
    INDArray mean = layer.kept(keptName("mean"), definition.outputs());
    INDArray variance = layer.kept(keptName("variance"), definition.outputs());
    kernels.convolutionBatchNormGradients(
        shape,
        normShape,
        input,
        parameter("W"),
        layer.kept(keptName("convolved"), shape.output()),
        parameter("gamma"),
        parameter("beta"),
        mean,
        variance,
        output,
        outputGradient,
        convolvedGradient,
        inputGradient,
        gradient("W"),
        gradient("gamma"),
        gradient("beta"));
    runningStatistics();
  }

  /** Writes the batch's own statistics to where the gradients of the running ones go. */
  void copyBatchStatistics() {
    gradient("mean").assign(layer.kept(keptName("mean"), definition.outputs()));
    gradient("var").assign(layer.kept(keptName("variance"), definition.outputs()));
  }

  /** Writes the gradients of the running statistics. */
  void runningStatistics() {
    layer
        .kernels()
        .runningStatisticsChange(
            normShape,
            definition.batchNorm().momentum(),
            definition.batchNorm().estimate(),
            parameter("mean"),
            parameter("var"),
            layer.kept(keptName("mean"), definition.outputs()),
            layer.kept(keptName("variance"), definition.outputs()),
            gradient("mean"),
            gradient("var"));
  }
}
