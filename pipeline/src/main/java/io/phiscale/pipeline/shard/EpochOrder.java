package io.phiscale.pipeline.shard;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The order in which one epoch visits all samples, each exactly once: the row groups permuted, and
 * within each row group its rows permuted. It depends on the seed, the epoch and the list of row
 * groups, and on nothing else: any number of workers that cut the same order anywhere visit the
 * same sequence. A position in it is a sample's place in that sequence, from 0.
 *
 * <p>A row group is identified by its index in the given list, not by its file's name, which
 * differs between two otherwise equal shardings: always pass the manifest's own order.
 *
 * <p>Samples of one row group stay together. This is a full shuffle only because the sharding job
 * shuffles globally when it writes.
 *
 * <p>Size: a few numbers per row group; nothing per sample.
 */
public final class EpochOrder {
  private static final long GROUPS = 0;
  private static final long ROWS = 1;

  private final List<RowGroup> groups;
  private final long seed;
  private final int epoch;

  /** Index into {@link #groups} at each place. */
  private final int[] visited;

  /** Position of the first sample at each place, and after the last the number of samples. */
  private final long[] start;

  /**
   * The order of an epoch.
   *
   * @param groups all row groups of the split, in the manifest's order; at least one
   * @param seed of the run
   * @param epoch from 0
   */
  public EpochOrder(List<RowGroup> groups, long seed, int epoch) {
    if (groups.isEmpty()) {
      throw new IllegalArgumentException("Invalid row groups: none");
    }
    if (epoch < 0) {
      throw new IllegalArgumentException("Invalid epoch: %s (must be >= 0)".formatted(epoch));
    }
    this.groups = List.copyOf(groups);
    this.seed = seed;
    this.epoch = epoch;
    this.visited = CounterRandom.of(seed, epoch, GROUPS).permutation(groups.size());
    this.start = new long[groups.size() + 1];
    for (int place = 0; place < visited.length; place++) {
      start[place + 1] = start[place] + groups.get(visited[place]).rows();
    }
  }

  /** The number of samples of the epoch. */
  public long size() {
    return start[start.length - 1];
  }

  /**
   * The samples at positions {@code from} to {@code from + count - 1}, in order.
   *
   * @throws IllegalArgumentException if that is not within [0, {@link #size()})
   */
  public List<RowGroupSlice> slice(long from, long count) {
    if (from < 0 || count < 0 || from > size() - count) {
      throw new IllegalArgumentException(
          "Invalid slice: %s samples from position %s (the epoch has %s)"
              .formatted(count, from, size()));
    }
    List<RowGroupSlice> slices = new ArrayList<>();
    long end = from + count;
    int found = Arrays.binarySearch(start, from);
    int place = found >= 0 ? found : -found - 2;
    for (long position = from; position < end; place++) {
      int index = visited[place];
      long until = Math.min(end, start[place + 1]);
      slices.add(
          new RowGroupSlice(
              groups.get(index),
              CounterRandom.of(seed, epoch, ROWS, index),
              Math.toIntExact(position - start[place]),
              Math.toIntExact(until - position)));
      position = until;
    }
    return slices;
  }

  /**
   * Where the rows of a row group come: the inverse of {@link #slice}.
   *
   * @param group index into the list of row groups
   * @return the position of each row, in the order of the file
   * @throws IllegalArgumentException if there is no such row group
   */
  public long[] positions(int group) {
    if (group < 0 || group >= visited.length) {
      throw new IllegalArgumentException(
          "Invalid row group: %s (must be in [0, %s))".formatted(group, visited.length));
    }
    int place = 0;
    while (visited[place] != group) {
      place++;
    }
    int[] rows = CounterRandom.of(seed, epoch, ROWS, group).permutation(groups.get(group).rows());
    long[] positions = new long[rows.length];
    for (int i = 0; i < rows.length; i++) {
      positions[rows[i]] = start[place] + i;
    }
    return positions;
  }
}
