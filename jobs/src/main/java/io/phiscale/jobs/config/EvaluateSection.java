package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;
import java.util.List;

/**
 * How a network is evaluated.
 *
 * @param checkpoint a run directory (its newest checkpoint), {@code RUN/best} or {@code
 *     RUN/newest}, or one checkpoint
 * @param compareWith further ones, evaluated alike
 * @param split {@code val}, {@code minival} or {@code train}
 * @param sets further sets of images
 * @param classMatch how the classes of a data set must be those of the network
 * @param realLabels JSON file of several right labels an image (ImageNet ReaL), or empty
 * @param resolutionPx side of the input image; 0: the network's own
 * @param batchSize images per forward pass, &gt; 0; does not change the result
 * @param cropFraction side of the centre crop over the side of the image it is taken from, (0, 1]
 * @param interpolation of the crop to the network's resolution
 * @param decode how much of a JPEG is decoded
 * @param views what is looked at of an image
 * @param weights which weights are evaluated
 * @param precision of the feature maps in memory and of the products on them
 * @param topK ranks within which the right class counts, ascending, each &gt; 0
 * @param predictions whether what the network said of each image is written
 * @param latency how the time of single images is measured
 * @param report what the report shows besides the numbers
 * @param output where table and report are written
 */
public record EvaluateSection(
    URI checkpoint,
    List<URI> compareWith,
    String split,
    List<ImageSet> sets,
    ClassMatch classMatch,
    URI realLabels,
    int resolutionPx,
    int batchSize,
    double cropFraction,
    Interpolation interpolation,
    Decoding decode,
    Views views,
    Weights weights,
    Precision precision,
    List<Integer> topK,
    Predictions predictions,
    Latency latency,
    Report report,
    URI output)
    implements Serializable {

  /** What {@code evaluate.checkpoint} may say instead of a place: of {@code train.output}. */
  public static final List<String> CHECKPOINT_WORDS = List.of("newest", "best");

  public EvaluateSection {
    compareWith = List.copyOf(compareWith);
    sets = List.copyOf(sets);
    topK = topK.stream().sorted().distinct().toList();
    new SectionRules("evaluate")
        .require(
            List.of("train", "val", "minival").contains(split),
            "split",
            split,
            "train, val or minival")
        .require(
            sets.stream().map(ImageSet::name).distinct().count() == sets.size()
                && sets.stream().map(ImageSet::name).noneMatch(split::equals),
            "sets",
            sets.stream().map(ImageSet::name).toList(),
            "of names that differ, also from evaluate.split")
        .notNegative("resolution", resolutionPx)
        .positive("batch-size", batchSize)
        .require(cropFraction > 0 && cropFraction <= 1, "crop-fraction", cropFraction, "in (0, 1]")
        .require(
            !topK.isEmpty() && topK.get(0) > 0, "top-k", topK, "a list of numbers > 0, not empty")
        .verify();
  }

  /** The side of the input image. */
  public int resolutionPxOr(int ofNetwork) {
    return resolutionPx == 0 ? ofNetwork : resolutionPx;
  }

  /**
   * A further set of images.
   *
   * @param name in tables
   * @param shards where it lies
   * @param split which of its splits
   */
  public record ImageSet(String name, URI shards, String split) implements Serializable {
    /** Reads {@code NAME=SHARDS#SPLIT}; without {@code #SPLIT} it is val. */
    static ImageSet parse(String text) {
      int equals = text.indexOf('=');
      int hash = text.lastIndexOf('#');
      String name = equals < 0 ? "" : text.substring(0, equals).strip();
      if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
        throw new IllegalArgumentException(text);
      }
      String place = text.substring(equals + 1, hash < equals ? text.length() : hash).strip();
      String split = hash < equals ? "val" : text.substring(hash + 1).strip();
      if (place.isEmpty() || split.isEmpty()) {
        throw new IllegalArgumentException(text);
      }
      return new ImageSet(name, KeyReader.parseLocation(place), split);
    }
  }

  /** How the classes of a data set must be those of the network. */
  public enum ClassMatch {
    /** The same names in the same order. */
    EXACT,
    /** Some of the network's, by name; all of the network's may be guessed. */
    SUBSET,
    /** Some of the network's, by name; only these may be guessed (ImageNet-A, ImageNet-R). */
    RESTRICTED
  }

  /**
   * What is looked at of an image; of several views the probabilities are averaged.
   *
   * @param crops which crops
   * @param fractions crop fractions, each in (0, 1]; empty: {@code crop-fraction} alone
   */
  public record Views(Crops crops, List<Double> fractions) implements Serializable {
    public Views {
      fractions = List.copyOf(fractions);
      new SectionRules("evaluate.views")
          .require(
              fractions.stream().allMatch(fraction -> fraction > 0 && fraction <= 1),
              "fractions",
              fractions,
              "each in (0, 1]")
          .verify();
    }

    /** The fractions, or the one that stands in for none. */
    public List<Double> fractionsOr(double one) {
      return fractions.isEmpty() ? List.of(one) : fractions;
    }
  }

  /** Which crops are looked at. */
  public enum Crops {
    /** The centre. */
    CENTRE,
    /** Corners and centre, and the same mirrored (Krizhevsky et al. 2012). */
    TEN_CROP
  }

  /** Whether what the network said of each image is written. */
  public enum Predictions {
    /** As Parquet, into {@code predictions} below the output. */
    WRITE,
    /** Only tables. */
    NONE
  }

  /**
   * How the time of single images is measured.
   *
   * @param measure whether it is
   * @param batchSize images of one forward pass of the throughput, &gt; 0
   * @param threads of a forward pass, &gt; 0
   * @param runs forward passes whose median counts, &gt; 0
   * @param pricePerHour of the machine, &gt;= 0; 0: no cost is computed
   */
  public record Latency(Measure measure, int batchSize, int threads, int runs, double pricePerHour)
      implements Serializable {
    public Latency {
      new SectionRules("evaluate.latency")
          .positive("batch-size", batchSize)
          .positive("threads", threads)
          .positive("runs", runs)
          .notNegative("price-per-hour", pricePerHour)
          .verify();
    }
  }

  /**
   * What the report shows besides the numbers.
   *
   * @param examples pictures of each of the hardest and easiest classes, 0 to {@value
   *     #MOST_EXAMPLES}
   * @param published whether published results stand beside the measured ones
   */
  public record Report(int examples, Published published) implements Serializable {
    private static final int MOST_EXAMPLES = 12;

    public Report {
      new SectionRules("evaluate.report")
          .require(
              examples >= 0 && examples <= MOST_EXAMPLES,
              "examples",
              examples,
              "in [0, " + MOST_EXAMPLES + "]")
          .verify();
    }
  }

  /** Whether published results of ImageNet-1k stand beside the measured ones. */
  public enum Published {
    /** Where the evaluated classes are those of ImageNet-1k. */
    AUTO,
    /** Whatever was evaluated. */
    SHOW,
    /** They do not. */
    HIDE
  }

  /** Whether time is measured. */
  public enum Measure {
    /** It is not. */
    OFF,
    /** On the driver, after everything was evaluated. */
    ON
  }

  /** How wide numbers are. */
  public enum Precision {
    /** FLOAT everywhere. */
    FP32,
    /** Bfloat16 where that is faster on the CPU; sums and parameters are FLOAT. */
    BF16
  }

  /** Which weights are evaluated. */
  public enum Weights {
    /** The exponential moving average. */
    EMA,
    /** The trained weights themselves. */
    RAW,
    /** Each, in a row of its own. */
    BOTH
  }
}
