package io.phiscale.model.layers;

import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Scratch;
import java.util.Arrays;
import java.util.Map;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.DefaultGradient;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.layers.BaseLayer;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A layer of (N, H, W, C) images that computes through {@link Kernels} into buffers of its own.
 *
 * <p>One thread at a time; arrays that it returns are overwritten by its next pass of the same
 * direction. The element type is the network's, FLOAT or DOUBLE.
 *
 * @param <C> its configuration
 */
public abstract class KernelLayer<C extends KernelLayerConfiguration> extends BaseLayer<C> {

  /** Whether a forward pass is followed by a backward one. */
  enum Pass {
    TRAINING,
    INFERENCE
  }

  private final transient Scratch kept = new Scratch();
  private transient StepContext context;

  KernelLayer(NeuralNetConfiguration conf, DataType type) {
    super(conf, type);
  }

  /** Gives the layer what its replica shares; not owned by the layer. */
  public void use(StepContext replicaContext) {
    this.context = replicaContext;
  }

  StepContext context() {
    return context == null ? StepContext.ofThread() : context;
  }

  Kernels kernels() {
    return context().kernels();
  }

  /** A buffer of this layer, which keeps its contents between passes. */
  INDArray kept(String name, long... shape) {
    return kept.array(name, dataType, shape);
  }

  INDArray kept(String name, DataType type, ImageShape shape) {
    return kept.array(name, type, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  INDArray kept(String name, ImageShape shape) {
    return kept(name, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  /** A buffer that any layer of the replica may overwrite in its next pass. */
  INDArray shared(String name, ImageShape shape) {
    return context()
        .scratch()
        .array(name, dataType, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  INDArray parameter(String key) {
    return getParam(key);
  }

  INDArray parameterGradient(String key) {
    return gradientViews.get(key);
  }

  String name() {
    return layerConf().getLayerName();
  }

  CounterRandom stepRandom() {
    return new CounterRandom(context().stepSeed(getIterationCount()), name());
  }

  /** The input as kernels want it, copied only if it is not c-ordered or of another type. */
  INDArray checkedInput() {
    assertInputSet(false);
    if (input.rank() != 4 || input.size(3) != layerConf().inputChannels()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid input of layer %s: %s (must be (N, H, W, %s))",
              name(), Arrays.toString(input.shape()), layerConf().inputChannels()));
    }
    return contiguous(input);
  }

  INDArray contiguous(INDArray array) {
    INDArray typed = array.dataType() == dataType ? array : array.castTo(dataType);
    return inOrder(typed) ? typed : typed.dup('c');
  }

  /**
   * ND4J's own check says no to every array with a dimension of 1, whose stride does not matter.
   */
  private static boolean inOrder(INDArray array) {
    long expected = 1;
    for (int i = array.rank() - 1; i >= 0; i--) {
      if (array.size(i) != 1 && array.stride(i) != expected) {
        return false;
      }
      expected *= array.size(i);
    }
    return array.ordering() == 'c';
  }

  static ImageShape shapeOf(INDArray image) {
    return new ImageShape(
        (int) image.size(0), (int) image.size(1), (int) image.size(2), (int) image.size(3));
  }

  abstract INDArray forward(INDArray image, Pass pass);

  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
    return forward(checkedInput(), training ? Pass.TRAINING : Pass.INFERENCE);
  }

  /** The gradients of all parameters, as the views that the kernels have written. */
  Gradient gradientOfViews() {
    Gradient result = new DefaultGradient(gradientsFlattened);
    for (Map.Entry<String, INDArray> entry : gradientViews.entrySet()) {
      result.gradientForVariable().put(entry.getKey(), entry.getValue());
    }
    gradient = result;
    return result;
  }

  /**
   * Writes what the last training pass forward changes in the running statistics to where the
   * backward pass would, for a layer that has none because its weights are frozen. Does nothing in
   * a layer without batch norm.
   */
  public void computeRunningStatisticsChange() {}

  /**
   * Writes mean and variance (biased) of the last training pass's batch to where {@link
   * #computeRunningStatisticsChange} would write the change of their running counterparts. Does
   * nothing in a layer without batch norm.
   */
  public void copyBatchStatistics() {}

  IllegalStateException noForwardPass() {
    return new IllegalStateException(
        String.format(
            "Cannot compute the gradients of layer %s: its last forward pass was not a training"
                + " pass of this input",
            name()));
  }

  @Override
  public Type type() {
    return Type.CONVOLUTIONAL;
  }

  @Override
  public boolean isPretrainLayer() {
    return false;
  }

  /** Running statistics are changes, not sums over examples. */
  @Override
  public boolean updaterDivideByMinibatch(String paramName) {
    return !layerConf().kind(paramName).runningStatistic();
  }

  /** Copies a flat vector laid out like this layer's parameters. */
  @Override
  public void setParams(INDArray params) {
    if (params != paramsFlattened) {
      paramsFlattened.assign(params.reshape(paramsFlattened.shape()));
    }
  }

  /** Frees the layer's buffers. The layer can be used again and then makes new ones. */
  @Override
  public void close() {
    kept.close();
  }
}
