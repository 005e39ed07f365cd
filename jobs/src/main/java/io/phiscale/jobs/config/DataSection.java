package io.phiscale.jobs.config;

import java.io.Serializable;
import java.net.URI;

/**
 * Where the images come from and how they become shards.
 *
 * @param source the images as they lie
 * @param shards output of the shard job, input of training and evaluation
 * @param version of the shards that are read, from 1; 0: the newest
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
    int version,
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
        .notNegative("version", version)
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
    FLAT_VALIDATION,
    /** ImageNet-1k as Kaggle gives it: {@code ILSVRC/Data/CLS-LOC/train}. */
    IMAGENET_KAGGLE,
    /** ImageNet-21k: one tar per synset, in a folder or in one tar. */
    SYNSET_TARS,
    /** CIFAR-10 or CIFAR-100, binary version. */
    CIFAR,
    /** MNIST and its like. */
    IDX,
    /** WebDataset tars. */
    WEBDATASET,
    /** TFRecord files of {@code tf.Example}. */
    TFRECORD,
    /** Parquet, CSV or JSON lines of image locations with labels. */
    TABLE,
    /** The metadata of YFCC100M, with images by hash. */
    YFCC100M
  }

  /**
   * The images as they lie.
   *
   * @param layout how class and image are named
   * @param train folder, archive, pattern or table of the training images; empty when not
   *     configured
   * @param trainPrefix only names that begin with it are read, relative to {@code train}; empty:
   *     all
   * @param validation where the validation images come from
   * @param minivalFraction share of the training images left that is held out to choose between
   *     checkpoints, [0, 1)
   * @param reading how classes are found, for layouts that leave it open
   * @param table the columns of layout {@code table}
   * @param weakLabels which labels count, of layouts {@code table} and {@code yfcc100m}
   * @param yfcc the files beside the metadata of layout {@code yfcc100m}
   */
  public record Source(
      Layout layout,
      URI train,
      String trainPrefix,
      Validation validation,
      double minivalFraction,
      Reading reading,
      Table table,
      WeakLabels weakLabels,
      Yfcc yfcc)
      implements Serializable {

    public Source {
      boolean isYfcc = layout == Layout.YFCC100M;
      new SectionRules("data.source")
          .require(
              layout != Layout.FLAT_VALIDATION,
              "layout",
              "flat-validation",
              "a layout with training images (flat-validation has none)")
          .fractionBelowOne("minival-fraction", minivalFraction)
          .require(
              !isYfcc || !yfcc.images().toString().isEmpty(),
              "yfcc.images",
              "null",
              "set for layout yfcc100m")
          .require(
              !isYfcc
                  || yfcc.labels() != Yfcc.Labels.AUTOTAGS
                  || !yfcc.autotags().toString().isEmpty(),
              "yfcc.autotags",
              "null",
              "set for layout yfcc100m with labels autotags")
          .require(
              !isYfcc
                  || yfcc.labels() != Yfcc.Labels.USER_TAGS
                  || !weakLabels.tags().toString().isEmpty()
                  || !reading.classes().toString().isEmpty(),
              "weak-labels.tags",
              "null",
              "set, or data.source.classes, for layout yfcc100m with labels user-tags: else every tag"
                  + " would be a class")
          .verify();
    }

    /** True when {@code data.source.train} is set, which only sharding needs. */
    public boolean isConfigured() {
      return !train.toString().isEmpty();
    }
  }

  /**
   * How classes are found.
   *
   * @param classes list of class names in label order, one a line; empty: those that occur
   * @param firstLabel number of the first class; -1: by layout
   * @param labelField field of a WebDataset's json with the label; empty: {@code .cls}
   * @param minImages classes of synset tars with fewer images are dropped, &gt;= 0
   * @param hierarchy {@code wordnet.is_a.txt}; empty: none
   * @param ancestors list of synsets that those of the tars are mapped to; empty: none
   */
  public record Reading(
      URI classes, int firstLabel, String labelField, long minImages, URI hierarchy, URI ancestors)
      implements Serializable {
    public Reading {
      new SectionRules("data.source")
          .require(firstLabel >= -1, "first-label", firstLabel, ">= 0")
          .notNegative("synsets.min-images", minImages)
          .require(
              ancestors.toString().isEmpty() || !hierarchy.toString().isEmpty(),
              "synsets.hierarchy",
              "null",
              "set where data.source.synsets.ancestors is")
          .verify();
    }
  }

  /**
   * The columns of a table of images.
   *
   * @param imageRoot what relative locations are relative to; empty: there are none
   * @param uri column of the locations
   * @param labels column of the labels: an array, or a text with separators
   * @param confidences column of as many confidences; empty: all are 1
   * @param group column of what images share that must stay in one split; empty: none
   * @param separator of labels and confidences in a text
   */
  public record Table(
      URI imageRoot, String uri, String labels, String confidences, String group, String separator)
      implements Serializable {
    public Table {
      new SectionRules("data.source.table")
          .notBlank("uri", uri)
          .notBlank("labels", labels)
          .require(!separator.isEmpty(), "separator", "\"\"", "not empty")
          .verify();
    }
  }

  /**
   * Which of an image's labels count.
   *
   * @param tags table from hashtag to class; empty: labels are classes
   * @param minConfidence labels with less are dropped, [0, 1]
   */
  public record WeakLabels(URI tags, double minConfidence) implements Serializable {
    public WeakLabels {
      new SectionRules("data.source.weak-labels")
          .fraction("min-confidence", minConfidence)
          .verify();
    }
  }

  /**
   * The files of YFCC100M beside its metadata.
   *
   * @param images folder of {@code abc/def/<hash>.jpg}
   * @param autotags {@code yfcc100m_autotags}; empty: none
   * @param hashes {@code yfcc100m_hash}, for metadata of 23 columns; empty: none
   * @param labels what labels the images
   */
  public record Yfcc(URI images, URI autotags, URI hashes, Labels labels) implements Serializable {
    /** What labels the images. */
    public enum Labels {
      /** What a classifier saw, with confidences from 0.5 to 1. */
      AUTOTAGS,
      /** What the photographer wrote. */
      USER_TAGS
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
