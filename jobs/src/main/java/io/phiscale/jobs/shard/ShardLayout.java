package io.phiscale.jobs.shard;

import java.io.Serializable;

/**
 * How many shards each split has, and which image goes to which: decided by (seed, key) alone.
 *
 * <p>Partitions in order: the training shards, the validation shards, the rejects.
 *
 * @param seed of the shuffle
 * @param trainShards number of training shards (&gt; 0)
 * @param validationShards number of validation shards (&gt;= 0)
 * @param heldOutFraction share of the training images that goes to validation, [0, 1)
 */
record ShardLayout(long seed, int trainShards, int validationShards, double heldOutFraction)
    implements Serializable {
  static final String TRAIN = "train";
  static final String VALIDATION = "val";

  ShardLayout {
    if (trainShards <= 0 || validationShards < 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid number of shards: %s train, %s validation", trainShards, validationShards));
    }
  }

  int partitions() {
    return trainShards + validationShards + 1;
  }

  int firstOf(String split) {
    return split.equals(TRAIN) ? 0 : trainShards;
  }

  int shardsOf(String split) {
    return split.equals(TRAIN) ? trainShards : validationShards;
  }

  /** The split of a partition; that of the rejects partition has no meaning. */
  String splitAt(int partition) {
    return partition < trainShards ? TRAIN : VALIDATION;
  }

  int rejects() {
    return trainShards + validationShards;
  }

  /** The split of an image of a source for {@code split}: some training images are held out. */
  String splitOf(String split, String key) {
    return split.equals(TRAIN)
            && Placement.fraction(Placement.hash(seed, "held-out", key)) < heldOutFraction
        ? VALIDATION
        : split;
  }

  Placement place(String split, String key) {
    long hash = Placement.hash(seed, "order", key);
    int shard =
        (int) Math.min(shardsOf(split) - 1L, (long) (Placement.fraction(hash) * shardsOf(split)));
    return new Placement(firstOf(split) + shard, hash, key);
  }

  Placement placeRefused(String key) {
    return new Placement(rejects(), Placement.hash(seed, "order", key), key);
  }
}
