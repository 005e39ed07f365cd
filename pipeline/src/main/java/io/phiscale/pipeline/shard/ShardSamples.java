package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import io.phiscale.pipeline.storage.Storage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.PrimitiveIterator;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;

/**
 * The samples of slices, in order, with their positions. While the samples of one row group are
 * handed out, a thread reads the next one; so two are held at most, and nobody waits for a storage
 * that is fast enough on the whole but slow to answer. Consecutive slices of one row group read it
 * once. What is left unread when this is abandoned is read to its end, within the storage's time
 * limits, and dropped.
 *
 * <p>{@link #next()} throws {@link UncheckedIOException} if a row group cannot be read, or is
 * damaged and its samples are not to be skipped.
 */
public final class ShardSamples implements Iterator<ShardSamples.Sample> {
  private final Storage storage;
  private final DamagePolicy damage;
  private final List<RowGroupSlice> slices;
  private int nextSlice;
  private long position;
  private RowGroup group;
  private Reading ahead;
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
    this.slices = List.copyOf(slices);
    this.position = startPosition;
  }

  @Override
  public boolean hasNext() {
    return rows.hasNext() || nextSlice < slices.size();
  }

  @Override
  public Sample next() {
    if (!rows.hasNext()) {
      if (nextSlice == slices.size()) {
        throw new NoSuchElementException("no sample after position " + (position - 1));
      }
      RowGroupSlice slice = slices.get(nextSlice++);
      if (!slice.group().equals(group)) {
        contents = null; // lets the old group go before one more is read
        Reading reading = ahead != null ? ahead : new Reading(storage, slice.group(), damage);
        ahead = null;
        try {
          contents = reading.contents();
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
        group = slice.group();
        ahead = readAhead();
      }
      rows = slice.rowsInOrder().iterator();
    }
    int row = rows.nextInt();
    return contents instanceof RowGroupContents.Read read
        ? new Stored(position++, read.records().get(row), read.compared())
        : new Lost(position++, group, ((RowGroupContents.Lost) contents).cause());
  }

  /** Begins to read the next other row group; null if there is none. */
  private Reading readAhead() {
    for (RowGroupSlice slice : slices.subList(nextSlice, slices.size())) {
      if (!slice.group().equals(group)) {
        return new Reading(storage, slice.group(), damage);
      }
    }
    return null;
  }

  /** A row group that a thread of its own reads. */
  private static final class Reading {
    private final RowGroup group;
    private final FutureTask<RowGroupContents> task;

    Reading(Storage storage, RowGroup group, DamagePolicy damage) {
      this.group = group;
      task =
          new FutureTask<>(
              () ->
                  switch (damage) {
                    case FAIL -> RowGroupReader.contents(storage, group);
                    case SKIP -> RowGroupReader.salvage(storage, group);
                  });
      Thread thread = new Thread(task, "row-group-reader");
      thread.setDaemon(true);
      thread.start();
    }

    RowGroupContents contents() throws IOException {
      try {
        return task.get();
      } catch (InterruptedException e) {
        task.cancel(true);
        Thread.currentThread().interrupt();
        throw new InterruptedIOException(
            "Interrupted while waiting for row group %s of %s"
                .formatted(group.ordinal(), group.file()));
      } catch (ExecutionException e) {
        throw failure(e.getCause());
      }
    }

    /** Of a checked exception reading throws this one only. */
    private static IOException failure(Throwable cause) {
      if (cause instanceof RuntimeException exception) {
        throw exception;
      }
      if (cause instanceof Error error) {
        throw error;
      }
      return (IOException) cause;
    }
  }
}
