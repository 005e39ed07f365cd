package io.phiscale.model.layers;

import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.SqueezeExcitationShape;
import io.phiscale.model.kernels.SqueezeExcitationState;
import io.phiscale.model.kernels.SqueezeExcitationWeights;
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
  private transient INDArray expandedImage;
  private transient INDArray filtered;
  private transient INDArray projected;
  private transient INDArray sampleScale;

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
    ImageShape shape = shapeOf(newImage);
    INDArray expanded = newImage;
    if (expansion != null) {
      shape = expansion.reshape(shape);
      expanded = between("expanded", shape, pass);
      expansion.forward(newImage, expanded, pass);
    }
    shape = depthwise.reshape(shape);
    INDArray depthwiseOutput = between("filtered", shape, pass);
    depthwise.forward(expanded, depthwiseOutput, pass);
    INDArray gated = depthwiseOutput;
    if (layerConf().squeezed() > 0) {
      gated = shared("gated", shape);
      kernels()
          .squeezeExcitation(
              squeezeShape(shape), depthwiseOutput, squeezeWeights(), squeezeState(shape), gated);
    }
    shape = projection.reshape(shape);
    INDArray output = kept("output", shape);
    projection.forward(gated, output, pass);
    sampleScale = null;
    if (layerConf().residual()) {
      if (pass == Pass.TRAINING && layerConf().dropRate() > 0) {
        sampleScale = sampleScale(shape.batch());
      }
      kernels().addShortcut(shape, output, sampleScale, newImage, output);
    }
    image = pass == Pass.TRAINING ? newImage : null;
    expandedImage = expanded;
    filtered = depthwiseOutput;
    projected = output;
    return output;
  }

  /** What the backward pass needs is kept in training; in inference no later layer needs it. */
  private INDArray between(String name, ImageShape shape, Pass pass) {
    return pass == Pass.TRAINING ? kept(name, shape) : shared(name, shape);
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

  private SqueezeExcitationShape squeezeShape(ImageShape shape) {
    return new SqueezeExcitationShape(shape, layerConf().squeezed());
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
    Kernels kernels = kernels();
    INDArray outputGradient = contiguous(epsilon);
    ImageShape wide = depthwise.outputShape();

    INDArray narrowGradient = shared("narrow", projection.outputShape());
    INDArray branchGradient = outputGradient;
    if (sampleScale != null) {
      kernels.scaleSamples(projection.outputShape(), outputGradient, sampleScale, narrowGradient);
      branchGradient = narrowGradient;
    }

    INDArray wideGradient = shared("wide", wide);
    if (layerConf().squeezed() > 0) {
      INDArray gated = shared("gated", wide);
      kernels.applyGate(squeezeShape(wide), filtered, squeezeState(wide), gated);
      projection.backward(gated, projected, branchGradient, narrowGradient, wideGradient);
      kernels.squeezeExcitationGradients(
          squeezeShape(wide),
          filtered,
          squeezeWeights(),
          squeezeState(wide),
          wideGradient,
          wideGradient,
          squeezeGradients());
    } else {
      projection.backward(filtered, projected, branchGradient, narrowGradient, wideGradient);
    }

    INDArray inputGradient = kept("input gradient", shapeOf(image));
    if (expansion == null) {
      depthwise.backward(image, filtered, wideGradient, wideGradient, inputGradient);
    } else {
      INDArray expandedGradient = shared("expanded gradient", expansion.outputShape());
      depthwise.backward(expandedImage, filtered, wideGradient, wideGradient, expandedGradient);
      expansion.backward(image, expandedImage, expandedGradient, expandedGradient, inputGradient);
    }
    if (layerConf().residual()) {
      kernels.addShortcut(shapeOf(image), inputGradient, null, outputGradient, inputGradient);
    }
    return new Pair<>(gradientOfViews(), inputGradient);
  }

  @Override
  public void clear() {
    super.clear();
    image = null;
  }
}
