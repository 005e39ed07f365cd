package io.phiscale.model.layers;

import io.phiscale.model.kernels.VarianceEstimate;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout.Kind;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.InputPreProcessor;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.FeedForwardLayer;
import org.deeplearning4j.nn.conf.memory.LayerMemoryReport;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.regularization.Regularization;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/**
 * What the configurations of our layers have in common: images (N, H, W, C) as input, named
 * parameter segments, conventions of padding and batch norm, and the seed of the initial values.
 */
public abstract class KernelLayerConfiguration extends FeedForwardLayer {

  @JsonProperty protected Padding padding;
  @JsonProperty protected double epsilon;
  @JsonProperty protected double momentum;
  @JsonProperty protected VarianceEstimate varianceEstimate;
  @JsonProperty protected long seed;

  /** For the JSON mapper. */
  protected KernelLayerConfiguration() {}

  /**
   * @param name of the layer
   * @param inputs channels in
   * @param outputs channels out
   * @param seed of the initial values
   */
  protected KernelLayerConfiguration(
      String name, int inputs, int outputs, Padding padding, BatchNormRule batchNorm, long seed) {
    setLayerName(name);
    setNIn(inputs);
    setNOut(outputs);
    this.padding = padding;
    this.epsilon = batchNorm.epsilon();
    this.momentum = batchNorm.momentum();
    this.varianceEstimate = batchNorm.estimate();
    this.seed = seed;
  }

  /** The parameters in the order in which they lie in the flat vector. */
  public abstract List<ParameterSegment> segments();

  /** All fields of this class and its subclasses that define the layer. */
  abstract List<Object> definition();

  abstract KernelLayer<?> implementation(NeuralNetConfiguration conf, DataType type);

  BatchNormRule batchNorm() {
    return new BatchNormRule(epsilon, momentum, varianceEstimate);
  }

  int inputChannels() {
    return Math.toIntExact(getNIn());
  }

  int outputChannels() {
    return Math.toIntExact(getNOut());
  }

  /** Side of the output in pixels for a side of the input. */
  abstract int outputPx(int inputPx);

  @Override
  public Layer instantiate(
      NeuralNetConfiguration conf,
      Collection<TrainingListener> trainingListeners,
      int layerIndex,
      INDArray layerParamsView,
      boolean initializeParams,
      DataType networkDataType) {
    KernelLayer<?> layer = implementation(conf, networkDataType);
    layer.setListeners(trainingListeners);
    layer.setIndex(layerIndex);
    layer.setParamsViewArray(layerParamsView);
    Map<String, INDArray> table = initializer().init(conf, layerParamsView, initializeParams);
    layer.setParamTable(table);
    layer.setConf(conf);
    return layer;
  }

  @Override
  public ParamInitializer initializer() {
    return SegmentParamInitializer.INSTANCE;
  }

  private ParameterSegment segment(String key) {
    for (ParameterSegment segment : segments()) {
      if (segment.key().equals(key)) {
        return segment;
      }
    }
    throw new IllegalArgumentException(
        String.format(
            "Invalid parameter of layer %s: %s (must be one of %s)",
            getLayerName(), key, segments().stream().map(ParameterSegment::key).toList()));
  }

  Kind kind(String key) {
    return segment(key).kind();
  }

  @Override
  public IUpdater getUpdaterByParam(String paramName) {
    return kind(paramName).runningStatistic() ? new NoOp() : getIUpdater();
  }

  /** Weights and biases as configured; scales, shifts and running statistics never. */
  @Override
  public List<Regularization> getRegularizationByParam(String paramName) {
    return switch (kind(paramName)) {
      case CONVOLUTION_WEIGHT, DENSE_WEIGHT -> getRegularization();
      case BIAS -> getRegularizationBias();
      case BATCH_NORM_SCALE, BATCH_NORM_SHIFT, RUNNING_MEAN, RUNNING_VARIANCE -> null;
    };
  }

  @Override
  public InputType getOutputType(int layerIndex, InputType inputType) {
    InputType.InputTypeConvolutional image = image(inputType);
    return InputType.convolutional(
        outputPx((int) image.getHeight()),
        outputPx((int) image.getWidth()),
        getNOut(),
        CNN2DFormat.NHWC);
  }

  InputType.InputTypeConvolutional image(InputType inputType) {
    if (inputType instanceof InputType.InputTypeConvolutional image
        && image.getFormat() == CNN2DFormat.NHWC) {
      return image;
    }
    throw new IllegalArgumentException(
        String.format(
            "Invalid input type of layer %s: %s (must be convolutional, NHWC)",
            getLayerName(), inputType));
  }

  @Override
  public void setNIn(InputType inputType, boolean override) {
    long channels = image(inputType).getChannels();
    if (getNIn() <= 0) {
      setNIn(channels);
    }
    if (getNIn() != channels) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid input channels of layer %s: %s (must be %s)",
              getLayerName(), channels, getNIn()));
    }
  }

  @Override
  public InputPreProcessor getPreProcessorForInputType(InputType inputType) {
    image(inputType);
    return null;
  }

  @Override
  public LayerMemoryReport getMemoryReport(InputType inputType) {
    InputType outputType = getOutputType(-1, inputType);
    long parameters = initializer().numParams(this);
    return new LayerMemoryReport.Builder(getLayerName(), getClass(), inputType, outputType)
        .standardMemory(parameters, getIUpdater() == null ? 0 : getIUpdater().stateSize(parameters))
        .workingMemory(0, 0, 0, outputType.arrayElementsPerExample())
        .cacheMemory(0, 0)
        .build();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof KernelLayerConfiguration configuration
        && super.equals(other)
        && common().equals(configuration.common())
        && definition().equals(configuration.definition());
  }

  @Override
  public int hashCode() {
    return 31 * super.hashCode() + definition().hashCode();
  }

  private List<Object> common() {
    return List.of(getClass().getName(), padding, epsilon, momentum, varianceEstimate, seed);
  }
}
