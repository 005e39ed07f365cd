package io.phiscale.model.train;

import io.phiscale.model.layers.StepContext;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.network.FoldedNetwork;
import io.phiscale.model.spec.FrozenBatchNorm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A network as its optimizer sees it: the trained part of the parameters and their gradients, each
 * a vector laid out as {@link TrainedPart#layout} says.
 */
interface TrainedNetwork extends AutoCloseable {

  /** The network of a replica. Its parameters are those of seed 0 until some are loaded. */
  static TrainedNetwork of(ReplicaSpec spec, StepContext context) {
    return switch (spec.freeze()) {
      case NONE -> new Whole(spec, context);
      case FEATURES ->
          spec.frozenBatchNorm() == FrozenBatchNorm.INFERENCE
              ? new FixedFeatures(spec, context)
              : new NormalisedFeatures(spec, context);
    };
  }

  /** Takes over a whole parameter vector, frozen values included. */
  void load(float[] whole);

  /** The trained parameters; after a change {@link #changed} must be called. */
  FloatBuffer parameters();

  /** Takes note of a change of {@link #parameters}. */
  void changed();

  /**
   * Forward and backward pass of a batch.
   *
   * @param images (N, H, W, C)
   * @param labels (N, classes)
   * @return the mean loss, nats
   */
  double computeGradients(INDArray images, INDArray labels);

  /** Images of the last batch whose own class scored highest. */
  int correct();

  /** Gradients of the last batch. */
  FloatBuffer gradients();

  /**
   * Means and variances (biased) by which each batch norm normalises a batch.
   *
   * @param images (N, H, W, C)
   * @param runningStatistics where their running counterparts lie in the whole parameter vector
   * @param out written, in the order of that part
   * @throws IllegalStateException if this network normalises by running statistics
   */
  void batchStatistics(INDArray images, TrainedPart runningStatistics, float[] out);

  @Override
  void close();

  /** Nothing is frozen. */
  final class Whole implements TrainedNetwork {
    private final Trainable trainable;

    Whole(ReplicaSpec spec, StepContext context) {
      trainable =
          new Trainable(EfficientNets.build(spec.network(), 0, spec.labelSmoothing()), context);
    }

    @Override
    public void load(float[] whole) {
      parameters().put(0, whole);
      changed();
    }

    @Override
    public FloatBuffer parameters() {
      return trainable.parameters;
    }

    @Override
    public void changed() {
      trainable.changed();
    }

    @Override
    public double computeGradients(INDArray images, INDArray labels) {
      return trainable.computeGradients(images, labels);
    }

    @Override
    public int correct() {
      return EfficientNets.correct(trainable.graph);
    }

    @Override
    public FloatBuffer gradients() {
      return trainable.gradients();
    }

    @Override
    public void batchStatistics(INDArray images, TrainedPart runningStatistics, float[] out) {
      trainable.batchStatistics(images, runningStatistics, out);
    }

    @Override
    public void close() {
      trainable.graph.close();
    }
  }

  /**
   * Only the classifier is trained, on features that depend on the image alone: they are computed
   * with batch norm folded into the convolutions, at the cost of inference.
   */
  final class FixedFeatures implements TrainedNetwork {
    private final FoldedNetwork features;
    private final Trainable classifier;
    private final int featureLength;
    private float[] loaded = new float[0];

    FixedFeatures(ReplicaSpec spec, StepContext context) {
      features = new FoldedNetwork(spec.network(), context.kernels());
      classifier =
          new Trainable(
              EfficientNets.buildClassifier(spec.network(), 0, spec.labelSmoothing()), context);
      featureLength =
          EfficientNets.parameterLayout(spec.network()).length() - classifier.parameters.limit();
      load(EfficientNets.initialParameters(spec.network(), 0));
    }

    @Override
    public void load(float[] whole) {
      // Folding costs more than a step of a small network; between rounds nothing changes.
      if (!Arrays.equals(loaded, 0, loaded.length, whole, 0, featureLength)) {
        loaded = new float[0];
        features.load(whole);
        loaded = Arrays.copyOf(whole, featureLength);
      }
      classifier.parameters.put(0, whole, featureLength, whole.length - featureLength);
      classifier.changed();
    }

    @Override
    public FloatBuffer parameters() {
      return classifier.parameters;
    }

    @Override
    public void changed() {
      classifier.changed();
    }

    @Override
    public double computeGradients(INDArray images, INDArray labels) {
      INDArray pooled = features.features(images);
      // To the classifier, which takes the mean over H and W, an image of one pixel.
      return classifier.computeGradients(
          pooled.reshape(pooled.size(0), 1, 1, pooled.size(1)), labels);
    }

    @Override
    public int correct() {
      return EfficientNets.correct(classifier.graph);
    }

    @Override
    public FloatBuffer gradients() {
      return classifier.gradients();
    }

    @Override
    public void batchStatistics(INDArray images, TrainedPart runningStatistics, float[] out) {
      throw new IllegalStateException(
          "Cannot measure batch statistics: frozen features are normalised by running statistics");
    }

    @Override
    public void close() {
      features.close();
      classifier.graph.close();
    }
  }

  /**
   * Only the classifier is trained and the running statistics follow the batches: a forward pass in
   * training mode, and the classifier's backward pass.
   */
  final class NormalisedFeatures implements TrainedNetwork {
    private final Trainable whole;
    private final TrainedPart part;
    private final FloatBuffer parameters;
    private final FloatBuffer gradients;

    NormalisedFeatures(ReplicaSpec spec, StepContext context) {
      whole = new Trainable(EfficientNets.build(spec.network(), 0, spec.labelSmoothing()), context);
      part = spec.trainedPart();
      parameters = vector(part.length());
      gradients = vector(part.length());
      part.gather(whole.parameters, parameters);
    }

    private static FloatBuffer vector(int length) {
      return ByteBuffer.allocateDirect(length * Float.BYTES)
          .order(ByteOrder.nativeOrder())
          .asFloatBuffer();
    }

    @Override
    public void load(float[] values) {
      whole.parameters.put(0, values);
      whole.changed();
      part.gather(whole.parameters, parameters);
    }

    @Override
    public FloatBuffer parameters() {
      return parameters;
    }

    @Override
    public void changed() {
      part.scatter(parameters, whole.parameters);
      whole.changed();
    }

    @Override
    public double computeGradients(INDArray images, INDArray labels) {
      return EfficientNets.computeClassifierGradients(whole.graph, images, labels);
    }

    @Override
    public int correct() {
      return EfficientNets.correct(whole.graph);
    }

    @Override
    public FloatBuffer gradients() {
      part.gather(whole.gradients(), gradients);
      return gradients;
    }

    @Override
    public void batchStatistics(INDArray images, TrainedPart runningStatistics, float[] out) {
      whole.batchStatistics(images, runningStatistics, out);
    }

    @Override
    public void close() {
      whole.graph.close();
    }
  }

  /** A graph and its vectors as seen from the host. */
  final class Trainable {
    private final ComputationGraph graph;
    private final FloatBuffer parameters;
    private final FloatBuffer gradientView;

    private Trainable(ComputationGraph graph, StepContext context) {
      this.graph = graph;
      EfficientNets.use(graph, context);
      parameters = Backend.view(graph.params());
      graph.initGradientsView();
      gradientView = Backend.view(graph.getFlattenedGradients());
    }

    private void changed() {
      Backend.changedOnHost(graph.params());
    }

    private double computeGradients(INDArray input, INDArray labels) {
      graph.setInput(0, input);
      graph.setLabels(labels);
      graph.computeGradientAndScore();
      double loss = graph.score();
      graph.clear();
      return loss;
    }

    private void batchStatistics(INDArray input, TrainedPart runningStatistics, float[] out) {
      EfficientNets.computeBatchStatistics(graph, input);
      runningStatistics.gather(gradients(), FloatBuffer.wrap(out));
    }

    private FloatBuffer gradients() {
      Backend.toHost(graph.getFlattenedGradients());
      return gradientView;
    }
  }
}
