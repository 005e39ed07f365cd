package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection.Deduplicate;
import io.phiscale.jobs.shard.CheckedItem.Accepted;
import java.io.Serializable;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import scala.Tuple2;

/**
 * Finds images whose bytes (SHA-256) lie elsewhere in the collection too. What is kept is decided
 * by split (validation before minival before training, so that nothing that is evaluated on was
 * trained on), then by the shuffle's order: by seed and key alone.
 *
 * <p>Only digests and keys are shuffled, sorted by digest, and streamed: a picture that a
 * collection holds a million times ("photo not available") fills no memory.
 */
final class RepeatedContents {
  /** Whose images are kept first. */
  private static final List<String> RANKED =
      List.of(ShardLayout.VALIDATION, ShardLayout.MINIVAL, ShardLayout.TRAIN);

  private RepeatedContents() {}

  /**
   * The image that is kept instead.
   *
   * @param key its key
   * @param split its split
   */
  record Original(String key, String split) implements Serializable {}

  /**
   * An image by its digest.
   *
   * @param sha256 of its bytes, hexadecimal
   * @param rank of its split: lower ones are kept
   * @param placement where it lies
   */
  record Claim(String sha256, int rank, Placement placement)
      implements Comparable<Claim>, Serializable {
    private static final Comparator<Claim> ORDER =
        Comparator.comparing(Claim::sha256)
            .thenComparingInt(Claim::rank)
            .thenComparing(claim -> claim.placement().hash(), Long::compareUnsigned)
            .thenComparing(claim -> claim.placement().key());

    @Override
    public int compareTo(Claim other) {
      return ORDER.compare(this, other);
    }
  }

  /**
   * The images to leave out, each in the partition and place it has in the shuffle.
   *
   * @param shuffled the checked items
   * @param policy what counts as repeated; not {@link Deduplicate#NONE}
   */
  static JavaPairRDD<Placement, Original> of(
      JavaPairRDD<Placement, CheckedItem> shuffled, ShardLayout layout, Deduplicate policy) {
    return shuffled
        .mapPartitionsToPair(new Claims(layout))
        .repartitionAndSortWithinPartitions(new ByDigest(layout.partitions()))
        .mapPartitionsToPair(new Later(layout, policy))
        .repartitionAndSortWithinPartitions(new Placement.ByPartition(layout.partitions()));
  }

  /** Every image that its key entitles to a place. */
  private static final class Claims
      implements PairFlatMapFunction<Iterator<Tuple2<Placement, CheckedItem>>, Claim, Boolean> {
    private static final long serialVersionUID = 1L;
    private final ShardLayout layout;

    Claims(ShardLayout layout) {
      this.layout = layout;
    }

    @Override
    public Iterator<Tuple2<Claim, Boolean>> call(Iterator<Tuple2<Placement, CheckedItem>> sorted) {
      Iterable<Tuple2<Placement, CheckedItem>> items = () -> new DistinctKeys(sorted, layout);
      Stream<Tuple2<Placement, CheckedItem>> stream =
          StreamSupport.stream(items.spliterator(), false);
      return stream
          .filter(item -> item._2() instanceof Accepted)
          .map(item -> claim(item._1(), (Accepted) item._2()))
          .iterator();
    }

    private Tuple2<Claim, Boolean> claim(Placement placement, Accepted accepted) {
      int rank = RANKED.indexOf(layout.splitAt(placement.partition()));
      return new Tuple2<>(new Claim(accepted.image().sha256(), rank, placement), Boolean.TRUE);
    }
  }

  /** All claims of a digest come to one place. */
  private static final class ByDigest extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final int partitions;

    ByDigest(int partitions) {
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      return Math.floorMod(((Claim) key).sha256().hashCode(), partitions);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof ByDigest that && that.partitions == partitions;
    }

    @Override
    public int hashCode() {
      return partitions;
    }
  }

  /** Of each digest's claims in order, those after the first that the policy leaves out. */
  private static final class Later
      implements PairFlatMapFunction<Iterator<Tuple2<Claim, Boolean>>, Placement, Original> {
    private static final long serialVersionUID = 1L;
    private final ShardLayout layout;
    private final Deduplicate policy;

    Later(ShardLayout layout, Deduplicate policy) {
      this.layout = layout;
      this.policy = policy;
    }

    @Override
    public Iterator<Tuple2<Placement, Original>> call(Iterator<Tuple2<Claim, Boolean>> sorted) {
      return new Iterator<>() {
        private Claim first;
        private Claim repeated;

        @Override
        public boolean hasNext() {
          while (repeated == null && sorted.hasNext()) {
            Claim claim = sorted.next()._1();
            if (first == null || !first.sha256().equals(claim.sha256())) {
              first = claim;
            } else if (policy == Deduplicate.ALL || claim.rank() != first.rank()) {
              repeated = claim;
            }
          }
          return repeated != null;
        }

        @Override
        public Tuple2<Placement, Original> next() {
          if (!hasNext()) {
            throw new NoSuchElementException("no more repeated images");
          }
          Placement place = Objects.requireNonNull(repeated).placement();
          repeated = null;
          return new Tuple2<>(
              place,
              new Original(first.placement().key(), layout.splitAt(first.placement().partition())));
        }
      };
    }
  }
}
