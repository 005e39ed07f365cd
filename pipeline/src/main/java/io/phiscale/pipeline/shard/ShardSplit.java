package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * One split of a data set, such as {@code train} or {@code val}, as its manifest lists it.
 *
 * @param source what it was made from, for people
 * @param images the number of images
 * @param bytes the length of all files
 * @param imagesPerClass the number of images of each class, in label order
 * @param rejects the number of items that became no image, by reason; reasons without items absent
 * @param files in the order that {@link EpochOrder} builds on
 * @param statistics sizes and colours of the images
 */
@JsonPropertyOrder({
  "source",
  "images",
  "bytes",
  "imagesPerClass",
  "rejects",
  "statistics",
  "files"
})
public record ShardSplit(
    String source,
    long images,
    long bytes,
    List<Long> imagesPerClass,
    Map<RejectReason, Long> rejects,
    List<ShardFile> files,
    ImageStatistics statistics)
    implements Serializable {
  public ShardSplit {
    requireNonNull(source, "source");
    imagesPerClass = List.copyOf(imagesPerClass);
    EnumMap<RejectReason, Long> counted = new EnumMap<>(RejectReason.class);
    counted.putAll(rejects);
    rejects = Collections.unmodifiableMap(counted);
    files = List.copyOf(files);
    requireNonNull(statistics, "statistics");
    requireSum("images", images, "files", files.stream().mapToLong(ShardFile::rows).sum());
    requireSum("bytes", bytes, "files", files.stream().mapToLong(ShardFile::bytes).sum());
    requireSum(
        "images", images, "classes", imagesPerClass.stream().mapToLong(Long::longValue).sum());
    for (long count : imagesPerClass) {
      requireNotNegative("images of a class", count);
    }
    rejects.forEach((reason, count) -> requireNotNegative("rejects " + reason.id(), count));
  }

  /**
   * A split whose totals are counted from its shards.
   *
   * @param source what it was made from, for people
   * @param labels the classes
   * @param shards all shards, in the order that {@link EpochOrder} is to build on
   * @param rejects by reason
   * @param statistics sizes and colours of the images
   * @throws IllegalArgumentException if a shard has a label outside the label space
   */
  public static ShardSplit of(
      String source,
      LabelSpace labels,
      List<ShardContents> shards,
      Map<RejectReason, Long> rejects,
      ImageStatistics statistics) {
    long[] perClass = new long[labels.size()];
    List<ShardFile> files = new ArrayList<>();
    long images = 0;
    long bytes = 0;
    for (ShardContents shard : shards) {
      files.add(shard.file());
      images += shard.file().rows();
      bytes += shard.file().bytes();
      for (Map.Entry<Integer, Long> counted : shard.imagesPerLabel().entrySet()) {
        int label = counted.getKey();
        if (label < 0 || label >= perClass.length) {
          throw new IllegalArgumentException(
              "Invalid label in shard %s: %s (must be in [0, %s))"
                  .formatted(shard.file().path(), label, perClass.length));
        }
        perClass[label] += counted.getValue();
      }
    }
    List<Long> imagesPerClass = new ArrayList<>();
    for (long count : perClass) {
      imagesPerClass.add(count);
    }
    return new ShardSplit(source, images, bytes, imagesPerClass, rejects, files, statistics);
  }

  /**
   * This split with the shards of another one behind its own.
   *
   * @param added of the same collection and label space
   */
  public ShardSplit and(ShardSplit added) {
    if (added.imagesPerClass.size() != imagesPerClass.size()) {
      throw new IllegalArgumentException(
          "Invalid split to add: %s classes (must be %s)"
              .formatted(added.imagesPerClass.size(), imagesPerClass.size()));
    }
    List<Long> perClass = new ArrayList<>();
    for (int label = 0; label < imagesPerClass.size(); label++) {
      perClass.add(imagesPerClass.get(label) + added.imagesPerClass.get(label));
    }
    EnumMap<RejectReason, Long> refused = new EnumMap<>(RejectReason.class);
    refused.putAll(rejects);
    added.rejects.forEach((reason, count) -> refused.merge(reason, count, Long::sum));
    List<ShardFile> all = new ArrayList<>(files);
    all.addAll(added.files);
    return new ShardSplit(
        source,
        images + added.images,
        bytes + added.bytes,
        perClass,
        refused,
        all,
        statistics.and(added.statistics));
  }

  /** The number of items that became no image. */
  public long rejected() {
    return rejects.values().stream().mapToLong(Long::longValue).sum();
  }

  private static void requireSum(String what, long stated, String parts, long sum) {
    if (stated != sum) {
      throw new IllegalArgumentException(
          "Invalid %s: %s (the %s add up to %s)".formatted(what, stated, parts, sum));
    }
  }

  private static void requireNotNegative(String what, long count) {
    if (count < 0) {
      throw new IllegalArgumentException("Invalid %s: %s (must be >= 0)".formatted(what, count));
    }
  }
}
