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
 * <p>{@link #next()} throws {@link UncheckedIOException} if a row group cannot be read.
 */
public final class ShardSamples implements Iterator<ShardSamples.Sample> {
  private final Storage storage;
  private final ChecksumPolicy checksums;
  private final Iterator<RowGroupSlice> slices;
  private long position;
  private RowGroup group;
  private List<ShardRecord> records = List.of();
  private PrimitiveIterator.OfInt rows = IntStream.empty().iterator();

  /**
   * A sample of an epoch.
   *
   * @param position its place in the order
   * @param record the image
   */
  public record Sample(long position, ShardRecord record) {
    public Sample {
      requireNonNull(record, "record");
    }
  }

  /**
   * The samples of slices, their checksums not compared.
   *
   * @param storage that holds the shards
   * @param slices in order, see {@link EpochOrder#slice}
   * @param startPosition the position of the first sample; the following ones count up
   */
  public ShardSamples(Storage storage, List<RowGroupSlice> slices, long startPosition) {
    this(storage, slices, startPosition, ChecksumPolicy.TRUST);
  }

  /**
   * The samples of slices.
   *
   * @param storage that holds the shards
   * @param slices in order, see {@link EpochOrder#slice}
   * @param startPosition the position of the first sample; the following ones count up
   * @param checksums whether to compare them
   */
  public ShardSamples(
      Storage storage, List<RowGroupSlice> slices, long startPosition, ChecksumPolicy checksums) {
    this.storage = requireNonNull(storage, "storage");
    this.checksums = requireNonNull(checksums, "checksums");
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
        records = List.of(); // lets the old group go before the new one is read
        try {
          records = RowGroupReader.read(storage, slice.group(), checksums);
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
        group = slice.group();
      }
      rows = slice.rowsInOrder().iterator();
    }
    return new Sample(position++, records.get(rows.nextInt()));
  }
}
