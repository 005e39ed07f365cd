package io.phiscale.model.benchmark;

import io.phiscale.model.kernels.Activation;
import io.phiscale.model.kernels.BatchNormShape;
import io.phiscale.model.kernels.ConvolutionShape;
import io.phiscale.model.kernels.DenseShape;
import io.phiscale.model.kernels.ImageShape;
import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.SqueezeExcitationShape;
import io.phiscale.model.kernels.SqueezeExcitationState;
import io.phiscale.model.kernels.SqueezeExcitationWeights;
import io.phiscale.model.scaling.EfficientNetVariant;
import io.phiscale.model.spec.BlockInstance;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.spec.Padding;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Times every kernel call of one training step of a network, each shape by itself, and adds them
 * up: what a step would take if nothing but kernels took time.
 *
 * <p>All calls take turns, round after round, so that a noisy minute meets all of them and the
 * caches are as a step leaves them; reported is the fastest and the median of the rounds.
 */
public final class KernelsBenchmark {

  private static final int WARM_UP_ROUNDS = 6;

  /** Operations that do what two or three others do one after the other. */
  private static final String TOGETHER = "both: ";

  private final Kernels kernels;
  private final Map<String, INDArray> arrays = new HashMap<>();
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /** What is measured. */
  public enum Clock {
    /** Time. */
    WALL,
    /**
     * Processor time of the calling thread: on one thread, what a busy machine does not disturb.
     */
    CPU
  }

  private static final class Entry {
    private final String operation;
    private final String shape;
    private final Runnable call;
    private final List<Long> nanos = new ArrayList<>();
    private int count;

    Entry(String operation, String shape, Runnable call) {
      this.operation = operation;
      this.shape = shape;
      this.call = call;
    }
  }

  /**
   * One kind of call at one shape.
   *
   * @param operation e.g. {@code depthwise weight gradient}
   * @param shape in words
   * @param count calls in a step
   * @param fastestMillis of one call
   * @param medianMillis of one call
   */
  public record Row(
      String operation, String shape, int count, double fastestMillis, double medianMillis) {}

  private KernelsBenchmark(Kernels kernels) {
    this.kernels = kernels;
  }

  /**
   * Times the calls of a training step.
   *
   * @param batch images, > 0
   * @param rounds that count, > 0
   * @param clock that is read
   * @param only operations whose name contains this are timed; all contain the empty text
   */
  public static List<Row> trainingStep(
      NetworkSpec network, int batch, Kernels kernels, int rounds, Clock clock, String only) {
    KernelsBenchmark benchmark = new KernelsBenchmark(kernels);
    benchmark.addNetwork(network, batch);
    benchmark.entries.values().removeIf(entry -> !entry.operation.contains(only));
    return benchmark.measure(rounds, clock);
  }

  private List<Row> measure(int rounds, Clock clock) {
    for (int round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
      for (Entry entry : entries.values()) {
        long start = now(clock);
        entry.call.run();
        long nanos = now(clock) - start;
        if (round >= WARM_UP_ROUNDS) {
          entry.nanos.add(nanos);
        }
      }
    }
    List<Row> rows = new ArrayList<>();
    for (Entry entry : entries.values()) {
      long[] sorted = entry.nanos.stream().mapToLong(Long::longValue).sorted().toArray();
      rows.add(
          new Row(
              entry.operation,
              entry.shape,
              entry.count,
              sorted[0] / 1e6,
              sorted[sorted.length / 2] / 1e6));
    }
    arrays.values().forEach(INDArray::close);
    return rows;
  }

