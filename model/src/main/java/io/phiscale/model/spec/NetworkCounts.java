package io.phiscale.model.spec;

import java.io.Serializable;

/**
 * How large a network is, without building it. One multiply-add is one, not two.
 *
 * @param parameters trainable parameters
 * @param runningStatistics running means and variances of batch norm, on top of the parameters
 * @param multiplyAdds of all convolutions (squeeze and excitation included) and the classifier, for
 *     one image; the paper's "FLOPs"
 * @param convolutionOutputElements elements that all convolutions put out for one image: what
 *     activation memory and bandwidth follow
 */
public record NetworkCounts(
    long parameters, long runningStatistics, long multiplyAdds, long convolutionOutputElements)
    implements Serializable {

  /** Counts a network. Padding does not change any of the numbers. */
  public static NetworkCounts of(NetworkSpec network) {
    long parameters = 0;
    long runningStatistics = 0;
    long multiplyAdds = 0;
    long convolutionOutputElements = 0;
    for (LayerSpec layer : network.layers()) {
      parameters += layer.parameters();
      runningStatistics += layer.runningStatistics();
      multiplyAdds += layer.multiplyAdds();
      switch (layer.kind()) {
        case CONVOLUTION, DEPTHWISE_CONVOLUTION, SQUEEZE_EXCITATION_CONVOLUTION ->
            convolutionOutputElements += layer.outputElements();
        case BATCH_NORM, DENSE -> {}
      }
    }
    return new NetworkCounts(
        parameters, runningStatistics, multiplyAdds, convolutionOutputElements);
  }
}
