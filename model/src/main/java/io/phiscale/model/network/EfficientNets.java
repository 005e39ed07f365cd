package io.phiscale.model.network;

import io.phiscale.model.kernels.Activation;
import io.phiscale.model.kernels.Views;
import io.phiscale.model.layers.BatchNormRule;
import io.phiscale.model.layers.ClassifierHead;
import io.phiscale.model.layers.ClassifierHeadLayer;
import io.phiscale.model.layers.ConvBnAct;
import io.phiscale.model.layers.InputGradient;
import io.phiscale.model.layers.KernelLayer;
import io.phiscale.model.layers.KernelLayerConfiguration;
import io.phiscale.model.layers.MBConv;
import io.phiscale.model.layers.ParameterSegment;
import io.phiscale.model.layers.StepContext;
import io.phiscale.model.spec.BlockInstance;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.ParameterLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.deeplearning4j.nn.api.Layer;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.ComputationGraphConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.WorkspaceMode;
import org.deeplearning4j.nn.conf.graph.GraphVertex;
import org.deeplearning4j.nn.conf.graph.LayerVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.layers.FrozenLayer;
import org.deeplearning4j.nn.layers.FrozenLayerWithBackprop;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.NoOp;

/**
 * EfficientNets as DL4J graphs: {@code input} → {@code stem} → {@code block_00} … → {@code head} →
 * {@code classifier}, a chain of a few coarse layers.
 *
 * <p>Input: (N, H, W, C) float32, c-order. Labels: (N, classes) float32. Output: probabilities.
 *
 * <p><b>Training step</b>: {@code graph.setInput(0, features)}, {@code graph.setLabels(labels)},
 * {@code graph.computeGradientAndScore()}. Then {@code graph.score()} is the mean loss and {@code
 * graph.getFlattenedGradients()} its gradient, laid out as {@link #parameterLayout} says; the parts
 * for running statistics hold what to subtract from them. Stock {@code graph.fit} does the same
 * with DL4J's updater.
 *
 * <p>A graph is used by one thread at a time, and so is its {@link StepContext}.
 */
public final class EfficientNets {

  /** What the original spreads over all classes. */
  public static final double DEFAULT_LABEL_SMOOTHING = 0.1;

  private static final String CLASSIFIER = "classifier";

  private EfficientNets() {}

  /**
   * An initialised network whose own updater does nothing: the caller steps the flat vectors.
   *
   * @param seed of the initial values; each depends on (seed, layer, position) alone
   */
  public static ComputationGraph build(NetworkSpec spec, long seed) {
    return build(spec, seed, DEFAULT_LABEL_SMOOTHING);
  }

  /**
   * As {@link #build(NetworkSpec, long)}, with another label smoothing.
   *
   * @param labelSmoothing in [0, 1)
   */
  public static ComputationGraph build(NetworkSpec spec, long seed, double labelSmoothing) {
    return build(configuration(spec, seed, labelSmoothing, new NoOp(), DataType.FLOAT));
  }

  static ComputationGraph build(ComputationGraphConfiguration configuration) {
    ComputationGraph graph = new ComputationGraph(configuration);
    graph.init();
    return graph;
  }

  /**
   * The configuration of a network, for those who train it by DL4J's own means.
   *
   * @param updater of the trainable parameters; running statistics have their own rule
   * @param type FLOAT, or DOUBLE for checks of gradients
   */
  public static ComputationGraphConfiguration configuration(
      NetworkSpec spec, long seed, double labelSmoothing, IUpdater updater, DataType type) {
    BatchNormRule batchNorm = BatchNormRule.of(spec.batchNorm());
    ComputationGraphConfiguration.GraphBuilder builder =
        new NeuralNetConfiguration.Builder()
            .seed(seed)
            .updater(updater)
            .dataType(type)
            // The head's gradients are already those of the mean loss.
            .miniBatch(false)
            .trainingWorkspaceMode(WorkspaceMode.NONE)
            .inferenceWorkspaceMode(WorkspaceMode.NONE)
            .graphBuilder()
            .addInputs("input")
            .setInputTypes(
                InputType.convolutional(
                    spec.resolutionPx(),
                    spec.resolutionPx(),
                    spec.inputChannels(),
                    CNN2DFormat.NHWC))
            .addLayer(
                "stem",
                new ConvBnAct(
                    "stem",
                    spec.inputChannels(),
                    spec.stemFilters(),
                    NetworkSpec.STEM_KERNEL,
                    spec.stemStride(),
                    1,
                    spec.padding(),
                    Activation.SWISH,
                    InputGradient.OMITTED,
                    batchNorm,
                    seed),
                "input");
    String below = "stem";
    for (BlockInstance block : spec.blocks()) {
      builder.addLayer(block.name(), new MBConv(block, spec.padding(), batchNorm, seed), below);
      below = block.name();
    }
    return builder
        .addLayer(
            "head",
            new ConvBnAct(
                "head",
                spec.headInputFilters(),
                spec.headFilters(),
                1,
                1,
                1,
                spec.padding(),
                Activation.SWISH,
                InputGradient.COMPUTED,
                batchNorm,
                seed),
            below)
        .addLayer(CLASSIFIER, classifier(spec, seed, labelSmoothing), "head")
        .setOutputs(CLASSIFIER)
        .build();
  }

