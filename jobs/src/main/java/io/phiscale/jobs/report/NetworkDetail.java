package io.phiscale.jobs.report;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What lies behind one network's accuracy on one set of images.
 *
 * @param network its name
 * @param weights which of its weights
 * @param set name of the set of images
 * @param images evaluated, &gt; 0
 * @param right images whose label is the first guess
 * @param top5 share of images whose label is among the first {@code min(5, classes)} guesses
 * @param loss mean cross-entropy in nats
 * @param real accuracy by several right labels an image; empty where none were given
 * @param classes each class that has images, in label order
 * @param confusions label and wrong first guess, each pair that occurs, in order of both
 * @param calibration the bins of confidence, ascending
 * @param examples pictures of {@link #extremes}, in the order to show; may be empty
 */
public record NetworkDetail(
    String network,
    Weights weights,
    String set,
    long images,
    long right,
    double top5,
    double loss,
    Optional<Real> real,
    List<ClassResult> classes,
    List<Confusion> confusions,
    List<CalibrationBin> calibration,
    List<Example> examples) {

  /** Classes at either end of the accuracies that reports show. */
  private static final int SHOWN = 10;

  /** Without pictures. */
  public NetworkDetail(
      String network,
      Weights weights,
      String set,
      long images,
      long right,
      double top5,
      double loss,
      Optional<Real> real,
      List<ClassResult> classes,
      List<Confusion> confusions,
      List<CalibrationBin> calibration) {
    this(
        network,
        weights,
        set,
        images,
        right,
        top5,
        loss,
        real,
        classes,
        confusions,
        calibration,
        List.of());
  }

  /** The same with pictures. */
  public NetworkDetail withExamples(List<Example> pictures) {
    return new NetworkDetail(
        network,
        weights,
        set,
        images,
        right,
        top5,
        loss,
        real,
        classes,
        confusions,
        calibration,
        pictures);
  }

  public NetworkDetail {
    network = Checks.text("network name", network);
    requireNonNull(weights, "weights");
    set = Checks.text("name of the set", set);
    Checks.positive("image count", images);
    Checks.notNegative("right images", right);
    requireNonNull(real, "real");
    classes = List.copyOf(classes);
    confusions = List.copyOf(confusions);
    calibration = List.copyOf(calibration);
    examples = List.copyOf(examples);
    requireSum("classes", images, classes.stream().mapToLong(ClassResult::images).sum());
    requireSum("calibration", images, calibration.stream().mapToLong(CalibrationBin::images).sum());
    requireSum("right images", right, classes.stream().mapToLong(ClassResult::right).sum());
    requireSum(
        "confusions", images - right, confusions.stream().mapToLong(Confusion::images).sum());
  }

  private static void requireSum(String what, long expected, long sum) {
    if (expected != sum) {
      throw new IllegalArgumentException(
          String.format("Invalid %s: they add up to %s (must be %s)", what, sum, expected));
    }
  }

  /**
   * Accuracy by several right labels an image (Beyer et al., "Are we done with ImageNet?", arXiv
   * 2006.07159): the first guess is right if it is one of them; images without any do not count.
   *
   * @param images that have a label, &gt; 0
   * @param right of them
   */
  public record Real(long images, long right) {
    public Real {
      Checks.positive("image count", images);
      Checks.notNegative("right images", right);
    }
  }

  /**
   * One class.
   *
   * @param name of the class
   * @param images of it
   * @param right of them
   */
  public record ClassResult(String name, long images, long right) {
    public ClassResult {
      Checks.text("class name", name);
      Checks.positive("image count", images);
      Checks.notNegative("right images", right);
    }

    /** Share of right images. */
    public double accuracy() {
      return (double) right / images;
    }
  }

  /**
   * A small picture of an image.
   *
   * @param actual its class
   * @param guess the first guess
   * @param confidence of the guess, 0..1
   * @param key of the image in its shards
   * @param mediaType such as {@code image/jpeg}
   * @param encoded the picture, read only
   */
  public record Example(
      String actual,
      String guess,
      double confidence,
      String key,
      String mediaType,
      ByteBuffer encoded) {
    public Example {
      Checks.text("class name", actual);
      Checks.text("class name", guess);
      Checks.fraction("confidence", confidence);
      Checks.text("media type", mediaType);
      encoded = encoded.asReadOnlyBuffer();
    }

    /** Whether the first guess is right. */
    public boolean isRight() {
      return actual.equals(guess);
    }
  }

  /**
   * A mistake.
   *
   * @param actual the right class
   * @param guessed the first guess
   * @param images of which that was so, &gt; 0
   */
  public record Confusion(String actual, String guessed, long images) {}

  /**
   * Images of similar confidence.
   *
   * @param low lower end of the confidence, exclusive but for 0
   * @param high upper end, inclusive
   * @param images in it; 0 where it is empty
   * @param confidence their mean confidence; NaN where it is empty
   * @param accuracy share of right ones; NaN where it is empty
   */
  public record CalibrationBin(
      double low, double high, long images, double confidence, double accuracy) {}

  /**
   * Expected calibration error: the mean over images of |accuracy − confidence| of their bin (Guo
   * et al., "On calibration of modern neural networks", arXiv 1706.04599, equation 3).
   */
  public double calibrationError() {
    return calibration.stream()
            .filter(bin -> bin.images() > 0)
            .mapToDouble(bin -> bin.images() * Math.abs(bin.accuracy() - bin.confidence()))
            .sum()
        / images;
  }

  /** Whether all classes are among {@link #extremes}. */
  public boolean hasFewClasses() {
    return classes.size() <= 2 * SHOWN;
  }

  /**
   * The hardest classes and the easiest ones, {@value #SHOWN} of each, or all where there are no
   * more; the hardest first.
   */
  public List<ClassResult> extremes() {
    List<ClassResult> sorted =
        classes.stream()
            .sorted(
                Comparator.comparingDouble(ClassResult::accuracy).thenComparing(ClassResult::name))
            .toList();
    if (hasFewClasses()) {
      return sorted;
    }
    List<ClassResult> extremes = new ArrayList<>(sorted.subList(0, SHOWN));
    extremes.addAll(sorted.subList(sorted.size() - SHOWN, sorted.size()));
    return List.copyOf(extremes);
  }

  /** Share of right images. */
  public double top1() {
    return (double) right / images;
  }

  /** The 95% Wilson interval of it. */
  public WilsonInterval interval() {
    return WilsonInterval.of(right, images);
  }
}
