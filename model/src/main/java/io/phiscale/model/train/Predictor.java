package io.phiscale.model.train;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.network.FoldedNetwork;
import io.phiscale.model.spec.NetworkSpec;
import java.nio.FloatBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A network that only predicts: running statistics folded into the convolutions, no dropout, no
 * gradients.
 *
 * <p>Used by one thread at a time. Owns native memory: close it.
 */
public final class Predictor implements AutoCloseable {
  private final NetworkSpec network;
  private final int threads;
  private final Kernels kernels;
  private final FoldedNetwork folded;
  private INDArray features;

  /**
   * @param network the network
   * @param kernels name of the kernels that compute it
   * @param threads threads it may use
   */
  public Predictor(NetworkSpec network, String kernels, int threads) {
    this(network, kernels, threads, Precision.FP32);
  }

  /**
   * @param network the network
   * @param kernels name of the kernels that compute it
   * @param threads threads it may use
   * @param precision of the feature maps
   * @throws IllegalStateException if {@link #problem} is not empty
   */
  public Predictor(NetworkSpec network, String kernels, int threads, Precision precision) {
    this(network, Kernels.create(kernels, threads), threads, precision);
  }

  /**
   * @param network the network
   * @param kernels that compute it; closed with the predictor
   * @param threads threads that ND4J may use
   */
  public Predictor(NetworkSpec network, Kernels kernels, int threads) {
    this(network, kernels, threads, Precision.FP32);
  }

  /**
   * @param network the network
   * @param kernels that compute it; closed with the predictor
   * @param threads threads that ND4J may use
   * @param precision of the feature maps
   * @throws IllegalStateException if the kernels cannot compute in this precision, on this machine;
   *     they are then closed
   */
  public Predictor(NetworkSpec network, Kernels kernels, int threads, Precision precision) {
    this.network = network;
    this.threads = threads;
    this.kernels = kernels;
    try {
      folded = new FoldedNetwork(network, kernels, precision);
    } catch (IllegalStateException e) {
      kernels.close();
      throw e;
    }
  }

  /**
   * Why such kernels cannot predict in a precision on this machine; empty if they can.
   *
   * @param kernels their name
   */
  public static String problem(String kernels, Precision precision) {
    if (precision == Precision.FP32) {
      return "";
    }
    try (Kernels chosen = Kernels.create(kernels, 1)) {
      return chosen.inferenceProblem(precision);
    }
  }

  /** What computes here: the kernels' name and ND4J's back end, for provenance. */
  public static String backend(String kernels) {
    try (Kernels chosen = Kernels.create(kernels)) {
      return chosen.name() + " on " + Nd4j.getBackend().getClass().getSimpleName();
    }
  }

  /**
   * Takes over parameters.
   *
   * @throws IllegalArgumentException if their number is not this network's, or they are not finite
   */
  public void load(float[] parameters) {
    Backend.useThreads(threads);
    folded.load(parameters);
  }

  /**
   * Scores before the softmax.
   *
   * @param images (N, H, W, C) float32, normalised, from its position to its limit
   * @param count N
   * @return (N, classes), valid until the next call
   * @throws IllegalStateException if no parameters were loaded
   */
  public FloatBuffer logits(FloatBuffer images, int count) {
    Backend.useThreads(threads);
    features = Backend.images(features, images, count, network);
    return Backend.view(folded.logits(features));
  }

  /**
   * Native memory that this network has taken, in bytes: folded parameters, images, feature maps
   * and the kernels' scratch ({@link Kernels#heldBytes}), all of which stay until {@link #close}.
   * So after a batch it is the most that batches of that size take.
   */
  public long heldBytes() {
    long images = features == null ? 0 : features.length() * features.dataType().width();
    return images + folded.heldBytes() + kernels.heldBytes();
  }

  @Override
  public void close() {
    Backend.close(features);
    folded.close();
    kernels.close();
  }
}
