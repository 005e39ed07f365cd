package io.phiscale.model.layers;

import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.MBConvShape;
import io.phiscale.model.kernels.MBConvState;
import io.phiscale.model.kernels.MBConvWeights;
import io.phiscale.model.kernels.SqueezeExcitationShape;
import io.phiscale.model.kernels.SqueezeExcitationState;
import io.phiscale.model.kernels.SqueezeExcitationWeights;
import java.util.Optional;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Implementation of {@link MBConv}. */
public final class MBConvLayer extends KernelLayer<MBConv> {

  private final transient NormalisedConvolution expansion;
  private final transient NormalisedConvolution depthwise;
  private final transient NormalisedConvolution projection;
  private transient INDArray image;
  private transient INDArray sampleScale;
  private transient MBConvShape shape;

  MBConvLayer(NeuralNetConfiguration conf, DataType type) {
    super(conf, type);
    MBConv block = layerConf();
    expansion =
        block
            .expansion()
            .map(definition -> new NormalisedConvolution(this, definition))
            .orElse(null);
    depthwise = new NormalisedConvolution(this, block.depthwise());
    projection = new NormalisedConvolution(this, block.projection());
  }

  @Override
  INDArray forward(INDArray newImage, Pass pass) {
    ImageShape wide = shapeOf(newImage);
    if (expansion != null) {
      wide = expansion.reshape(wide);
    }
    ImageShape filtered = depthwise.reshape(wide);
    INDArray output = kept("output", projection.reshape(filtered));
    if (pass == Pass.TRAINING) {
      train(newImage, output);
    } else {
      infer(newImage, wide, filtered, output);
      image = null;
    }
    return output;
  }

  private void train(INDArray newImage, INDArray output) {
    MBConv block = layerConf();
    shape =
        new MBConvShape(
            Optional.ofNullable(expansion).map(NormalisedConvolution::shape),
            depthwise.shape(),
            block.squeezed(),
            projection.shape(),
            block.batchNorm().epsilon(),
            block.residual() ? MBConvShape.Shortcut.INPUT : MBConvShape.Shortcut.ABSENT);
    sampleScale =
        block.residual() && block.dropRate() > 0 && context().blocksDrop()
            ? sampleScale(shape.output().batch())
            : null;
    kernels().mbConvTraining(shape, weights(), newImage, sampleScale, state(), output);
    image = newImage;
  }

  private void infer(INDArray newImage, ImageShape wide, ImageShape filtered, INDArray output) {
    INDArray expanded = newImage;
    if (expansion != null) {
      expanded = shared("expanded", wide);
      expansion.forward(newImage, expanded, Pass.INFERENCE);
    }
    INDArray depthwiseOutput = shared("filtered", filtered);
    depthwise.forward(expanded, depthwiseOutput, Pass.INFERENCE);
    INDArray gated = depthwiseOutput;
    if (layerConf().squeezed() > 0) {
      gated = shared("gated", filtered);
      kernels()
          .squeezeExcitation(
              new SqueezeExcitationShape(filtered, layerConf().squeezed()),
              depthwiseOutput,
              squeezeWeights(),
              squeezeState(filtered),
              gated);
    }
    projection.forward(gated, output, Pass.INFERENCE);
    if (layerConf().residual()) {
      kernels().addShortcut(shapeOf(newImage), output, null, newImage, output);
    }
  }

  private MBConvWeights weights() {
    return new MBConvWeights(
        expansion == null ? null : expansion.weights(),
        depthwise.weights(),
        layerConf().squeezed() > 0 ? squeezeWeights() : null,
        projection.weights());
  }

  private MBConvWeights gradients() {
    return new MBConvWeights(
        expansion == null ? null : expansion.gradients(),
        depthwise.gradients(),
        layerConf().squeezed() > 0 ? squeezeGradients() : null,
        projection.gradients());
  }

  private MBConvState state() {
    DataType wide = kernels().stateType(dataType);
    return new MBConvState(
        expansion == null ? null : expansion.state(wide),
        depthwise.state(wide),
        layerConf().squeezed() > 0 ? squeezeState(depthwise.shape().output()) : null,
        projection.state(dataType));
  }

  /** 0 for the images that skip the block, 1 / (1 − dropRate) for the others. */
  private INDArray sampleScale(int batch) {
    CounterRandom random = stepRandom();
    double survival = 1 - layerConf().dropRate();
    float[] scales = new float[batch];
    for (int i = 0; i < batch; i++) {
      scales[i] = random.uniform(i) < survival ? (float) (1 / survival) : 0;
    }
    INDArray result = kept("sample scale", batch);
    result.assign(Nd4j.createFromArray(scales));
    return result;
  }

  private SqueezeExcitationWeights squeezeWeights() {
    return new SqueezeExcitationWeights(
        parameter("squeeze.W"),
        parameter("squeeze.b"),
        parameter("excite.W"),
        parameter("excite.b"));
  }

  private SqueezeExcitationWeights squeezeGradients() {
    return new SqueezeExcitationWeights(
        parameterGradient("squeeze.W"),
        parameterGradient("squeeze.b"),
        parameterGradient("excite.W"),
        parameterGradient("excite.b"));
  }

  private SqueezeExcitationState squeezeState(ImageShape shape) {
    return new SqueezeExcitationState(
        kept("pooled", shape.batch(), shape.channels()),
        kept("reduced", shape.batch(), layerConf().squeezed()),
        kept("gate", shape.batch(), shape.channels()));
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
    if (image == null) {
      throw noForwardPass();
    }
    INDArray inputGradient = kept("input gradient", shape.input());
    kernels()
        .mbConvGradients(
            shape,
            weights(),
            image,
            sampleScale,
            state(),
            contiguous(epsilon),
            inputGradient,
            gradients());
    computeRunningStatisticsChange();
    return new Pair<>(gradientOfViews(), inputGradient);
  }

  @Override
  public void computeRunningStatisticsChange() {
    if (expansion != null) {
      expansion.runningStatistics();
    }
    depthwise.runningStatistics();
    projection.runningStatistics();
  }

  @Override
  public void copyBatchStatistics() {
    if (expansion != null) {
      expansion.copyBatchStatistics();
    }
    depthwise.copyBatchStatistics();
    projection.copyBatchStatistics();
  }

  @Override
  public void clear() {
    super.clear();
    image = null;
  }
}
