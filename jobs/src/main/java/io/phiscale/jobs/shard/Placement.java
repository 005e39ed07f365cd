package io.phiscale.jobs.shard;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import org.apache.spark.Partitioner;
import org.apache.spark.util.KnownSizeEstimation;

/**
 * Where an item goes: a partition (one shard of a split, or the rejects) and its place in the
 * shuffle.
 *
 * @param partition index of the partition
 * @param hash unsigned 64-bit hash of (seed, key): the global shuffle's order
 * @param key the item's key, to decide between equal hashes
 */
record Placement(int partition, long hash, String key)
    implements Comparable<Placement>, Serializable, KnownSizeEstimation {
  private static final int OBJECTS_BYTES = 80;
  private static final Comparator<Placement> ORDER =
      Comparator.comparingInt(Placement::partition)
          .thenComparing(Placement::hash, Long::compareUnsigned)
          .thenComparing(Placement::key);

  @Override
  public int compareTo(Placement other) {
    return ORDER.compare(this, other);
  }

  /** For Spark's sorter, see {@link CheckedItem}. */
  @Override
  public long estimatedSize() {
    return OBJECTS_BYTES + 2L * key.length();
  }

  /**
   * The shuffle's hash of a key: the first eight bytes of SHA-256 over the seed and the key, so
   * that the order is independent of the collection's layout and of the number of tasks.
   *
   * @param purpose keeps hashes for different decisions (order, held-out) apart
   */
  static long hash(long seed, String purpose, String key) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(seed).array());
      sha256.update(purpose.getBytes(StandardCharsets.UTF_8));
      sha256.update((byte) 0);
      return ByteBuffer.wrap(sha256.digest(key.getBytes(StandardCharsets.UTF_8))).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** An unsigned 64-bit hash as a fraction in [0, 1). */
  static double fraction(long hash) {
    return (hash >>> 11) * 0x1.0p-53;
  }

  /** Sends an item to the partition its placement names. */
  static final class ByPartition extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final int partitions;

    ByPartition(int partitions) {
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      return ((Placement) key).partition();
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof ByPartition that && that.partitions == partitions;
    }

    @Override
    public int hashCode() {
      return partitions;
    }
  }
}
