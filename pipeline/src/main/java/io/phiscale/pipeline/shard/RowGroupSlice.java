package io.phiscale.pipeline.shard;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * A run of consecutive samples of an epoch that lie in one row group: places {@code from} to {@code
 * from + count - 1} of the row group's permuted rows. The permutation is not stored but computed
 * from its key when it is wanted, so that a slice is a few bytes to ship.
 *
 * @param group the row group
 * @param order the key of the permutation of its rows
 * @param from the first place of the permutation, from 0
 * @param count the number of samples
 */
public record RowGroupSlice(RowGroup group, CounterRandom order, int from, int count)
    implements Serializable {
  public RowGroupSlice {
    requireNonNull(group, "group");
    requireNonNull(order, "order");
    if (from < 0 || count <= 0 || from > group.rows() - count) {
      throw new IllegalArgumentException(
          "Invalid slice of row group %s of %s: %s rows from %s (it has %s)"
              .formatted(group.ordinal(), group.file(), count, from, group.rows()));
    }
  }

  /** The rows of the row group, from 0, in the order in which they are to be visited. */
  public IntStream rowsInOrder() {
    return Arrays.stream(order.permutation(group.rows()), from, from + count);
  }
}