  private static ClassifierHead classifier(NetworkSpec spec, long seed, double labelSmoothing) {
    return new ClassifierHead(
        CLASSIFIER, spec.headFilters(), spec.classes(), spec.dropout(), labelSmoothing, seed);
  }

  /**
   * The classifier of a network alone, with the parameters that it has at the end of the network's
   * vector and the same dropout.
   *
   * <p>Input: (N, H, W, head filters), whose mean over H and W counts; (N, 1, 1, head filters)
   * where that was taken already, as {@link FoldedNetwork#features} does.
   */
  public static ComputationGraph buildClassifier(
      NetworkSpec spec, long seed, double labelSmoothing) {
    return build(
        new NeuralNetConfiguration.Builder()
            .seed(seed)
            .updater(new NoOp())
            .dataType(DataType.FLOAT)
            .miniBatch(false)
            .trainingWorkspaceMode(WorkspaceMode.NONE)
            .inferenceWorkspaceMode(WorkspaceMode.NONE)
            .graphBuilder()
            .addInputs("features")
            .setInputTypes(InputType.convolutional(1, 1, spec.headFilters(), CNN2DFormat.NHWC))
            .addLayer(CLASSIFIER, classifier(spec, seed, labelSmoothing), "features")
            .setOutputs(CLASSIFIER)
            .build());
  }

  /** Whether a segment of a network's layout is of its classifier; those lie at the end. */
  public static boolean isClassifier(String segment) {
    return segment.startsWith(CLASSIFIER + "/");
  }

  /** The flat vector of a network's initial values, which depend on it and the seed alone. */
  public static float[] initialParameters(NetworkSpec spec, long seed) {
    ComputationGraph graph = build(spec, seed);
    float[] values = Views.flat(graph.params()).toFloatVector();
    graph.close();
    return values;
  }

  /** Gives all layers of a graph the kernels, scratch and step seed of its replica. */
  public static void use(ComputationGraph graph, StepContext context) {
    layers(graph).forEach(layer -> layer.use(context));
  }

  /** What lies where in {@code graph.params()} and {@code graph.getFlattenedGradients()}. */
  public static ParameterLayout parameterLayout(ComputationGraph graph) {
    ParameterLayout.Builder layout = ParameterLayout.builder();
    for (KernelLayer<?> layer : layers(graph)) {
      add((KernelLayerConfiguration) layer.conf().getLayer(), layout);
    }
    return layout.build();
  }

  /** The same of the graph of a specification, which is not built for it. */
  public static ParameterLayout parameterLayout(NetworkSpec spec) {
    ParameterLayout.Builder layout = ParameterLayout.builder();
    ComputationGraphConfiguration configuration =
        configuration(spec, 0, DEFAULT_LABEL_SMOOTHING, new NoOp(), DataType.FLOAT);
    for (GraphVertex vertex : configuration.getVertices().values()) {
      if (vertex instanceof LayerVertex layer
          && layer.getLayerConf().getLayer() instanceof KernelLayerConfiguration own) {
        add(own, layout);
      }
    }
    return layout.build();
  }

  private static void add(KernelLayerConfiguration layer, ParameterLayout.Builder layout) {
    for (ParameterSegment segment : layer.segments()) {
      layout.add(layer.getLayerName() + "/" + segment.path(), segment.length(), segment.kind());
    }
  }

