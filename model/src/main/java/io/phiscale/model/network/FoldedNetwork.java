package io.phiscale.model.network;

import io.phiscale.model.kernels.Activation;
import io.phiscale.model.kernels.ConvolutionShape;
import io.phiscale.model.kernels.DenseShape;
import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.kernels.Scratch;
import io.phiscale.model.kernels.SqueezeExcitationShape;
import io.phiscale.model.kernels.SqueezeExcitationState;
import io.phiscale.model.kernels.SqueezeExcitationWeights;
import io.phiscale.model.spec.BlockInstance;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import io.phiscale.model.spec.ParameterLayout;
import io.phiscale.model.spec.ParameterLayout.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A network for inference: every batch norm is folded into the convolution before it.
 *
 * <pre>
 *   factor = scale / √(running variance + epsilon)
 *   weights' = weights · factor,   bias = shift − running mean · factor      (per output channel)
 * </pre>
 *
 * <p>So a convolution with its batch norm and activation is one call of {@link
 * Kernels#convolution}, and feature maps go through a few buffers that every block uses again. The
 * scores are those of {@link EfficientNets#logits} to rounding: batch norm comes after the
 * convolution, so zeros around the convolution's input stay zeros.
 *
 * <p>In {@link Precision#BF16}, what is wide is bfloat16 in memory: the output of an expansion and
 * of a depthwise convolution. What goes from block to block, squeeze and excitation, the head and
 * the classifier are FLOAT, and so are the weights given to the kernels, which round them where
 * their products are of bfloat16.
 *
 * <p>Source: arXiv 1712.05877, section 3.2.
 *
 * <p>Used by one thread at a time. Owns native memory, which {@link #close} frees; the kernels are
 * the caller's.
 */
public final class FoldedNetwork implements AutoCloseable {

  /** A buffer name; what lives in one does not overlap in time. */
  private static final String WIDE = "wide";

  private static final String FILTERED = "filtered";
  private static final String HEAD = "head";
  private static final List<String> NARROW = List.of("narrow", "other narrow");

  private final NetworkSpec spec;
  private final Kernels kernels;
  private final Precision precision;
  private final ParameterLayout layout;
  private final Scratch weights = new Scratch();
  private final Scratch activations = new Scratch();
  private boolean loaded;
  private int plannedBatch;
  private INDArray plannedFeatures;
  private final List<Runnable> plan = new ArrayList<>();
  private INDArray pooledFeatures;
  private Runnable classification;
  private INDArray scores;

  /** An image-shaped array and its shape. */
  private record Image(INDArray array, ImageShape shape) {}

  /**
   * In FP32.
   *
   * @param kernels that compute it; not closed with it
   */
  public FoldedNetwork(NetworkSpec spec, Kernels kernels) {
    this(spec, kernels, Precision.FP32);
  }

  /**
   * @param kernels that compute it; not closed with it
   * @param precision of the feature maps inside blocks
   * @throws IllegalStateException if the kernels cannot compute in this precision, on this machine
   */
  public FoldedNetwork(NetworkSpec spec, Kernels kernels, Precision precision) {
    String problem = kernels.inferenceProblem(precision);
    if (!problem.isEmpty()) {
      throw new IllegalStateException(
          String.format("Cannot predict by %s in %s: %s", spec.name(), precision.key(), problem));
    }
    this.spec = spec;
    this.kernels = kernels;
    this.precision = precision;
    this.layout = EfficientNets.parameterLayout(spec);
  }

  /**
   * Folds parameters.
   *
   * @param parameters laid out as {@link EfficientNets#parameterLayout(NetworkSpec)} says, running
   *     statistics included
   * @throws IllegalArgumentException if their number is not this network's, or what they fold to is
   *     not finite; the network then has no parameters
   */
  public void load(float[] parameters) {
    loaded = false;
    kernels.forgetWeights();
    if (parameters.length != layout.length()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid parameters for %s: %s values (must be %s)",
              spec.name(), parameters.length, layout.length()));
    }
    Map<String, Segment> segments = new HashMap<>();
    layout.segments().forEach(segment -> segments.put(segment.name(), segment));
    for (Segment segment : layout.segments()) {
      String name = segment.name();
      Segment scale = segments.get(name.replaceFirst("/weight$", "/batch_norm/scale"));
      if (name.endsWith("/weight") && scale != null) {
        String part = name.substring(0, name.length() - "/weight".length());
        fold(
            part,
            values(parameters, segment),
            values(parameters, scale),
            values(parameters, segments.get(part + "/batch_norm/shift")),
            values(parameters, segments.get(part + "/batch_norm/mean")),
            values(parameters, segments.get(part + "/batch_norm/variance")));
      } else if (!name.contains("/batch_norm/")) {
        put(name, values(parameters, segment));
      }
    }
    loaded = true;
  }

  private static float[] values(float[] parameters, Segment segment) {
    return Arrays.copyOfRange(parameters, segment.offset(), segment.offset() + segment.length());
  }

  private void fold(
      String part, float[] weight, float[] scale, float[] shift, float[] mean, float[] variance) {
    int outputs = scale.length;
    double[] factor = new double[outputs];
    float[] bias = new float[outputs];
    for (int o = 0; o < outputs; o++) {
      factor[o] = scale[o] / Math.sqrt(variance[o] + spec.batchNorm().epsilon());
      bias[o] = (float) (shift[o] - mean[o] * factor[o]);
    }
    // Output channels lie innermost, in a full convolution as in a depthwise one.
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (float) (weight[i] * factor[i % outputs]);
    }
    put(part + "/weight", weight);
    put(part + "/bias", bias);
  }

  private void put(String name, float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid parameters for %s: %s, batch norm folded in, has the value %s (must be"
                    + " finite)",
                spec.name(), name, value));
      }
    }
    weights.array(name, DataType.FLOAT, values.length).assign(Nd4j.createFromArray(values));
  }

  private INDArray folded(String name, long... shape) {
    return weights.array(name, DataType.FLOAT, shape);
  }

  /**
   * Scores before the softmax.
   *
   * @param features (N, H, W, C) float32, c-ordered
   * @return (N, classes), a buffer of this network, overwritten by the next call
   * @throws IllegalStateException if no parameters were loaded
   */
  public INDArray logits(INDArray features) {
    features(features);
    classification.run();
    return scores;
  }

  /**
   * What the classifier sees: the mean of the head's output over H and W.
   *
   * @param images (N, H, W, C) float32, c-ordered
   * @return (N, head filters), a buffer of this network, overwritten by the next call
   * @throws IllegalStateException if no parameters were loaded
   */
  public INDArray features(INDArray images) {
    if (!loaded) {
      throw new IllegalStateException(
          String.format("Cannot predict by %s: no parameters were loaded", spec.name()));
    }
    long px = spec.resolutionPx();
    if (images.rank() != 4
        || images.size(1) != px
        || images.size(2) != px
        || images.size(3) != spec.inputChannels()) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid images for %s: %s (must be (N, %s, %s, %s))",
              spec.name(), Arrays.toString(images.shape()), px, px, spec.inputChannels()));
    }
    int batch = Math.toIntExact(images.size(0));
    if (batch != plannedBatch) {
      // Buffers grow while the first list is made, which frees what it took before.
      plan(batch);
      plan(batch);
      plannedBatch = batch;
    }
    plannedFeatures = images;
    plan.forEach(Runnable::run);
    plannedFeatures = null;
    return pooledFeatures;
  }

  /** Lists the calls for a batch size, with the arrays they work on. */
  private void plan(int batch) {
    plannedBatch = 0;
    plan.clear();
    kernels.forgetWeights();
    ImageShape input =
        new ImageShape(batch, spec.resolutionPx(), spec.resolutionPx(), spec.inputChannels());
    ConvolutionShape stem =
        convolutionShape(input, spec.stemFilters(), NetworkSpec.STEM_KERNEL, spec.stemStride(), 1);
    DataType stemType = stemType(stem.output());
    Image image =
        convolution(
            "stem/conv", new Image(null, input), stem, Activation.SWISH, NARROW.get(0), stemType);
    int narrow = 1;
    for (BlockInstance block : spec.blocks()) {
      image = block(block, image, NARROW.get(narrow));
      narrow = 1 - narrow;
    }
    ConvolutionShape head = ConvolutionShape.pointwise(image.shape(), spec.headFilters());
    image = convolution("head/conv", image, head, Activation.SWISH, HEAD, DataType.FLOAT);
    classifier(image);
  }

  /** Bfloat16 only where a depthwise convolution, and nothing else, reads the stem's output. */
  private DataType stemType(ImageShape output) {
    BlockInstance first = spec.blocks().get(0);
    return first.expands() || first.residual()
        ? DataType.FLOAT
        : kernels.inferenceType(precision, depthwise(first, output));
  }

  private ConvolutionShape depthwise(BlockInstance block, ImageShape input) {
    return convolutionShape(
        input, block.expandedFilters(), block.kernel(), block.stride(), block.expandedFilters());
  }

  private Image block(BlockInstance block, Image input, String buffer) {
    int expanded = block.expandedFilters();
    ImageShape narrow = input.shape();
    ConvolutionShape depthwise =
        depthwise(block, new ImageShape(narrow.batch(), narrow.height(), narrow.width(), expanded));
    Image image = input;
    DataType type =
        block.expands() ? kernels.inferenceType(precision, depthwise) : input.array().dataType();
    if (block.expands()) {
      ConvolutionShape expansion = ConvolutionShape.pointwise(narrow, expanded);
      image = convolution(block.name() + "/expand", image, expansion, Activation.SWISH, WIDE, type);
    }
    image =
        convolution(
            block.name() + "/depthwise", image, depthwise, Activation.SWISH, FILTERED, type);
    ConvolutionShape projection = ConvolutionShape.pointwise(image.shape(), block.outputFilters());
    Image output =
        block.squeezes()
            ? squeezedProjection(block, image, projection, buffer)
            : convolution(
                block.name() + "/project",
                image,
                projection,
                Activation.IDENTITY,
                buffer,
                DataType.FLOAT);
    if (block.residual()) {
      INDArray branch = output.array();
      INDArray shortcut = input.array();
      plan.add(() -> kernels.addShortcut(output.shape(), branch, null, shortcut, branch));
    }
    return output;
  }

  private ConvolutionShape convolutionShape(
      ImageShape input, int outputs, int kernel, int stride, int groups) {
    Padding padding = spec.padding();
    return new ConvolutionShape(
        input,
        outputs,
        kernel,
        kernel,
        stride,
        new ConvolutionShape.Padding(
            padding.before(input.height(), kernel, stride),
            padding.after(input.height(), kernel, stride),
            padding.before(input.width(), kernel, stride),
            padding.after(input.width(), kernel, stride)),
        groups);
  }

  /**
   * @param input its array is null for the network's input
   */
  private Image convolution(
      String name,
      Image input,
      ConvolutionShape shape,
      Activation activation,
      String buffer,
      DataType type) {
    int outputs = shape.outputChannels();
    INDArray weight =
        folded(
            name + "/weight",
            shape.kernelHeight(),
            shape.kernelWidth(),
            shape.input().channels(),
            outputs / shape.groups());
    INDArray bias = folded(name + "/bias", outputs);
    INDArray in = input.array();
    INDArray out = activations(buffer, type, shape.output());
    plan.add(
        () ->
            kernels.inferenceConvolution(
                shape, in == null ? plannedFeatures : in, weight, bias, activation, out));
    return new Image(out, shape.output());
  }

  private Image squeezedProjection(
      BlockInstance block, Image input, ConvolutionShape shape, String buffer) {
    SqueezeExcitationShape squeeze =
        new SqueezeExcitationShape(input.shape(), block.squeezedFilters());
    long batch = input.shape().batch();
    long channels = input.shape().channels();
    long squeezed = block.squeezedFilters();
    SqueezeExcitationWeights gateWeights =
        new SqueezeExcitationWeights(
            folded(block.name() + "/squeeze/weight", channels, squeezed),
            folded(block.name() + "/squeeze/bias", squeezed),
            folded(block.name() + "/excite/weight", squeezed, channels),
            folded(block.name() + "/excite/bias", channels));
    SqueezeExcitationState state =
        new SqueezeExcitationState(
            activations.array("pooled", DataType.FLOAT, batch, channels),
            activations.array("reduced", DataType.FLOAT, batch, squeezed),
            activations.array("gate", DataType.FLOAT, batch, channels));
    INDArray in = input.array();
    // What the expansion wrote there was read by the depthwise convolution.
    INDArray gated = activations(WIDE, in.dataType(), input.shape());
    INDArray weight =
        folded(block.name() + "/project/weight", 1, 1, channels, shape.outputChannels());
    INDArray bias = folded(block.name() + "/project/bias", shape.outputChannels());
    INDArray out = activations(buffer, DataType.FLOAT, shape.output());
    plan.add(
        () ->
            kernels.squeezeExcitationConvolution(
                squeeze, shape, in, gateWeights, state, gated, weight, bias, out));
    return new Image(out, shape.output());
  }

  private void classifier(Image input) {
    ImageShape shape = input.shape();
    INDArray pooled = activations.array("pooled", DataType.FLOAT, shape.batch(), shape.channels());
    DenseShape dense = new DenseShape(shape.batch(), shape.channels(), spec.classes());
    INDArray weight = folded("classifier/dense/weight", shape.channels(), spec.classes());
    INDArray bias = folded("classifier/dense/bias", spec.classes());
    INDArray result = activations.array("scores", DataType.FLOAT, shape.batch(), spec.classes());
    plan.add(() -> kernels.globalAveragePool(shape, input.array(), pooled));
    pooledFeatures = pooled;
    classification = () -> kernels.dense(dense, pooled, weight, bias, result);
    scores = result;
  }

  /** A buffer for each type: other blocks may want the other one. */
  private INDArray activations(String name, DataType type, ImageShape shape) {
    return activations.array(
        name + " " + type, type, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  /** Native memory of folded parameters and feature maps, in bytes; without that of the kernels. */
  public long heldBytes() {
    return weights.heldBytes() + activations.heldBytes();
  }

  @Override
  public void close() {
    loaded = false;
    plan.clear();
    plannedBatch = 0;
    weights.close();
    activations.close();
  }
}
