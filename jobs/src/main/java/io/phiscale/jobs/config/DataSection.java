package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;

/**
 * Where the images come from and how they become shards.
 *
 * @param source the images as they lie
 * @param shards output of the shard job, input of training and evaluation
 * @param seed decides the order of images in the shards and which images are held out
 * @param shardBytes target size of one Parquet file, bytes, &gt; 0
 * @param rowGroupBytes target size of one row group, the unit of shuffling and of assignment to
 *     workers, bytes, in (0, shardBytes]
 * @param maxRejectFraction largest share of images that may be rejected before the job fails, [0,
 *     1]
 * @param maxPixels largest width times height that is decoded, &gt; 0
 * @param deduplicate which images with the bytes of another are left out
 * @param store in what form images are stored
 */
public record DataSection(
    Source source,
    URI shards,
    long seed,
    long shardBytes,
    long rowGroupBytes,
    double maxRejectFraction,
    long maxPixels,
    Deduplicate deduplicate,
    Store store)
    implements Serializable {

  public DataSection {
    new SectionRules("data")
        .positive("shard-bytes", shardBytes)
        .positive("row-group-bytes", rowGroupBytes)
        .require(
            rowGroupBytes <= shardBytes,
            "row-group-bytes",
            rowGroupBytes,
            "<= data.shard-bytes = " + shardBytes)
        .fraction("max-reject-fraction", maxRejectFraction)
        .positive("max-pixels", maxPixels)
        .verify();
  }

  /**
   * In what form images are stored.
   *
   * @param shortSide images whose shorter side is longer are made so small, pixels; 0: stored as
   *     they are
   * @param jpegQuality of the smaller ones, 1 to 100
   */
  public record Store(int shortSide, int jpegQuality) implements Serializable {
    public Store {
      new SectionRules("data.store")
          .notNegative("short-side", shortSide)
          .require(
              jpegQuality >= 1 && jpegQuality <= 100, "jpeg-quality", jpegQuality, "in [1, 100]")
          .verify();
    }
  }

  /** Which images with the same bytes (SHA-256) as another are left out. */
  public enum Deduplicate {
    /** Training images that are in a split that is evaluated on. */
    ACROSS_SPLITS,
    /** These, and all but one within a split. */
    ALL,
    /** None. */
    NONE
  }

  /** The layouts that are read. */
  public enum Layout {
    /** {@code CLASS/IMAGE}: one folder per class. */
    CLASS_FOLDERS,
    /**
     * {@code CLASS_anything.JPEG} in one folder or one tar: the class stands before the first '_'.
     */
    NAME_PREFIX,
    /** {@code ILSVRC2012_img_train.tar}: one tar per synset inside one tar. */
    IMAGENET_TAR,
    /** {@code ILSVRC2012_img_val}: images in one folder or tar, labels in a ground-truth list. */
    FLAT_VALIDATION
  }

  /**
   * The images as they lie.
   *
   * @param layout how class and image are named
   * @param train folder or tar of the training images; empty when not configured
   * @param trainPrefix only names that begin with it are read, relative to {@code train}; empty:
   *     all
   * @param validation where the validation images come from
   */
  public record Source(Layout layout, URI train, String trainPrefix, Validation validation)
      implements Serializable {

    public Source {
      new SectionRules("data.source")
          .require(
              layout != Layout.FLAT_VALIDATION,
              "layout",
              "flat-validation",
              "class-folders, name-prefix or imagenet-tar (flat-validation has no training images)")
          .verify();
    }

    /** True when {@code data.source.train} is set, which only sharding needs. */
    public boolean isConfigured() {
      return !train.toString().isEmpty();
    }
  }

  /** Where the validation images come from. */
  public sealed interface Validation extends Serializable {

    /** No validation images. */
    record None() implements Validation {}

    /**
     * A part of the training images, chosen by the seed and the image's key.
     *
     * @param fraction share of the images, in (0, 1)
     */
    record HeldOut(double fraction) implements Validation {
      public HeldOut {
        new SectionRules("data.source")
            .require(fraction > 0 && fraction < 1, "validation-fraction", fraction, "in [0, 1)")
            .verify();
      }
    }

    /**
     * Images of their own.
     *
     * @param layout how class and image are named
     * @param location folder or tar
     * @param prefix only names that begin with it are read; empty: all
     * @param groundTruth list of labels, for {@link Layout#FLAT_VALIDATION} only, else empty
     * @param synsets list of class names in official order, for {@link Layout#FLAT_VALIDATION}
     *     only, else empty
     */
    record Separate(Layout layout, URI location, String prefix, URI groundTruth, URI synsets)
        implements Validation {
      public Separate {
        boolean flat = layout == Layout.FLAT_VALIDATION;
        new SectionRules("data.source.validation")
            .require(
                flat != groundTruth.toString().isEmpty(),
                "ground-truth",
                "\"" + groundTruth + "\"",
                flat ? "set for layout flat-validation" : "unset except for layout flat-validation")
            .require(
                flat || synsets.toString().isEmpty(),
                "synsets",
                "\"" + synsets + "\"",
                "unset except for layout flat-validation")
            .verify();
      }
    }
  }
}
