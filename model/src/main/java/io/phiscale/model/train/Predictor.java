package io.phiscale.model.train;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.layers.StepContext;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.spec.NetworkSpec;
import java.nio.FloatBuffer;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A network that only predicts: running statistics, no dropout, no gradients.
 *
 * <p>Used by one thread at a time. Owns native memory: close it.
 */
public final class Predictor implements AutoCloseable {
  private final NetworkSpec network;
  private final int threads;
  private final StepContext context;
  private final ComputationGraph graph;
  private INDArray features;
  private INDArray scores;

  /**
   * @param network the network
   * @param kernels name of the kernels that compute it
   * @param threads threads it may use
   */
  public Predictor(NetworkSpec network, String kernels, int threads) {
    this.network = network;
    this.threads = threads;
    Backend.useThreads(threads);
    context = new StepContext(Kernels.create(kernels, threads));
    graph = EfficientNets.build(network, 0);
    EfficientNets.use(graph, context);
  }

  /**
   * Takes over parameters.
   *
   * @throws IllegalArgumentException if their number is not this network's
   */
  public void load(float[] parameters) {
    if (parameters.length != graph.params().length()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid parameters for %s: %s values (must be %s)",
              network.name(), parameters.length, graph.params().length()));
    }
    Backend.view(graph.params()).put(0, parameters);
    Backend.changedOnHost(graph.params());
  }

  /**
   * Scores before the softmax.
   *
   * @param images (N, H, W, C) float32, normalised, from its position to its limit
   * @param count N
   * @return (N, classes), valid until the next call
   */
  public FloatBuffer logits(FloatBuffer images, int count) {
    Backend.useThreads(threads);
    features = Backend.images(features, images, count, network);
    Backend.close(scores);
    scores = EfficientNets.logits(graph, features);
    Backend.toHost(scores);
    return Backend.view(scores);
  }

  @Override
  public void close() {
    Backend.close(features);
    Backend.close(scores);
    graph.close();
    context.close();
  }
}
