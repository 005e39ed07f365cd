package io.phiscale.model.spec;

import io.phiscale.model.scaling.CompoundScaling;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.scaling.ScalingCoefficients;
import io.phiscale.model.scaling.ScalingRounding;
import java.io.Serializable;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Everything that defines one concrete network, after scaling.
 *
 * <pre>
 *   image (N, resolution, resolution, inputChannels)
 *     → 3x3 convolution, batch norm, swish          stem
 *     → {@link #blocks()}                           MBConv
 *     → 1x1 convolution, batch norm, swish          head
 *     → mean over H and W, dropout, dense           (N, classes), raw scores
 * </pre>
 *
 * <p>The activation is swish, x · sigmoid(x), everywhere; the gate of squeeze and excitation is a
 * sigmoid. Convolutions followed by batch norm have no bias; those of squeeze and excitation and
 * the classifier do.
 *
 * <p>Source: arXiv 1905.11946v5, table 1; tensorflow/tpu {@code efficientnet_model.py}.
 *
 * @param name as in reports
 * @param stemFilters channels of the stem, > 0
 * @param stemStride stride of the stem, 1 or 2
 * @param stages stages with whole channels and repeats; each one's input filters equal the output
 *     filters before it
 * @param headFilters channels of the head, > 0
 * @param classes number of scores, > 0
 * @param resolutionPx side of the square input in pixels, > 0
 * @param inputChannels channels of the image, 3 for RGB
 * @param dropout fraction of the pooled features dropped in training, in [0, 1)
 * @param stochasticDepth drop rate that block i of L reaches linearly as rate · i / L (i from 0),
 *     residual blocks only, in [0, 1); the original's survival of 0.8 at the end is 0.2
 * @param padding of every convolution
 * @param batchNorm epsilon and momentum of every batch norm
 */
public record NetworkSpec(
    String name,
    int stemFilters,
    int stemStride,
    List<MBConvSpec> stages,
    int headFilters,
    int classes,
    int resolutionPx,
    int inputChannels,
    double dropout,
    double stochasticDepth,
    Padding padding,
    BatchNormConvention batchNorm)
    implements Serializable {

  /** Side of the stem's kernel in pixels. */
  public static final int STEM_KERNEL = 3;

  /** Channels of an RGB image. */
  public static final int RGB = 3;

  /** The original's drop rate at the end (survival 0.8). */
  public static final double DEFAULT_STOCHASTIC_DEPTH = 0.2;

  public NetworkSpec {
    stages = List.copyOf(stages);
    checkShape(name, stemFilters, stemStride, stages, headFilters);
    checkPositive("number of classes", classes);
    checkPositive("resolution in pixels", resolutionPx);
    checkPositive("number of input channels", inputChannels);
    checkFraction("dropout", dropout);
    checkFraction("stochastic depth", stochasticDepth);
    if (padding == null) {
      throw new IllegalArgumentException("Invalid padding: null (must be SYMMETRIC or SAME)");
    }
    if (batchNorm == null) {
      throw new IllegalArgumentException("Invalid batch-norm convention: null");
    }
  }

  static void checkShape(
      String name, int stemFilters, int stemStride, List<MBConvSpec> stages, int headFilters) {
    if (name == null || name.isBlank()) {
      throw new IllegalArgumentException(
          String.format("Invalid network name: %s (must not be blank)", name));
    }
    checkPositive("stem filters", stemFilters);
    checkPositive("head filters", headFilters);
    if (stemStride != 1 && stemStride != 2) {
      throw new IllegalArgumentException(
          String.format("Invalid stem stride: %s (must be 1 or 2)", stemStride));
    }
    if (stages.isEmpty()) {
      throw new IllegalArgumentException("Invalid stages: none (must be at least one)");
    }
    int filters = stemFilters;
    for (int i = 0; i < stages.size(); i++) {
      if (stages.get(i).inputFilters() != filters) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid stage %s: %s (input filters must be %s, the output of %s)",
                i, stages.get(i).encode(), filters, i == 0 ? "the stem" : "stage " + (i - 1)));
      }
      filters = stages.get(i).outputFilters();
    }
  }

  static void checkPositive(String what, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be > 0)", what, value));
    }
  }

  static void checkFraction(String what, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: %s (must be in [0, 1))", what, value));
    }
  }

  /**
   * A published network in the original's conventions: {@link Padding#SAME}, {@link
   * BatchNormConvention#TENSORFLOW}, stochastic depth 0.2, the variant's resolution and dropout.
   */
  public static NetworkSpec efficientNet(EfficientNetVariant variant, int classes) {
    return of(BaseNetwork.EFFICIENTNET_B0, variant.coefficients(), classes)
        .withName("efficientnet-" + variant.name().toLowerCase(Locale.ROOT))
        .withDropout(variant.dropout());
  }

  /** A base network scaled by given coefficients, in the original's conventions. */
  public static NetworkSpec of(BaseNetwork base, ScalingCoefficients coefficients, int classes) {
    return new NetworkSpec(
        String.format(
            "%s-w%s-d%s-r%s",
            base.name(),
            shortest(coefficients.width()),
            shortest(coefficients.depth()),
            coefficients.resolutionPx()),
        ScalingRounding.channels(base.stemFilters(), coefficients.width()),
        base.stemStride(),
        base.stages().stream().map(stage -> stage.scaled(coefficients)).toList(),
        ScalingRounding.channels(base.headFilters(), coefficients.width()),
        classes,
        coefficients.resolutionPx(),
        RGB,
        base.dropout(),
        DEFAULT_STOCHASTIC_DEPTH,
        Padding.SAME,
        BatchNormConvention.TENSORFLOW);
  }

  /**
   * A base network at φ. The resolution grows from the base network's own, not from {@link
   * CompoundScaling#baseResolutionPx()}.
   */
  public static NetworkSpec of(BaseNetwork base, CompoundScaling scaling, double phi, int classes) {
    return of(base, scaling.withBaseResolutionPx(base.baseResolutionPx()).at(phi), classes)
        .withName(base.name() + "-phi" + shortest(phi));
  }

  /** At most four significant digits, for names. */
  private static String shortest(double value) {
    return BigDecimal.valueOf(value).round(new MathContext(4)).stripTrailingZeros().toPlainString();
  }

  /** Every block in order, repeats expanded, with the sizes that layers and counts need. */
  public List<BlockInstance> blocks() {
    int total = stages.stream().mapToInt(MBConvSpec::repeats).sum();
    List<BlockInstance> blocks = new ArrayList<>(total);
    int px = stemOutputPx();
    for (int stageIndex = 0; stageIndex < stages.size(); stageIndex++) {
      MBConvSpec stage = stages.get(stageIndex);
      for (int repeat = 0; repeat < stage.repeats(); repeat++) {
        int stride = repeat == 0 ? stage.stride() : 1;
        int inputFilters = repeat == 0 ? stage.inputFilters() : stage.outputFilters();
        boolean residual =
            stage.skip() == MBConvSpec.Skip.IDENTITY
                && stride == 1
                && inputFilters == stage.outputFilters();
        int outputPx = padding.outputPx(px, stride);
        blocks.add(
            new BlockInstance(
                blocks.size(),
                stageIndex,
                stage.kernel(),
                stride,
                inputFilters,
                inputFilters * stage.expandRatio(),
                stage.outputFilters(),
                squeezedFilters(inputFilters, stage.squeezeRatio()),
                residual ? BlockInstance.Shortcut.RESIDUAL : BlockInstance.Shortcut.NONE,
                residual ? stochasticDepth * blocks.size() / total : 0,
                px,
                outputPx));
        px = outputPx;
      }
    }
    return List.copyOf(blocks);
  }

  /** Every layer that has parameters, in the order in which an image passes them. */
  public List<LayerSpec> layers() {
    return LayerSpec.of(this);
  }

  private static int squeezedFilters(int inputFilters, double squeezeRatio) {
    return squeezeRatio == 0 ? 0 : Math.max(1, (int) (inputFilters * squeezeRatio));
  }

  /** Side of the stem's output in pixels. */
  public int stemOutputPx() {
    return padding.outputPx(resolutionPx, stemStride);
  }

  /** Channels into the head: those out of the last block. */
  public int headInputFilters() {
    return stages.get(stages.size() - 1).outputFilters();
  }

  /**
   * This specification as strings, numbers, lists and maps only, for any JSON or HOCON writer;
   * {@link #fromMap} reads it back. Keys are the record's component names; stages are block
   * strings.
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("name", name);
    map.put("stemFilters", stemFilters);
    map.put("stemStride", stemStride);
    map.put("stages", stages.stream().map(MBConvSpec::encode).toList());
    map.put("headFilters", headFilters);
    map.put("classes", classes);
    map.put("resolutionPx", resolutionPx);
    map.put("inputChannels", inputChannels);
    map.put("dropout", dropout);
    map.put("stochasticDepth", stochasticDepth);
    map.put("padding", padding.name());
    Map<String, Object> normalisation = new LinkedHashMap<>();
    normalisation.put("epsilon", batchNorm.epsilon());
    normalisation.put("momentum", batchNorm.momentum());
    map.put("batchNorm", normalisation);
    return map;
  }

  /**
   * Reads what {@link #toMap} wrote. Numbers may come back as any {@link Number}, as JSON readers
   * do.
   *
   * @throws IllegalArgumentException if a key is missing, unknown, or of the wrong type or value
   */
  public static NetworkSpec fromMap(Map<String, ?> map) {
    SpecMap top = new SpecMap("network specification", map);
    SpecMap normalisation = new SpecMap("batch-norm convention", top.map("batchNorm"));
    NetworkSpec spec =
        new NetworkSpec(
            top.text("name"),
            top.wholeNumber("stemFilters"),
            top.wholeNumber("stemStride"),
            top.texts("stages").stream().map(MBConvSpec::decode).toList(),
            top.wholeNumber("headFilters"),
            top.wholeNumber("classes"),
            top.wholeNumber("resolutionPx"),
            top.wholeNumber("inputChannels"),
            top.number("dropout"),
            top.number("stochasticDepth"),
            Padding.named(top.text("padding")),
            new BatchNormConvention(
                normalisation.number("epsilon"), normalisation.number("momentum")));
    normalisation.checkAllRead();
    top.checkAllRead();
    return spec;
  }

  /** The same network under another name. */
  public NetworkSpec withName(String newName) {
    return new NetworkSpec(
        newName,
        stemFilters,
        stemStride,
        stages,
        headFilters,
        classes,
        resolutionPx,
        inputChannels,
        dropout,
        stochasticDepth,
        padding,
        batchNorm);
  }

  /** The same network with another number of scores. */
  public NetworkSpec withClasses(int newClasses) {
    return new NetworkSpec(
        name,
        stemFilters,
        stemStride,
        stages,
        headFilters,
        newClasses,
        resolutionPx,
        inputChannels,
        dropout,
        stochasticDepth,
        padding,
        batchNorm);
  }

  /** The same network seeing another resolution. */
  public NetworkSpec withResolutionPx(int newResolutionPx) {
    return new NetworkSpec(
        name,
        stemFilters,
        stemStride,
        stages,
        headFilters,
        classes,
        newResolutionPx,
        inputChannels,
        dropout,
        stochasticDepth,
        padding,
        batchNorm);
  }

  /** The same network with another dropout. */
  public NetworkSpec withDropout(double newDropout) {
    return new NetworkSpec(
        name,
        stemFilters,
        stemStride,
        stages,
        headFilters,
        classes,
        resolutionPx,
        inputChannels,
        newDropout,
        stochasticDepth,
        padding,
        batchNorm);
  }

  /** The same network with another drop rate at its end. */
  public NetworkSpec withStochasticDepth(double newStochasticDepth) {
    return new NetworkSpec(
        name,
        stemFilters,
        stemStride,
        stages,
        headFilters,
        classes,
        resolutionPx,
        inputChannels,
        dropout,
        newStochasticDepth,
        padding,
        batchNorm);
  }

  /** The same network in another padding convention. */
  public NetworkSpec withPadding(Padding newPadding) {
    return new NetworkSpec(
        name,
        stemFilters,
        stemStride,
        stages,
        headFilters,
        classes,
        resolutionPx,
        inputChannels,
        dropout,
        stochasticDepth,
        newPadding,
        batchNorm);
  }

  /** The same network in another batch-norm convention. */
  public NetworkSpec withBatchNorm(BatchNormConvention newBatchNorm) {
    return new NetworkSpec(
        name,
        stemFilters,
        stemStride,
        stages,
        headFilters,
        classes,
        resolutionPx,
        inputChannels,
        dropout,
        stochasticDepth,
        padding,
        newBatchNorm);
  }
}
