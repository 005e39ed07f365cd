package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;
import java.util.List;

/**
 * How a network is evaluated.
 *
 * @param checkpoint a run directory (its newest checkpoint), {@code RUN/best} or {@code
 *     RUN/newest}, or one checkpoint
 * @param split {@code val}, {@code minival} or {@code train}
 * @param batchSize images per forward pass, &gt; 0; does not change the result
 * @param cropFraction side of the centre crop over the side of the image it is taken from, (0, 1]
 * @param interpolation of the crop to the network's resolution
 * @param weights which weights are evaluated
 * @param precision of the feature maps in memory and of the products on them
 * @param topK ranks within which the right class counts, ascending, each &gt; 0
 * @param output where table and report are written
 */
public record EvaluateSection(
    URI checkpoint,
    String split,
    int batchSize,
    double cropFraction,
    Interpolation interpolation,
    Weights weights,
    Precision precision,
    List<Integer> topK,
    URI output)
    implements Serializable {

  /** What {@code evaluate.checkpoint} may say instead of a place: of {@code train.output}. */
  public static final List<String> CHECKPOINT_WORDS = List.of("newest", "best");

  public EvaluateSection {
    topK = topK.stream().sorted().distinct().toList();
    new SectionRules("evaluate")
        .require(
            List.of("train", "val", "minival").contains(split),
            "split",
            split,
            "train, val or minival")
        .positive("batch-size", batchSize)
        .require(cropFraction > 0 && cropFraction <= 1, "crop-fraction", cropFraction, "in (0, 1]")
        .require(
            !topK.isEmpty() && topK.get(0) > 0, "top-k", topK, "a list of numbers > 0, not empty")
        .verify();
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
