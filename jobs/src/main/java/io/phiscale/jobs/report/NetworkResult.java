package io.phiscale.jobs.report;

import static java.util.Objects.requireNonNull;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/**
 * One row of the φ table: one network, evaluated with one set of weights.
 *
 * @param name the network's name, unique within a study ({@code b0}, {@code phi-1.5}); not blank,
 *     no control characters
 * @param scaling φ and the coefficients the network was built from
 * @param parameters trainable parameters, > 0
 * @param multiplyAdds multiply-adds of one forward pass of one image (one multiply-add = 1), > 0
 * @param weights which of the checkpoint's parameters were evaluated
 * @param score what the evaluation measured
 * @param training what the training behind the checkpoint cost
 * @param checkpoint where the evaluated parameters lie
 * @param latency how long an image takes; empty where it was not measured
 * @param axis what its study varied to get it; empty where it is of no study
 */
public record NetworkResult(
    String name,
    Scaling scaling,
    long parameters,
    long multiplyAdds,
    Weights weights,
    Score score,
    Training training,
    URI checkpoint,
    Optional<Latency> latency,
    Optional<StudyAxis> axis) {

  /** Of no study, without a measured latency. */
  public NetworkResult(
      String name,
      Scaling scaling,
      long parameters,
      long multiplyAdds,
      Weights weights,
      Score score,
      Training training,
      URI checkpoint) {
    this(
        name,
        scaling,
        parameters,
        multiplyAdds,
        weights,
        score,
        training,
        checkpoint,
        Optional.empty(),
        Optional.empty());
  }

  /** The same with a measured latency. */
  public NetworkResult withLatency(Latency measured) {
    return new NetworkResult(
        name,
        scaling,
        parameters,
        multiplyAdds,
        weights,
        score,
        training,
        checkpoint,
        Optional.of(measured),
        axis);
  }

  /** The same as a network of a study. */
  public NetworkResult withAxis(StudyAxis varied) {
    return new NetworkResult(
        name,
        scaling,
        parameters,
        multiplyAdds,
        weights,
        score,
        training,
        checkpoint,
        latency,
        Optional.of(varied));
  }

  /** Refuses values that cannot be those of an evaluated network. */
  public NetworkResult {
    name = Checks.text("network name", name);
    requireNonNull(scaling, "scaling");
    Checks.positive("parameter count", parameters);
    Checks.positive("multiply-add count", multiplyAdds);
    requireNonNull(weights, "weights");
    requireNonNull(score, "score");
    requireNonNull(training, "training");
    requireNonNull(checkpoint, "checkpoint");
    requireNonNull(latency, "latency");
    requireNonNull(axis, "axis");
  }

  /**
   * φ and the coefficients it led to.
   *
   * @param phi compound coefficient; NaN exactly if {@code phiKind} is {@link PhiKind#NONE}
   * @param phiKind how to understand φ
   * @param width channel multiplier, > 0
   * @param depth layer multiplier, > 0
   * @param resolutionPx side of the square input in pixels, > 0
   */
  public record Scaling(double phi, PhiKind phiKind, double width, double depth, int resolutionPx) {

    /** Refuses a φ that contradicts its kind and coefficients that are not positive. */
    public Scaling {
      requireNonNull(phiKind, "phiKind");
      if (phiKind == PhiKind.NONE ? !Double.isNaN(phi) : !Double.isFinite(phi)) {
        throw new IllegalArgumentException(
            String.format(
                "Invalid phi: %s (must be %s for phi kind %s)",
                phi, phiKind == PhiKind.NONE ? "NaN" : "finite", phiKind.label()));
      }
      Checks.positive("width", width);
      Checks.positive("depth", depth);
      Checks.positive("resolution in px", resolutionPx);
    }

    /** Coefficients of a network that no φ describes, such as one scaled on a single axis. */
    public static Scaling withoutPhi(double width, double depth, int resolutionPx) {
      return new Scaling(Double.NaN, PhiKind.NONE, width, depth, resolutionPx);
    }
  }

  /**
   * What one evaluation measured.
   *
   * @param images evaluated images, > 0
   * @param classes classes the network chooses among, > 1
   * @param top1 fraction of images whose label is the first guess, 0..1
   * @param top5 fraction of images whose label is among the first {@link #k()} guesses, {@code
   *     top1}..1; NaN if it was not measured
   * @param loss mean cross-entropy in nats, >= 0
   * @param cropFraction fraction of the resized image's side that the centre crop keeps, 0..1
   *     exclusive of 0 (timm's {@code crop_pct})
   * @param interpolation how the image was resized, such as {@code bicubic}
   * @param time wall time of the evaluation
   */
  public record Score(
      long images,
      int classes,
      double top1,
      double top5,
      double loss,
      double cropFraction,
      String interpolation,
      Duration time) {

    /** Refuses an empty evaluation, fractions outside 0..1 and a loss that is not a number. */
    public Score {
      Checks.positive("image count", images);
      if (classes < 2) {
        throw new IllegalArgumentException(
            String.format("Invalid class count: %s (must be > 1)", classes));
      }
      Checks.fraction("top-1 fraction", top1);
      if (!Double.isNaN(top5)) {
        Checks.fraction("top-5 fraction", top5);
        if (top5 < top1) {
          throw new IllegalArgumentException(
              String.format("Invalid top-5 fraction: %s (must be >= top-1 %s)", top5, top1));
        }
      }
      if (!(loss >= 0 && Double.isFinite(loss))) {
        throw new IllegalArgumentException(
            String.format("Invalid loss: %s (must be finite and >= 0)", loss));
      }
      Checks.positive("crop fraction", cropFraction);
      Checks.fraction("crop fraction", cropFraction);
      interpolation = Checks.text("interpolation", interpolation);
      Checks.notNegative("evaluation time", time);
    }

    /**
     * How many guesses {@code top5} allows: 5, or all classes where there are fewer. With five
     * classes or fewer {@code top5} is 1 whatever the network does, and reports say so.
     */
    public int k() {
      return Math.min(5, classes);
    }

    /** The 95% Wilson interval of {@code top1}. */
    public WilsonInterval top1Interval() {
      return WilsonInterval.of(Math.round(top1 * images), images);
    }
  }

  /**
   * What training the evaluated checkpoint cost.
   *
   * @param images images seen in training, repeats counted, >= 0 (0: parameters were converted)
   * @param epochs passes over the training set, may be fractional, >= 0
   * @param seed run seed
   * @param time wall time of training
   * @param imagesPerSecond training throughput of the whole job, >= 0; NaN if it was not measured
   */
  public record Training(
      long images, double epochs, long seed, Duration time, double imagesPerSecond) {

    /** Refuses negative counts and times. */
    public Training {
      Checks.notNegative("training image count", images);
      Checks.notNegative("epoch count", epochs);
      Checks.notNegative("training time", time);
      if (!Double.isNaN(imagesPerSecond)) {
        Checks.notNegative("training images per second", imagesPerSecond);
      }
    }
  }
}