  private static long now(Clock clock) {
    return clock == Clock.WALL
        ? System.nanoTime()
        : ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private void add(String operation, Object shape, Runnable call) {
    entries.computeIfAbsent(
            operation + " " + shape, key -> new Entry(operation, shape.toString(), call))
        .count++;
  }

  /**
   * An array of this shape, shared by all calls that ask for the same name and shape. What is
   * called x, g, w or scale is only read: values that went round and round would become denormal
   * numbers, which are a hundred times slower.
   */
  private INDArray array(String name, long... shape) {
    return arrays.computeIfAbsent(
        name + Arrays.toString(shape),
        key -> {
          long length = 1;
          for (long size : shape) {
            length *= size;
          }
          return Nd4j.linspace(DataType.FLOAT, -1, 2.0 / length, length).reshape('c', shape);
        });
  }

  private INDArray image(String name, ImageShape shape) {
    return array(name, shape.batch(), shape.height(), shape.width(), shape.channels());
  }

  private void addNetwork(NetworkSpec network, int batch) {
    ImageShape shape =
        new ImageShape(batch, network.resolutionPx(), network.resolutionPx(), NetworkSpec.RGB);
    shape =
        addNormalised(
            network,
            shape,
            network.stemFilters(),
            NetworkSpec.STEM_KERNEL,
            network.stemStride(),
            1,
            Activation.SWISH,
            First.YES);
    for (BlockInstance block : network.blocks()) {
      ImageShape before = shape;
      if (block.expands()) {
        shape =
            addNormalised(
                network, shape, block.expandedFilters(), 1, 1, 1, Activation.SWISH, First.NO);
      }
      shape =
          addNormalised(
              network,
              shape,
              block.expandedFilters(),
              block.kernel(),
              block.stride(),
              block.expandedFilters(),
              Activation.SWISH,
              First.NO);
      if (block.squeezes()) {
        addSqueeze(new SqueezeExcitationShape(shape, block.squeezedFilters()));
      }
      shape =
          addNormalised(
              network, shape, block.outputFilters(), 1, 1, 1, Activation.IDENTITY, First.NO);
      if (block.residual()) {
        addShortcut(before);
      }
    }
    shape =
        addNormalised(network, shape, network.headFilters(), 1, 1, 1, Activation.SWISH, First.NO);
    addHead(shape, network.classes());
  }

  private enum First {
    YES,
    NO
  }

  private ImageShape addNormalised(
      NetworkSpec network,
      ImageShape input,
      int outputs,
      int kernel,
      int stride,
      int groups,
      Activation activation,
      First first) {
    Padding padding = network.padding();
    ConvolutionShape shape =
        new ConvolutionShape(
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
    String kind = shape.depthwise() ? "depthwise" : shape.pointwise() ? "pointwise" : "full";
    String words =
        String.format(
            "%sx%sx%s to %s, %sx%s, stride %s",
            input.height(), input.width(), input.channels(), outputs, kernel, kernel, stride);
    INDArray in = image("x", input);
    INDArray convolved = image("x", shape.output());
    INDArray upper = image("g", shape.output());
    INDArray lower = image("written", input);
    INDArray weights =
        shape.depthwise()
            ? array("w", kernel, kernel, groups, 1)
            : array("w", kernel, kernel, input.channels(), outputs);
    INDArray weightGradient = array("wg", weights.shape());
    INDArray output = image("written", shape.output());
    add(
        kind + " forward",
        words,
        () -> kernels.convolution(shape, in, weights, null, Activation.IDENTITY, output));
    if (first == First.NO) {
      add(
          kind + " input gradient",
          words,
          () -> kernels.convolutionGradients(shape, null, weights, upper, lower, null));
    }
    add(
        kind + " weight gradient",
        words,
        () -> kernels.convolutionGradients(shape, in, null, upper, null, weightGradient));

    BatchNormShape norm = new BatchNormShape(shape.output(), 1e-3, activation);
    String normWords =
        String.format(
            "%sx%sx%s %s",
            shape.outputHeight(),
            shape.outputWidth(),
            outputs,
            activation.name().toLowerCase(Locale.ROOT));
    INDArray scale = array("scale", outputs);
    INDArray mean = array("mean", outputs);
    INDArray variance = array("variance", outputs);
    INDArray change = array("change", outputs);
    INDArray secondChange = array("second change", outputs);
    add(
        "batch norm forward",
        normWords,
        () -> kernels.batchNormTraining(norm, convolved, scale, scale, output, mean, variance));
    add(
        "batch norm backward",
        normWords,
        () ->
            kernels.batchNormGradients(
                norm,
                convolved,
                scale,
                scale,
                mean,
                variance,
                convolved,
                upper,
                output,
                change,
                secondChange));
    INDArray result = image("also written", shape.output());
    add(
        TOGETHER + kind + " and norm forward",
        words,
        () ->
            kernels.convolutionBatchNormTraining(
                shape, norm, in, weights, output, scale, scale, result, mean, variance));
    add(
        TOGETHER + kind + " and norm backward",
        words,
        () ->
            kernels.convolutionBatchNormGradients(
                shape,
                norm,
                in,
                weights,
                convolved,
                scale,
                scale,
                mean,
                variance,
                convolved,
                upper,
                output,
                first == First.NO ? lower : null,
                weightGradient,
                change,
                secondChange));
    return shape.output();
  }

  private void addSqueeze(SqueezeExcitationShape shape) {
    ImageShape image = shape.image();
    long batch = image.batch();
    long channels = image.channels();
    long squeezed = shape.squeezed();
    SqueezeExcitationWeights weights =
        new SqueezeExcitationWeights(
            array("w", channels, squeezed),
            array("b", squeezed),
            array("w", squeezed, channels),
            array("b", channels));
    SqueezeExcitationWeights gradients =
        new SqueezeExcitationWeights(
            array("wg", channels, squeezed),
            array("bg", squeezed),
            array("wg", squeezed, channels),
            array("bg", channels));
    SqueezeExcitationState state =
        new SqueezeExcitationState(
            array("pooled", batch, channels),
            array("reduced", batch, squeezed),
            array("gate", batch, channels));
    INDArray in = image("x", image);
    INDArray out = image("written", image);
    INDArray upper = image("g", image);
    String words = String.format("%sx%sx%s", image.height(), image.width(), channels);
    add(
        "squeeze-excitation forward",
        words,
        () -> kernels.squeezeExcitation(shape, in, weights, state, out));
    add(
        "squeeze-excitation backward",
        words,
        () -> {
          kernels.applyGate(shape, in, state, out);
          kernels.squeezeExcitationGradients(shape, in, weights, state, upper, out, gradients);
        });
  }

  private void addShortcut(ImageShape shape) {
    INDArray branch = image("g", shape);
    INDArray shortcut = image("x", shape);
    INDArray output = image("written", shape);
    INDArray scale = array("sample scale", shape.batch());
    String words = String.format("%sx%sx%s", shape.height(), shape.width(), shape.channels());
    add(
        "shortcut",
        words,
        () -> {
          kernels.addShortcut(shape, branch, scale, shortcut, output);
          kernels.scaleSamples(shape, shortcut, scale, output);
          kernels.addShortcut(shape, branch, null, shortcut, output);
        });
  }

  private void addHead(ImageShape shape, int classes) {
    DenseShape dense = new DenseShape(shape.batch(), shape.channels(), classes);
    INDArray in = image("x", shape);
    INDArray gradient = image("written", shape);
    INDArray pooled = array("pooled", shape.batch(), shape.channels());
    INDArray pooledGradient = array("pooled gradient", shape.batch(), shape.channels());
    INDArray weights = array("w", shape.channels(), classes);
    INDArray weightGradient = array("wg", shape.channels(), classes);
    INDArray bias = array("b", classes);
    INDArray biasGradient = array("bg", classes);
    INDArray scores = array("scores", shape.batch(), classes);
    INDArray labels = array("labels", shape.batch(), classes);
    INDArray scoreGradient = array("score gradient", shape.batch(), classes);
    INDArray losses = array("losses", shape.batch());
    add(
        "head",
        "pool, dense, loss",
        () -> {
          kernels.globalAveragePool(shape, in, pooled);
          kernels.dense(dense, pooled, weights, bias, scores);
          kernels.softmaxCrossEntropy(scores, labels, 0.1, scoreGradient, losses);
          kernels.denseGradients(
              dense, pooled, weights, scoreGradient, pooledGradient, weightGradient, biasGradient);
          kernels.globalAveragePoolGradient(shape, pooledGradient, gradient);
        });
  }

  /** The rows, then one line per operation, then the sum. */
  public static String table(List<Row> rows) {
    StringBuilder text = new StringBuilder();
    String line = "%-28s %-36s %3s %9s %9s%n";
    text.append(String.format(Locale.ROOT, line, "operation", "shape", "n", "fastest", "median"));
    Map<String, double[]> sums = new LinkedHashMap<>();
    for (Row row : rows) {
      text.append(
          String.format(
              Locale.ROOT,
              line,
              row.operation(),
              row.shape(),
              row.count(),
              millis(row.fastestMillis()),
              millis(row.medianMillis())));
      String sumName = row.operation().startsWith(TOGETHER) ? "sum of both" : "sum";
      for (String key : new String[] {row.operation(), sumName}) {
        double[] sum = sums.computeIfAbsent(key, k -> new double[2]);
        sum[0] += row.count() * row.fastestMillis();
        sum[1] += row.count() * row.medianMillis();
      }
    }
    double[] total = sums.getOrDefault("sum", new double[2]);
    sums.remove("sum");
    text.append(System.lineSeparator());
    sums.forEach((name, sum) -> appendSum(text, name, sum));
    appendSum(text, "sum of all kernel calls", total);
    return text.toString();
  }

  private static void appendSum(StringBuilder text, String name, double[] sum) {
    text.append(
        String.format(
            Locale.ROOT,
            "%-28s %-36s %3s %9s %9s ms%n",
            name,
            "",
            "",
            millis(sum[0]),
            millis(sum[1])));
  }

  private static String millis(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  /**
   * Prints the table of EfficientNet-B0.
   *
   * @param arguments kernels (default {@code auto}), threads (default: all), resolution in pixels
   *     (default 224), batch (default 16), rounds (default 20), {@code wall} (default) or {@code
   *     cpu} time, part of the operations' names (default: all)
   */
  public static void main(String[] arguments) {
    String name = arguments.length > 0 ? arguments[0] : Kernels.AUTO;
    int threads = number(arguments, 1, Runtime.getRuntime().availableProcessors());
    int resolutionPx = number(arguments, 2, 224);
    int batch = number(arguments, 3, 16);
    int rounds = number(arguments, 4, 20);
    Clock clock =
        arguments.length > 5 ? Clock.valueOf(arguments[5].toUpperCase(Locale.ROOT)) : Clock.WALL;
    String only = arguments.length > 6 ? arguments[6] : "";
    NetworkSpec network =
        NetworkSpec.efficientNet(EfficientNetVariant.B0, 1000).withResolutionPx(resolutionPx);
    try (Kernels kernels = Kernels.create(name, threads)) {
      System.out.printf(
          "kernels %s, %s threads, %s px, batch %s, %s time in ms%n",
          kernels.name(), threads, resolutionPx, batch, clock.name().toLowerCase(Locale.ROOT));
      System.out.print(table(trainingStep(network, batch, kernels, rounds, clock, only)));
    }
  }

  private static int number(String[] arguments, int index, int otherwise) {
    return arguments.length > index ? Integer.parseInt(arguments[index]) : otherwise;
  }
}
