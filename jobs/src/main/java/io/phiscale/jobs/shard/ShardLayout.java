package io.phiscale.jobs.shard;

import java.io.Serializable;

/**
 * How many shards each split has, and which image goes to which: decided by (seed, key) alone.
 *
 * <p>Partitions in order: the training shards, the validation shards, the minival shards, the
 * rejects.
 *
 * @param seed of the shuffle
 * @param trainShards number of training shards (&gt; 0)
 * @param validationShards number of validation shards (&gt;= 0)
 * @param minivalShards number of minival shards (&gt;= 0)
 * @param heldOutFraction share of the training images that goes to validation, [0, 1)
 * @param minivalFraction share of the other training images that goes to minival, [0, 1)
 */
record ShardLayout(
    long seed,
    int trainShards,
    int validationShards,
    int minivalShards,
    double heldOutFraction,
    double minivalFraction)
    implements Serializable {
  static final String TRAIN = "train";
  static final String VALIDATION = "val";
  static final String MINIVAL = "minival";

  ShardLayout {
    if (trainShards <= 0 || validationShards < 0 || minivalShards < 0) {
      throw new IllegalArgumentException(
          String.format(
              "Invalid number of shards: %s train, %s validation, %s minival",
              trainShards, validationShards, minivalShards));
    }
  }

  int partitions() {
    return rejects() + 1;
  }

  int firstOf(String split) {
    return switch (split) {
      case TRAIN -> 0;
      case VALIDATION -> trainShards;
      default -> trainShards + validationShards;
    };
  }

  int shardsOf(String split) {
    return switch (split) {
      case TRAIN -> trainShards;
      case VALIDATION -> validationShards;
      default -> minivalShards;
    };
  }

  /** The split of a partition; that of the rejects partition has no meaning. */
  String splitAt(int partition) {
    if (partition < trainShards) {
      return TRAIN;
    }
    return partition < trainShards + validationShards ? VALIDATION : MINIVAL;
  }

  int rejects() {
    return trainShards + validationShards + minivalShards;
  }

  /** The split of an image of a source for {@code split}: some training images are held out. */
  String splitOf(String split, String key) {
    if (!split.equals(TRAIN)) {
      return split;
    }
    if (isHeldOut("held-out", key, heldOutFraction)) {
      return VALIDATION;
    }
    return isHeldOut("minival", key, minivalFraction) ? MINIVAL : TRAIN;
  }

  private boolean isHeldOut(String purpose, String key, double share) {
    return Placement.fraction(Placement.hash(seed, purpose, key)) < share;
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