  /**
   * Every part of the parameter vector of a network, in order, by its name in {@link
   * #parameterLayout}. Allocates no parameters.
   */
  public static Map<String, ParameterSegment> parameterSegments(NetworkSpec spec) {
    Map<String, ParameterSegment> segments = new LinkedHashMap<>();
    ComputationGraphConfiguration configuration =
        configuration(spec, 0, 0, new NoOp(), DataType.FLOAT);
    for (GraphVertex vertex : configuration.getVertices().values()) {
      KernelLayerConfiguration layer =
          (KernelLayerConfiguration) ((LayerVertex) vertex).getLayerConf().getLayer();
      for (ParameterSegment segment : layer.segments()) {
        segments.put(layer.getLayerName() + "/" + segment.path(), segment);
      }
    }
    return segments;
  }

  /**
   * Scores before the softmax, by running statistics and without dropout.
   *
   * @param features (N, H, W, C)
   * @return (N, classes), the caller's
   */
  public static INDArray logits(ComputationGraph graph, INDArray features) {
    LayerWorkspaceMgr noWorkspaces = LayerWorkspaceMgr.noWorkspaces();
    INDArray activations = features;
    List<KernelLayer<?>> layers = layers(graph);
    for (KernelLayer<?> layer : layers.subList(0, layers.size() - 1)) {
      activations = layer.activate(activations, false, noWorkspaces);
      layer.clear();
    }
    ClassifierHeadLayer head = classifier(layers);
    INDArray scores = head.scores(activations, noWorkspaces);
    head.clear();
    return scores;
  }

  /**
   * A training pass forward, and backward through the classifier alone. In the flattened gradients
   * those of the classifier and the changes of all running statistics are then new.
   *
   * @param features (N, H, W, C)
   * @param labels (N, classes)
   * @return the mean loss
   */
  public static double computeClassifierGradients(
      ComputationGraph graph, INDArray features, INDArray labels) {
    LayerWorkspaceMgr noWorkspaces = LayerWorkspaceMgr.noWorkspaces();
    INDArray activations = features;
    List<KernelLayer<?>> layers = layers(graph);
    for (KernelLayer<?> layer : layers.subList(0, layers.size() - 1)) {
      activations = layer.activate(activations, true, noWorkspaces);
      layer.computeRunningStatisticsChange();
      layer.clear();
    }
    ClassifierHeadLayer head = classifier(layers);
    head.setInput(activations, noWorkspaces);
    head.setLabels(labels);
    head.backpropGradient(null, noWorkspaces);
    double loss = head.computeScore(0, true, noWorkspaces);
    head.clear();
    return loss;
  }

  /**
   * A training pass forward through all layers but the classifier. In the flattened gradients, mean
   * and variance (biased) by which each batch norm has normalised are then at the places of its
   * running statistics; all else there is stale.
   *
   * @param features (N, H, W, C)
   */
  public static void computeBatchStatistics(ComputationGraph graph, INDArray features) {
    LayerWorkspaceMgr noWorkspaces = LayerWorkspaceMgr.noWorkspaces();
    INDArray activations = features;
    List<KernelLayer<?>> layers = layers(graph);
    for (KernelLayer<?> layer : layers.subList(0, layers.size() - 1)) {
      activations = layer.activate(activations, true, noWorkspaces);
      layer.copyBatchStatistics();
      layer.clear();
    }
  }

  /** Images of the graph's last training pass whose own class scored highest. */
  public static int correct(ComputationGraph graph) {
    return classifier(layers(graph)).correct();
  }

  private static ClassifierHeadLayer classifier(List<KernelLayer<?>> layers) {
    if (layers.get(layers.size() - 1) instanceof ClassifierHeadLayer head) {
      return head;
    }
    throw new IllegalArgumentException(
        "Invalid graph: its last layer is not a classifier head, so it has no scores");
  }

  private static List<KernelLayer<?>> layers(ComputationGraph graph) {
    List<KernelLayer<?>> layers = new ArrayList<>();
    for (Layer layer : graph.getLayers()) {
      Layer inside = layer;
      if (inside instanceof FrozenLayer frozen) {
        inside = frozen.getInsideLayer();
      } else if (inside instanceof FrozenLayerWithBackprop frozen) {
        inside = frozen.getInsideLayer();
      }
      if (!(inside instanceof KernelLayer<?> kernelLayer)) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid graph: layer %s is a %s (must be made of this library's layers)",
                layer.conf().getLayer().getLayerName(), inside.getClass().getSimpleName()));
      }
      layers.add(kernelLayer);
    }
    return layers;
  }
}
