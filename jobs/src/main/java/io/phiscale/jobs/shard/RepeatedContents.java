package io.phiscale.jobs.shard;

import io.phiscale.jobs.config.DataSection.Deduplicate;
import io.phiscale.jobs.shard.CheckedItem.Accepted;
import java.io.Serializable;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.sql.Row;
import scala.Tuple2;

/**
 * Finds images whose bytes (SHA-256) lie elsewhere in the collection too. What is kept is decided
 * by split (validation before minival before training, so that nothing that is evaluated on was
 * trained on), then by the shuffle's order: by seed and key alone.
 *
 * <p>Where images are added to shards, those of the shards are kept before any new one, whatever
 * their splits, so that no image of the shards ever comes to lie in another split too; and a new
 * image whose key its split has already is repeated as well.
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
   * @param by what is the same
   */
  record Original(String key, String split, By by) implements Serializable {}

  /** What two images have in common. */
  enum By {
    /** The key, within a split. */
    KEY,
    /** The bytes. */
    CONTENT
  }

  /**
   * An image by what it must not share.
   *
   * @param by what that is
   * @param identity SHA-256 of its bytes, hexadecimal; or its split and key
   * @param earlier 0 for an image of the shards that are added to, else 1: lower ones are kept
   * @param rank of its split: lower ones are kept
   * @param placement where it lies
   */
  record Claim(By by, String identity, int earlier, int rank, Placement placement)
      implements Comparable<Claim>, Serializable {
    private static final Comparator<Claim> ORDER =
        Comparator.comparing(Claim::by)
            .thenComparing(Claim::identity)
            .thenComparingInt(Claim::earlier)
            .thenComparingInt(Claim::rank)
            .thenComparing(claim -> claim.placement().hash(), Long::compareUnsigned)
            .thenComparing(claim -> claim.placement().key());

    private static Claim ofContent(String sha256, int earlier, String split, Placement place) {
      return new Claim(By.CONTENT, sha256, earlier, RANKED.indexOf(split), place);
    }

    private static Claim ofKey(int earlier, String split, Placement place) {
      return new Claim(By.KEY, split + " " + place.key(), earlier, RANKED.indexOf(split), place);
    }

    private boolean isOfSameThingAs(Claim other) {
      return other != null && by == other.by && identity.equals(other.identity);
    }

    @Override
    public int compareTo(Claim other) {
      return ORDER.compare(this, other);
    }
  }

  /**
   * The images to leave out, each in the partition and place it has in the shuffle.
   *
   * @param shuffled the checked items
   * @param policy what counts as repeated
   * @param earlier claims of the shards that are added to, if any
   */
  static JavaPairRDD<Placement, Original> of(
      JavaPairRDD<Placement, CheckedItem> shuffled,
      ShardLayout layout,
      Deduplicate policy,
      Optional<JavaPairRDD<Claim, Boolean>> earlier) {
    JavaPairRDD<Claim, Boolean> claims =
        shuffled.mapPartitionsToPair(new Claims(layout, policy, earlier.isPresent()));
    return earlier
        .map(claims::union)
        .orElse(claims)
        .repartitionAndSortWithinPartitions(new ByDigest(layout.partitions()))
        .mapPartitionsToPair(new Later(policy))
        .repartitionAndSortWithinPartitions(new Placement.ByPartition(layout.partitions()));
  }

  /** The claims of images in shards: of rows with key and sha256. */
  static final class OfShards implements PairFlatMapFunction<Iterator<Row>, Claim, Boolean> {
    private static final long serialVersionUID = 1L;
    private final String split;

    OfShards(String split) {
      this.split = split;
    }

    @Override
    public Iterator<Tuple2<Claim, Boolean>> call(Iterator<Row> rows) {
      Iterable<Row> all = () -> rows;
      return StreamSupport.stream(all.spliterator(), false)
          .flatMap(
              row -> {
                Placement place = new Placement(-1, 0, row.getString(0));
                return Stream.of(
                    Claim.ofKey(0, split, place),
                    Claim.ofContent(row.getString(1), 0, split, place));
              })
          .map(claim -> new Tuple2<>(claim, Boolean.TRUE))
          .iterator();
    }
  }

  /** Every image that its key entitles to a place. */
  private static final class Claims
      implements PairFlatMapFunction<Iterator<Tuple2<Placement, CheckedItem>>, Claim, Boolean> {
    private static final long serialVersionUID = 1L;
    private final ShardLayout layout;
    private final Deduplicate policy;
    private final boolean keys;

    Claims(ShardLayout layout, Deduplicate policy, boolean keys) {
      this.layout = layout;
      this.policy = policy;
      this.keys = keys;
    }

    @Override
    public Iterator<Tuple2<Claim, Boolean>> call(Iterator<Tuple2<Placement, CheckedItem>> sorted) {
      Iterable<Tuple2<Placement, CheckedItem>> items = () -> new DistinctKeys(sorted, layout);
      Stream<Tuple2<Placement, CheckedItem>> stream =
          StreamSupport.stream(items.spliterator(), false);
      return stream
          .filter(item -> item._2() instanceof Accepted)
          .flatMap(item -> claims(item._1(), (Accepted) item._2()))
          .map(claim -> new Tuple2<>(claim, Boolean.TRUE))
          .iterator();
    }

    private Stream<Claim> claims(Placement place, Accepted accepted) {
      String split = layout.splitAt(place.partition());
      Stream<Claim> content =
          policy == Deduplicate.NONE
              ? Stream.of()
              : Stream.of(Claim.ofContent(accepted.image().sha256(), 1, split, place));
      return keys ? Stream.concat(Stream.of(Claim.ofKey(1, split, place)), content) : content;
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
      return Math.floorMod(((Claim) key).identity().hashCode(), partitions);
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

  /** Of each identity's claims in order, those after the first that the policy leaves out. */
  private static final class Later
      implements PairFlatMapFunction<Iterator<Tuple2<Claim, Boolean>>, Placement, Original> {
    private static final long serialVersionUID = 1L;
    private final Deduplicate policy;

    Later(Deduplicate policy) {
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
            if (!claim.isOfSameThingAs(first)) {
              first = claim;
            } else if (claim.earlier() > 0 && isRepeated(claim)) {
              repeated = claim;
            }
          }
          return repeated != null;
        }

        /** New images with one key are the affair of {@link DistinctKeys}. */
        private boolean isRepeated(Claim claim) {
          return claim.by() == By.KEY
              ? first.earlier() == 0
              : policy == Deduplicate.ALL || claim.rank() != first.rank();
        }

        @Override
        public Tuple2<Placement, Original> next() {
          if (!hasNext()) {
            throw new NoSuchElementException("no more repeated images");
          }
          Placement place = Objects.requireNonNull(repeated).placement();
          repeated = null;
          return new Tuple2<>(
              place, new Original(first.placement().key(), RANKED.get(first.rank()), first.by()));
        }
      };
    }
  }
}
