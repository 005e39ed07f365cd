package io.phiscale.model.layers;

import io.phiscale.model.kernels.DenseShape;
import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Views;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import org.deeplearning4j.nn.api.layers.IOutputLayer;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Implementation of {@link ClassifierHead}. */
public final class ClassifierHeadLayer extends KernelLayer<ClassifierHead> implements IOutputLayer {

  private transient INDArray labels;
  private transient INDArray features;
  private transient INDArray dropoutMask;
  private transient boolean trainingLossKnown;
  private transient double trainingLoss;
  private transient int correct;

  ClassifierHeadLayer(NeuralNetConfiguration conf, DataType type) {
    super(conf, type);
  }

  /** Scores before the softmax, (N, classes), in a buffer of this layer. */
  @Override
  INDArray forward(INDArray image, Pass pass) {
    ImageShape shape = shapeOf(image);
    Kernels kernels = kernels();
    features = kept("features", shape.batch(), shape.channels());
    kernels.globalAveragePool(shape, image, features);
    dropoutMask = null;
    if (pass == Pass.TRAINING && layerConf().dropout() > 0) {
      dropoutMask = dropoutMask(shape.batch(), shape.channels());
      kernels.multiply(features, dropoutMask, features);
    }
    INDArray scores = kept("scores", shape.batch(), layerConf().outputChannels());
    kernels.dense(denseShape(shape), features, parameter("W"), parameter("b"), scores);
    return scores;
  }

  private DenseShape denseShape(ImageShape shape) {
    return new DenseShape(shape.batch(), shape.channels(), layerConf().outputChannels());
  }

