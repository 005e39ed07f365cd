package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.PrimitiveIterator;
import java.util.stream.IntStream;

/**
 * The samples of slices, in order, with their positions. Row groups are read one at a time, when
 * their first sample is asked for, and at most one is held. Consecutive slices of one row group
 * read it once.
 *
 * <p>{@link #next()} throws {@link UncheckedIOException} if a row group cannot be read, or is
 * damaged and its samples are not to be skipped.
 */
public final class ShardSamples implements Iterator<ShardSamples.Sample> {
  private final Storage storage;
  private final DamagePolicy damage;
  private final Iterator<RowGroupSlice> slices;
  private long position;
  private RowGroup group;
  private RowGroupContents contents = new RowGroupContents.Read(List.of(), true);
  private PrimitiveIterator.OfInt rows = IntStream.empty().iterator();

  /** A sample of an epoch. */
  public sealed interface Sample {
    /** Its place in the order. */
    long position();
  }

  /**
   * A sample that was read.
   *
   * @param position its place in the order
   * @param record the image
   * @param compared whether its page was right by a checksum of its own, so that its bytes are as
   *     they were written
   */
  public record Stored(long position, ShardRecord record, boolean compared) implements Sample {
    public Stored {
      requireNonNull(record, "record");
    }
  }

  /**
   * A sample of a row group that is damaged.
   *
   * @param position its place in the order
   * @param group the row group
   * @param cause what is wrong with the row group
   */
  public record Lost(long position, RowGroup group, String cause) implements Sample {
    public Lost {
      requireNonNull(group, "group");
      requireNonNull(cause, "cause");
    }
  }

  /**
   * The samples of slices; fails at damage.
   *
   * @param storage that holds the shards
   * @param slices in order, see {@link EpochOrder#slice}
   * @param startPosition the position of the first sample; the following ones count up
   */
  public ShardSamples(Storage storage, List<RowGroupSlice> slices, long startPosition) {
    this(storage, slices, startPosition, DamagePolicy.FAIL);
  }

  /**
   * The samples of slices.
   *
   * @param storage that holds the shards
   * @param slices in order, see {@link EpochOrder#slice}
   * @param startPosition the position of the first sample; the following ones count up
   * @param damage what becomes of the samples of a damaged row group
   */
  public ShardSamples(
      Storage storage, List<RowGroupSlice> slices, long startPosition, DamagePolicy damage) {
    this.storage = requireNonNull(storage, "storage");
    this.damage = requireNonNull(damage, "damage");
    this.slices = List.copyOf(slices).iterator();
    this.position = startPosition;
  }

  @Override
  public boolean hasNext() {
    return rows.hasNext() || slices.hasNext();
  }

  @Override
  public Sample next() {
    if (!rows.hasNext()) {
      if (!slices.hasNext()) {
        throw new NoSuchElementException("no sample after position " + (position - 1));
      }
      RowGroupSlice slice = slices.next();
      if (!slice.group().equals(group)) {
        contents = null; // lets the old group go before the new one is read
        try {
          contents = read(slice.group());
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
        group = slice.group();
      }
      rows = slice.rowsInOrder().iterator();
    }
    int row = rows.nextInt();
    return contents instanceof RowGroupContents.Read read
        ? new Stored(position++, read.records().get(row), read.compared())
        : new Lost(position++, group, ((RowGroupContents.Lost) contents).cause());
  }

  private RowGroupContents read(RowGroup next) throws IOException {
    return switch (damage) {
      case FAIL -> RowGroupReader.contents(storage, next);
      case SKIP -> RowGroupReader.salvage(storage, next);
    };
  }
}
