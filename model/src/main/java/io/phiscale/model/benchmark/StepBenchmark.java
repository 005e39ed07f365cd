package io.phiscale.model.benchmark;

import io.phiscale.model.kernels.Kernels;
import io.phiscale.model.kernels.Precision;
import io.phiscale.model.network.EfficientNets;
import io.phiscale.model.spec.Freeze;
import io.phiscale.model.spec.FrozenBatchNorm;
import io.phiscale.model.spec.NetworkSpec;
import io.phiscale.model.train.OptimizerSpec;
import io.phiscale.model.train.Predictor;
import io.phiscale.model.train.Replica;
import io.phiscale.model.train.ReplicaSpec;
import io.phiscale.model.train.WeightDecay;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Times whole steps on synthetic images: a training step ({@link Replica#step}, SGD with momentum
 * 0.9, label smoothing 0.1, dropout and stochastic depth of the network; of everything or of the
 * classifier on frozen features), or the scores of a batch ({@link Predictor#logits}), in FP32 or
 * BF16.
 */
public final class StepBenchmark {

  /** Least number of steps before those that count. */
  public static final int WARM_UP_STEPS = 4;

  /**
   * Steps before those that count, in which buffers grow, primitives form and the JIT compiles: as
   * many as those that count, so that a longer measurement is also of a warmer machine.
   */
  static int warmUpSteps(int steps) {
    return Math.max(WARM_UP_STEPS, steps);
  }

  private static final double LEARNING_RATE = 0.01;
  private static final double MEBIBYTE = 1024 * 1024;

  private StepBenchmark() {}

  /** What a step is. */
  public enum Mode {
    /** Forward, backward, update. */
    STEP,
    /** Scores of a batch. */
    EVAL
  }

  /** How the time of a step is looked at. */
  public enum Detail {
    /** Its length alone. */
    TOTAL,
    /** Also what it goes to. */
    PROFILE
  }

  /**
   * What is measured.
   *
   * @param batch images of a step, &gt; 0
   * @param kernels name of the kernels
   * @param threads of a step, &gt; 0
   * @param steps that count, &gt; 0
   * @param freeze what a training step does not train; NONE for {@link Mode#EVAL}
   * @param precision of what is largest
   */
  public record Setting(
      Mode mode,
      NetworkSpec network,
      int batch,
      String kernels,
      int threads,
      int steps,
      Detail detail,
      Freeze freeze,
      Precision precision) {

    /** In FP32. */
    public Setting(
        Mode mode,
        NetworkSpec network,
        int batch,
        String kernels,
        int threads,
        int steps,
        Detail detail,
        Freeze freeze) {
      this(mode, network, batch, kernels, threads, steps, detail, freeze, Precision.FP32);
    }

    public Setting {
      checkPositive("batch size", batch);
      checkPositive("number of threads", threads);
      checkPositive("number of steps", steps);
      if (!Kernels.names().contains(kernels)) {
        throw new IllegalArgumentException(
            String.format("Invalid kernels: %s (must be one of %s)", kernels, Kernels.names()));
      }
      if (mode == Mode.EVAL && freeze != Freeze.NONE) {
        throw new IllegalArgumentException("Invalid freeze: features (eval trains nothing)");
      }
    }

    private static void checkPositive(String what, int value) {
      if (value <= 0) {
        throw new IllegalArgumentException(
            String.format("Invalid %s: %s (must be > 0)", what, value));
      }
    }
  }

  /**
   * A line of the profile.
   *
   * @param calls of a step
   * @param seconds of a step, mean over the steps
   */
  public record Part(String name, long calls, double seconds) {}

  /**
   * What came out.
   *
   * @param kernels that were used
   * @param seconds of each step, in order
   * @param peakMebibytes largest resident memory of the process so far; NaN where the system does
   *     not tell
   * @param networkMebibytes native memory that the network alone took, as {@link
   *     Predictor#heldBytes} counts it; NaN for a training step
   * @param parts of a step, largest first, which add up to the mean step; empty without a profile
   */
  public record Result(
      Setting setting,
      String kernels,
      List<Double> seconds,
      double peakMebibytes,
      double networkMebibytes,
      List<Part> parts) {

    public Result {
      seconds = List.copyOf(seconds);
      parts = List.copyOf(parts);
    }

    /** The median step. */
    public double medianSeconds() {
      return seconds.stream().sorted().toList().get(seconds.size() / 2);
    }

    /** Batch / median step. */
    public double imagesPerSecond() {
      return setting.batch() / medianSeconds();
    }

    /** Everything in one line. */
    public String line() {
      return String.format(
          Locale.ROOT,
          "phiscale %s %s%s batch=%s res=%s %s %s threads=%s: %.2f images/s (median step %.3f s),"
              + " peak RSS %.0f MiB",
          setting.network().name(),
          setting.mode().name().toLowerCase(Locale.ROOT),
          setting.freeze() == Freeze.NONE ? "" : " freeze=features",
          setting.batch(),
          setting.network().resolutionPx(),
          kernels,
          setting.precision().key(),
          setting.threads(),
          imagesPerSecond(),
          medianSeconds(),
          peakMebibytes);
    }

    /** The profile as a table; ends in the mean step. */
    public String table() {
      double total = parts.stream().mapToDouble(Part::seconds).sum();
      StringBuilder text = new StringBuilder();
      text.append(String.format("%-44s %6s %9s %6s%n", "part of a step", "calls", "ms", "share"));
      for (Part part : parts) {
        text.append(row(part.name(), Long.toString(part.calls()), part.seconds(), total));
      }
      return text.append(row("mean step", "", total, total)).toString();
    }

    private static String row(String name, String calls, double seconds, double total) {
      return String.format(
          Locale.ROOT,
          "%-44s %6s %9.2f %5.1f%%%n",
          name,
          calls,
          seconds * 1e3,
          100 * seconds / total);
    }
  }

  /** Measures in this process and thread. */
  public static Result run(Setting setting) {
    Kernels plain =
        setting.mode() == Mode.STEP
            ? Kernels.create(setting.kernels(), setting.threads(), setting.precision())
            : Kernels.create(setting.kernels(), setting.threads());
    String name = plain.name();
    TimedKernels timed = setting.detail() == Detail.PROFILE ? new TimedKernels(plain) : null;
    Kernels kernels = timed == null ? plain : timed;
    return switch (setting.mode()) {
      case STEP -> steps(setting, name, kernels, timed);
      case EVAL -> evaluations(setting, name, kernels, timed);
    };
  }

  private static Result steps(Setting setting, String name, Kernels kernels, TimedKernels timed) {
    NetworkSpec network = setting.network();
    ReplicaSpec spec =
        new ReplicaSpec(
                network,
                new OptimizerSpec.Sgd(0.9, OptimizerSpec.Sgd.Variant.CLASSICAL),
                WeightDecay.ORIGINAL,
                EfficientNets.DEFAULT_LABEL_SMOOTHING,
                setting.kernels(),
                setting.threads())
            .withFreeze(setting.freeze(), FrozenBatchNorm.INFERENCE);
    FloatBuffer images = images(network, setting.batch());
    int[] classes = new int[setting.batch()];
    Arrays.setAll(classes, i -> i % network.classes());
    try (Replica replica = new Replica(spec, kernels)) {
      List<Double> seconds = new ArrayList<>();
      int warmUp = warmUpSteps(setting.steps());
      Map<Replica.Phase, Long> before = replica.phaseNanos();
      for (int step = 0; step < warmUp + setting.steps(); step++) {
        if (step == warmUp) {
          before = replica.phaseNanos();
          forget(timed);
        }
        long start = System.nanoTime();
        double loss = replica.step(images, classes, LEARNING_RATE, step, step);
        long nanos = System.nanoTime() - start;
        if (!Double.isFinite(loss)) {
          throw new IllegalStateException(
              "Cannot measure: the loss of step " + step + " is " + loss);
        }
        if (step >= warmUp) {
          seconds.add(nanos / 1e9);
        }
      }
      Map<String, Long> outside = new LinkedHashMap<>();
      for (Map.Entry<Replica.Phase, Long> phase : replica.phaseNanos().entrySet()) {
        if (phase.getKey() != Replica.Phase.NETWORK) {
          outside.put(phase.getKey().words(), phase.getValue() - before.get(phase.getKey()));
        }
      }
      return result(
          setting, name, seconds, Double.NaN, timed, outside, "DL4J and layers, outside kernels");
    }
  }

  private static Result evaluations(
      Setting setting, String name, Kernels kernels, TimedKernels timed) {
    NetworkSpec network = setting.network();
    FloatBuffer images = images(network, setting.batch());
    try (Predictor predictor =
        new Predictor(network, kernels, setting.threads(), setting.precision())) {
      predictor.load(EfficientNets.initialParameters(network, 0));
      List<Double> seconds = new ArrayList<>();
      int warmUp = warmUpSteps(setting.steps());
      for (int step = 0; step < warmUp + setting.steps(); step++) {
        if (step == warmUp) {
          forget(timed);
        }
        long start = System.nanoTime();
        predictor.logits(images, setting.batch());
        long nanos = System.nanoTime() - start;
        if (step >= warmUp) {
          seconds.add(nanos / 1e9);
        }
      }
      return result(
          setting,
          name,
          seconds,
          predictor.heldBytes() / MEBIBYTE,
          timed,
          Map.of(),
          "copying, outside kernels");
    }
  }

  private static void forget(TimedKernels timed) {
    if (timed != null) {
      timed.forget();
    }
  }

  private static Result result(
      Setting setting,
      String name,
      List<Double> seconds,
      double networkMebibytes,
      TimedKernels timed,
      Map<String, Long> outside,
      String rest) {
    List<Part> parts = new ArrayList<>();
    if (timed != null) {
      double steps = setting.steps();
      timed
          .spent()
          .forEach(
              (operation, spent) ->
                  parts.add(
                      new Part(
                          operation,
                          spent.calls() / setting.steps(),
                          spent.nanos() / 1e9 / steps)));
      outside.forEach((phase, nanos) -> parts.add(new Part(phase, 1, nanos / 1e9 / steps)));
      double mean = seconds.stream().mapToDouble(Double::doubleValue).average().orElse(0);
      double known = parts.stream().mapToDouble(Part::seconds).sum();
      parts.add(new Part(rest, 1, mean - known));
      parts.sort(Collections.reverseOrder((a, b) -> Double.compare(a.seconds(), b.seconds())));
    }
    return new Result(setting, name, seconds, peakMebibytes(), networkMebibytes, parts);
  }

  private static FloatBuffer images(NetworkSpec network, int batch) {
    int values =
        Math.multiplyExact(
            Math.multiplyExact(batch, network.resolutionPx() * network.resolutionPx()),
            network.inputChannels());
    FloatBuffer images =
        ByteBuffer.allocateDirect(Math.multiplyExact(values, Float.BYTES))
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    SplittableRandom random = new SplittableRandom(0);
    for (int i = 0; i < values; i++) {
      images.put(i, (float) (4 * random.nextDouble() - 2));
    }
    return images;
  }

  /** The kernel's own record of this process. */
  private static double peakMebibytes() {
    Path status = Path.of("/proc/self/status");
    if (!Files.isReadable(status)) {
      return Double.NaN;
    }
    try {
      return Files.readAllLines(status).stream()
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToDouble(line -> Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024)
          .findFirst()
          .orElse(Double.NaN);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + status, e);
    }
  }
}
