package io.phiscale.model.layers;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.ParamInitializer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Lays the segments of a {@link KernelLayerConfiguration} one after the other. */
final class SegmentParamInitializer implements ParamInitializer {

  static final SegmentParamInitializer INSTANCE = new SegmentParamInitializer();

  private SegmentParamInitializer() {}

  private static List<ParameterSegment> segments(Layer layer) {
    return ((KernelLayerConfiguration) layer).segments();
  }

  @Override
  public long numParams(NeuralNetConfiguration conf) {
    return numParams(conf.getLayer());
  }

  @Override
  public long numParams(Layer layer) {
    return segments(layer).stream().mapToLong(ParameterSegment::length).sum();
  }

  @Override
  public List<String> paramKeys(Layer layer) {
    return segments(layer).stream().map(ParameterSegment::key).toList();
  }

  @Override
  public List<String> weightKeys(Layer layer) {
    return paramKeys(layer).stream().filter(key -> isWeightParam(layer, key)).toList();
  }

  @Override
  public List<String> biasKeys(Layer layer) {
    return paramKeys(layer).stream().filter(key -> isBiasParam(layer, key)).toList();
  }

  @Override
  public boolean isWeightParam(Layer layer, String key) {
    return switch (((KernelLayerConfiguration) layer).kind(key)) {
      case CONVOLUTION_WEIGHT, DENSE_WEIGHT -> true;
      case BIAS, BATCH_NORM_SCALE, BATCH_NORM_SHIFT, RUNNING_MEAN, RUNNING_VARIANCE -> false;
    };
  }

  @Override
  public boolean isBiasParam(Layer layer, String key) {
    return switch (((KernelLayerConfiguration) layer).kind(key)) {
      case BIAS -> true;
      case CONVOLUTION_WEIGHT,
          DENSE_WEIGHT,
          BATCH_NORM_SCALE,
          BATCH_NORM_SHIFT,
          RUNNING_MEAN,
          RUNNING_VARIANCE ->
          false;
    };
  }

  @Override
  public Map<String, INDArray> init(
      NeuralNetConfiguration conf, INDArray paramsView, boolean initializeParams) {
    KernelLayerConfiguration layer = (KernelLayerConfiguration) conf.getLayer();
    Map<String, INDArray> views = views(conf, paramsView);
    for (ParameterSegment segment : layer.segments()) {
      conf.addVariable(segment.key());
      if (initializeParams) {
        segment.initialise(views.get(segment.key()), layer.seed, layer.getLayerName());
      }
    }
    return views;
  }

  @Override
  public Map<String, INDArray> getGradientsFromFlattened(
      NeuralNetConfiguration conf, INDArray gradientView) {
    return views(conf, gradientView);
  }

  private static Map<String, INDArray> views(NeuralNetConfiguration conf, INDArray vector) {
    INDArray flat = vector.reshape(vector.length());
    Map<String, INDArray> views = new LinkedHashMap<>();
    long offset = 0;
    for (ParameterSegment segment : segments(conf.getLayer())) {
      long end = offset + segment.length();
      views.put(
          segment.key(),
          flat.get(NDArrayIndex.interval(offset, end)).reshape('c', segment.shapeArray()));
      offset = end;
    }
    return views;
  }
}
