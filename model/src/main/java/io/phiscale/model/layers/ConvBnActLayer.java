package io.phiscale.model.layers;

import io.phiscale.model.kernels.ImageShape;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Implementation of {@link ConvBnAct}. */
public final class ConvBnActLayer extends KernelLayer<ConvBnAct> {

  private final transient NormalisedConvolution convolution;
  private transient INDArray image;
  private transient INDArray output;

  ConvBnActLayer(NeuralNetConfiguration conf, DataType type) {
    super(conf, type);
    convolution = new NormalisedConvolution(this, layerConf().convolution());
  }

  @Override
  INDArray forward(INDArray newImage, Pass pass) {
    ImageShape outputShape = convolution.reshape(shapeOf(newImage));
    INDArray result = kept("output", outputShape);
    convolution.forward(newImage, result, pass);
    image = pass == Pass.TRAINING ? newImage : null;
    output = result;
    return result;
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
    if (image == null) {
      throw noForwardPass();
    }
    INDArray inputGradient =
        layerConf().inputGradient() == InputGradient.COMPUTED
            ? kept("input gradient", convolution.shape().input())
            : null;
    convolution.backward(
        image,
        output,
        contiguous(epsilon),
        shared("narrow", convolution.shape().output()),
        inputGradient);
    return new Pair<>(gradientOfViews(), inputGradient);
  }

  @Override
  public void computeRunningStatisticsChange() {
    convolution.runningStatistics();
  }

  @Override
  public void copyBatchStatistics() {
    convolution.copyBatchStatistics();
  }

  @Override
  public void clear() {
    super.clear();
    image = null;
  }
}