  private INDArray dropoutMask(int batch, int channels) {
    CounterRandom random = stepRandom();
    double kept = 1 - layerConf().dropout();
    float[] mask = new float[Math.multiplyExact(batch, channels)];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = random.uniform(i) < kept ? (float) (1 / kept) : 0;
    }
    INDArray result = kept("dropout mask", batch, channels);
    result.assign(Nd4j.createFromArray(mask).reshape(batch, channels));
    return result;
  }

  /** Probabilities, (N, classes), in a new array. */
  @Override
  public INDArray activate(boolean training, LayerWorkspaceMgr workspaceMgr) {
    return Transforms.softmax(super.activate(training, workspaceMgr), true);
  }

  /**
   * Scores before the softmax, in a new array.
   *
   * @param image (N, H, W, inputs)
   */
  public INDArray scores(INDArray image, LayerWorkspaceMgr workspaceMgr) {
    setInput(image, workspaceMgr);
    return forward(checkedInput(), Pass.INFERENCE).dup('c');
  }

  @Override
  public void setInput(INDArray input, LayerWorkspaceMgr workspaceMgr) {
    super.setInput(input, workspaceMgr);
    trainingLossKnown = false;
  }

  private INDArray checkedLabels(long batch) {
    if (labels == null) {
      throw new IllegalStateException(
          String.format("Cannot compute the loss of layer %s: no labels were set", name()));
    }
    if (labels.rank() != 2
        || labels.size(0) != batch
        || labels.size(1) != layerConf().outputChannels()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid labels of layer %s: %s (must be (%s, %s))",
              name(), Arrays.toString(labels.shape()), batch, layerConf().outputChannels()));
    }
    return contiguous(labels);
  }

  /** Losses of the examples, (N), and the gradient of their mean, (N, classes). */
  private record Loss(INDArray losses, INDArray scoreGradient) {}

  private Loss loss(INDArray scores, double labelSmoothing) {
    long batch = scores.size(0);
    Loss loss = new Loss(kept("losses", batch), kept("score gradient", batch, scores.size(1)));
    kernels()
        .softmaxCrossEntropy(
            scores, checkedLabels(batch), labelSmoothing, loss.scoreGradient(), loss.losses());
    return loss;
  }

  /**
   * Images of the last training pass whose own class scored highest; of equal scores that of the
   * lower class counts as higher, and NaN is never right.
   */
  public int correct() {
    return correct;
  }

  /** In a plain loop: for a few thousand scores an operation of ND4J costs more. */
  private int countCorrect(INDArray scores) {
    int classes = layerConf().outputChannels();
    FloatBuffer score = Views.onHost(scores);
    FloatBuffer target = Views.onHost(contiguous(labels));
    int right = 0;
    for (int row = 0; row < score.limit(); row += classes) {
      int best = highest(score, row, classes);
      if (best == highest(target, row, classes) && !Float.isNaN(score.get(best))) {
        right++;
      }
    }
    return right;
  }

  private static int highest(FloatBuffer values, int from, int count) {
    int best = from;
    for (int i = from + 1; i < from + count; i++) {
      if (values.get(i) > values.get(best)) {
        best = i;
      }
    }
    return best;
  }

  @Override
  public Pair<Gradient, INDArray> backpropGradient(
      INDArray epsilon, LayerWorkspaceMgr workspaceMgr) {
    INDArray image = checkedInput();
    ImageShape shape = shapeOf(image);
    Kernels kernels = kernels();
    INDArray scores = forward(image, Pass.TRAINING);
    Loss loss = loss(scores, layerConf().labelSmoothing());
    trainingLoss = loss.losses().meanNumber().doubleValue();
    trainingLossKnown = true;
    correct = countCorrect(scores);
    INDArray featureGradient = kept("feature gradient", shape.batch(), shape.channels());
    kernels.denseGradients(
        denseShape(shape),
        features,
        parameter("W"),
        loss.scoreGradient(),
        featureGradient,
        parameterGradient("W"),
        parameterGradient("b"));
    if (dropoutMask != null) {
      kernels.multiply(featureGradient, dropoutMask, featureGradient);
    }
    INDArray inputGradient = kept("input gradient", shape);
    kernels.globalAveragePoolGradient(shape, featureGradient, inputGradient);
    return new Pair<>(gradientOfViews(), inputGradient);
  }

  @Override
  public double computeScore(
      double fullNetworkRegScore, boolean training, LayerWorkspaceMgr workspaceMgr) {
    double mean;
    if (training && trainingLossKnown) {
      mean = trainingLoss;
    } else {
      Pass pass = training ? Pass.TRAINING : Pass.INFERENCE;
      INDArray scores = forward(checkedInput(), pass);
      mean =
          loss(scores, training ? layerConf().labelSmoothing() : 0)
              .losses()
              .meanNumber()
              .doubleValue();
    }
    score = mean + fullNetworkRegScore;
    return score;
  }

  @Override
  public INDArray computeScoreForExamples(
      double fullNetworkRegScore, LayerWorkspaceMgr workspaceMgr) {
    INDArray scores = forward(checkedInput(), Pass.INFERENCE);
    return loss(scores, 0).losses().add(fullNetworkRegScore).reshape(scores.size(0), 1);
  }

  @Override
  public boolean needsLabels() {
    return true;
  }

  @Override
  public void setLabels(INDArray labels) {
    this.labels = labels;
  }

  @Override
  public INDArray getLabels() {
    return labels;
  }

  @Override
  public void clear() {
    super.clear();
    labels = null;
    trainingLossKnown = false;
  }

  @Override
  public double f1Score(DataSet data) {
    throw onlyInNetwork();
  }

  @Override
  public double f1Score(INDArray examples, INDArray labels) {
    throw onlyInNetwork();
  }

  /**
   * Number of classes.
   *
   * @deprecated by DL4J, whose interface still demands it
   */
  @Deprecated
  @Override
  public int numLabels() {
    return layerConf().outputChannels();
  }

  @Override
  public void fit(DataSetIterator iter) {
    throw onlyInNetwork();
  }

  @Override
  public int[] predict(INDArray examples) {
    throw onlyInNetwork();
  }

  @Override
  public List<String> predict(DataSet dataSet) {
    throw onlyInNetwork();
  }

  @Override
  public void fit(INDArray examples, INDArray labels) {
    throw onlyInNetwork();
  }

  @Override
  public void fit(DataSet data) {
    throw onlyInNetwork();
  }

  @Override
  public void fit(INDArray examples, int[] labels) {
    throw onlyInNetwork();
  }

  private UnsupportedOperationException onlyInNetwork() {
    return new UnsupportedOperationException(
        String.format("Layer %s is trained and evaluated only as part of a network", name()));
  }
}
