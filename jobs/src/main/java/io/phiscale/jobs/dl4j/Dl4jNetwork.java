package io.phiscale.jobs.dl4j;

import io.phiscale.jobs.train.FloatVector;
import io.phiscale.jobs.train.RoundState;
import java.io.Serializable;
import java.util.Collection;
import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.api.NeuralNetwork;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.updater.MultiLayerUpdater;
import org.deeplearning4j.nn.updater.graph.ComputationGraphUpdater;
import org.deeplearning4j.optimize.api.TrainingListener;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.MultiDataSet;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A graph or a stack of layers of Deeplearning4j, of which the trainer sees flat vectors: the
 * parameters and the updaters' state, both float32.
 */
abstract class Dl4jNetwork {

  /** How a worker makes the network: shipped once. */
  sealed interface Architecture extends Serializable {
    /**
     * A network of its own for one worker.
     *
     * @param start parameters and updater state; without updater state it is the initial one
     * @param iteration updates so far, which learning-rate schedules and Adam count
     * @param epoch epochs so far
     */
    Dl4jNetwork build(RoundState start, int iteration, int epoch);
  }

  /** Of a {@link ComputationGraph}. */
  record GraphArchitecture(ComputationGraphConfiguration configuration) implements Architecture {
    @Override
    public Dl4jNetwork build(RoundState start, int iteration, int epoch) {
      ComputationGraphConfiguration own = configuration.clone();
      own.setIterationCount(iteration);
      own.setEpochCount(epoch);
      ComputationGraph graph = new ComputationGraph(own);
      graph.init(row(start.parameters()), false);
      if (start.optimizerState().length() > 0) {
        graph.setUpdater(new ComputationGraphUpdater(graph, flat(start.optimizerState())));
      }
      return new Graph(graph);
    }
  }

  /** Of a {@link MultiLayerNetwork}. */
  record LayersArchitecture(MultiLayerConfiguration configuration) implements Architecture {
    @Override
    public Dl4jNetwork build(RoundState start, int iteration, int epoch) {
      MultiLayerConfiguration own = configuration.clone();
      own.setIterationCount(iteration);
      own.setEpochCount(epoch);
      MultiLayerNetwork layers = new MultiLayerNetwork(own);
      layers.init(row(start.parameters()), false);
      if (start.optimizerState().length() > 0) {
        layers.setUpdater(new MultiLayerUpdater(layers, flat(start.optimizerState())));
      }
      return new Layers(layers);
    }
  }

  private static final class Graph extends Dl4jNetwork {
    private final ComputationGraph graph;

    Graph(ComputationGraph graph) {
      this.graph = graph;
    }

    @Override
    Architecture architecture() {
      return new GraphArchitecture(graph.getConfiguration());
    }

    @Override
    NeuralNetwork network() {
      return graph;
    }

    @Override
    Model model() {
      return graph;
    }

    @Override
    void replace(INDArray parameters, INDArray updaterState) {
      graph.setParams(parameters);
      if (updaterState != null) {
        graph.getUpdater().setStateViewArray(updaterState);
      }
    }

    @Override
    int iteration() {
      return graph.getConfiguration().getIterationCount();
    }

    @Override
    int epoch() {
      return graph.getConfiguration().getEpochCount();
    }

    @Override
    void advance(int updates, double score) {
      graph.getConfiguration().setIterationCount(iteration() + updates);
      graph.setScore(score);
    }
  }

  private static final class Layers extends Dl4jNetwork {
    private final MultiLayerNetwork layers;

    Layers(MultiLayerNetwork layers) {
      this.layers = layers;
    }

    @Override
    Architecture architecture() {
      return new LayersArchitecture(layers.getLayerWiseConfigurations());
    }

    @Override
    NeuralNetwork network() {
      return layers;
    }

    @Override
    Model model() {
      return layers;
    }

    @Override
    void replace(INDArray parameters, INDArray updaterState) {
      layers.setParams(parameters);
      if (updaterState != null) {
        layers.getUpdater().setStateViewArray(null, updaterState, false);
      }
    }

    @Override
    int iteration() {
      return layers.getLayerWiseConfigurations().getIterationCount();
    }

    @Override
    int epoch() {
      return layers.getLayerWiseConfigurations().getEpochCount();
    }

    @Override
    void advance(int updates, double score) {
      layers.getLayerWiseConfigurations().setIterationCount(iteration() + updates);
      layers.setScore(score);
    }
  }

  static Dl4jNetwork of(ComputationGraph graph) {
    return requireFloat(new Graph(graph));
  }

  static Dl4jNetwork of(MultiLayerNetwork layers) {
    return requireFloat(new Layers(layers));
  }

  /** What makes networks like this one. */
  abstract Architecture architecture();

  abstract NeuralNetwork network();

  /** The same as what listeners and hooks are given. */
  abstract Model model();

  abstract void replace(INDArray parameters, INDArray updaterState);

  /** Updates so far. */
  abstract int iteration();

  /** Epochs so far. */
  abstract int epoch();

  /** Counts updates that were made elsewhere, and takes over their score. */
  abstract void advance(int updates, double score);

  private static Dl4jNetwork requireFloat(Dl4jNetwork checked) {
    DataType type = checked.network().params().dataType();
    if (type != DataType.FLOAT) {
      throw new IllegalArgumentException(
          String.format("Invalid data type of the network: %s (must be FLOAT)", type));
    }
    return checked;
  }

  /** Updates the parameters by one batch. */
  final void fit(MultiDataSet batch) {
    network().fit(batch);
  }

  /** The loss of the last batch before its update, with regularisation. */
  final double score() {
    return model().score();
  }

  /** A copy of the parameters. */
  final float[] parameters() {
    return values(network().params());
  }

  /** A copy of the updaters' state; empty where they have none. */
  final float[] updaterState() {
    INDArray state = network().updaterState();
    return state == null ? new float[0] : values(state);
  }

  /** Takes over parameters and, if there is any, updater state. */
  final void load(float[] parameters, float[] updaterState) {
    replace(
        row(new FloatVector(parameters)),
        updaterState.length == 0
            ? null
            : Nd4j.createFromArray(updaterState).reshape(network().updaterState().shape()));
  }

  final void tell(Collection<TrainingListener> listeners) {
    for (TrainingListener listener : listeners) {
      listener.iterationDone(model(), iteration(), epoch());
    }
  }

  private static float[] values(INDArray array) {
    float[] values = new float[Math.toIntExact(array.length())];
    array.dup('c').data().asNioFloat().get(values);
    return values;
  }

  /** A vector of its own memory, as updaters want it. */
  private static INDArray flat(FloatVector vector) {
    return Nd4j.createFromArray(vector.values());
  }

  /** A row vector of its own memory, as networks want it. */
  private static INDArray row(FloatVector vector) {
    return Nd4j.createFromArray(vector.values()).reshape(1, vector.length());
  }
}
