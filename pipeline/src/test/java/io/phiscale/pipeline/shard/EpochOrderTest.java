package io.phiscale.pipeline.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class EpochOrderTest {
  /** A sample: the row group's ordinal and the row in it. */
  private record Row(int group, int row) {}

  private static List<RowGroup> groups(List<Integer> rows) {
    List<RowGroup> groups = new ArrayList<>();
    for (int count : rows) {
      groups.add(new RowGroup(URI.create("file:/shard.parquet"), groups.size(), count, 1));
    }
    return groups;
  }

  private static List<Row> rows(List<RowGroupSlice> slices) {
    List<Row> rows = new ArrayList<>();
    for (RowGroupSlice slice : slices) {
      slice.rowsInOrder().forEach(row -> rows.add(new Row(slice.group().ordinal(), row)));
    }
    return rows;
  }

  private static List<Row> whole(EpochOrder order) {
    return rows(order.slice(0, order.size()));
  }

  @Property(tries = 200, seed = "20")
  void everySampleIsVisitedExactlyOnce(
      @ForAll @Size(min = 1, max = 12) List<@IntRange(min = 1, max = 40) Integer> sizes,
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 1000) int epoch) {
    EpochOrder order = new EpochOrder(groups(sizes), seed, epoch);
    List<Row> visited = whole(order);

    assertThat(order.size()).isEqualTo(sizes.stream().mapToInt(Integer::intValue).sum());
    assertThat(visited).hasSize(Math.toIntExact(order.size())).doesNotHaveDuplicates();
    Map<Integer, Integer> perGroup = new TreeMap<>();
    for (Row row : visited) {
      assertThat(row.row()).isBetween(0, sizes.get(row.group()) - 1);
      perGroup.merge(row.group(), 1, Integer::sum);
    }
    for (int group = 0; group < sizes.size(); group++) {
      assertThat(perGroup.get(group)).isEqualTo(sizes.get(group));
    }
  }

  @Property(tries = 200, seed = "20")
  void anyNumberOfWorkersCutsTheSameOrder(
      @ForAll @Size(min = 1, max = 12) List<@IntRange(min = 1, max = 40) Integer> sizes,
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 9) int workers,
      @ForAll @IntRange(min = 1, max = 50) int perWorkerAndRound) {
    List<RowGroup> groups = groups(sizes);
    List<Row> expected = whole(new EpochOrder(groups, seed, 3));

    List<Row> visited = new ArrayList<>();
    long size = expected.size();
    for (long round = 0; round < size; round += (long) workers * perWorkerAndRound) {
      for (int worker = 0; worker < workers; worker++) {
        long from = Math.min(size, round + (long) worker * perWorkerAndRound);
        long count = Math.min(perWorkerAndRound, size - from);
        // Each worker has its own order, as in another process.
        visited.addAll(rows(new EpochOrder(groups, seed, 3).slice(from, count)));
      }
    }

    assertThat(visited).isEqualTo(expected);
  }

  @Property(tries = 200, seed = "20")
  void anyCutIsTheSamePartOfTheSameOrder(
      @ForAll @Size(min = 1, max = 12) List<@IntRange(min = 1, max = 40) Integer> sizes,
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 500) int a,
      @ForAll @IntRange(min = 0, max = 500) int b) {
    EpochOrder order = new EpochOrder(groups(sizes), seed, 0);
    int size = Math.toIntExact(order.size());
    int from = Math.min(a, b) % (size + 1);
    int to = from + (Math.max(a, b) - from) % (size + 1 - from);

    assertThat(rows(order.slice(from, to - from))).isEqualTo(whole(order).subList(from, to));
  }

  @Example
  void theOrderIsPinned() {
    // Golden, computed by a second implementation, in Python: a change here changes the sample
    // order of every published run.
    EpochOrder order = new EpochOrder(groups(List.of(3, 2, 4)), 42, 1);
    assertThat(whole(order).stream().map(row -> row.group() + "/" + row.row()))
        .containsExactly("1/1", "1/0", "0/2", "0/0", "0/1", "2/2", "2/0", "2/3", "2/1");
  }

  @Example
  void epochsAndSeedsDiffer() {
    List<RowGroup> groups = groups(IntStream.range(0, 20).map(i -> 50).boxed().toList());
    HashSet<List<Row>> orders = new HashSet<>();
    for (int seed = 0; seed < 5; seed++) {
      for (int epoch = 0; epoch < 20; epoch++) {
        List<Row> visited = whole(new EpochOrder(groups, seed, epoch));
        assertThat(orders.add(visited)).as("seed %s epoch %s is new", seed, epoch).isTrue();
        assertThat(visited).isEqualTo(whole(new EpochOrder(groups, seed, epoch)));
      }
    }
  }

  @Example
  void rowGroupsOfOneEpochAreShuffledIndependently() {
    List<RowGroup> groups = groups(List.of(30, 30));
    Map<Integer, List<Integer>> rows = new TreeMap<>();
    for (Row row : whole(new EpochOrder(groups, 7, 0))) {
      rows.computeIfAbsent(row.group(), group -> new ArrayList<>()).add(row.row());
    }
    assertThat(rows.get(0)).isNotEqualTo(rows.get(1));
  }

  @Example
  void theNameOfAFileDoesNotMatter() {
    List<RowGroup> renamed =
        groups(List.of(5, 6, 7)).stream()
            .map(
                group ->
                    new RowGroup(
                        URI.create("s3a://other/part-" + group.ordinal()),
                        group.ordinal(),
                        group.rows(),
                        9))
            .toList();
    assertThat(whole(new EpochOrder(renamed, 5, 5)))
        .isEqualTo(whole(new EpochOrder(groups(List.of(5, 6, 7)), 5, 5)));
  }

  @Example
  void positionsAreWhereTheRowsComeInTheOrder() {
    List<RowGroup> groups = groups(List.of(3, 1, 40, 7));
    EpochOrder order = new EpochOrder(groups, 8, 3);
    for (int group = 0; group < groups.size(); group++) {
      long[] positions = order.positions(group);
      assertThat(positions).hasSize(groups.get(group).rows());
      for (int row = 0; row < positions.length; row++) {
        RowGroupSlice there = order.slice(positions[row], 1).get(0);
        assertThat(there.group()).isEqualTo(groups.get(group));
        assertThat(there.rowsInOrder().toArray()).containsExactly(row);
      }
    }
  }

  @Example
  void aMillionRowGroupsAreCutWithoutVisitingTheirRows() {
    RowGroup group = new RowGroup(URI.create("file:/shard.parquet"), 0, 1_000_000, 1);
    List<RowGroup> groups = IntStream.range(0, 1_000_000).mapToObj(i -> group).toList();
    EpochOrder order = new EpochOrder(groups, 1, 0);

    assertThat(order.size()).isEqualTo(1_000_000_000_000L);
    List<RowGroupSlice> slices = order.slice(999_999_999_990L, 10);
    assertThat(slices).hasSize(1);
    assertThat(slices.get(0).from()).isEqualTo(999_990);
  }

  @Example
  void splitMix64IsTheReference() {
    // First outputs of the reference splitmix64.c for seed 1234567.
    CounterRandom random = new CounterRandom(1234567);
    assertThat(LongStream.range(0, 5).map(random::bits).mapToObj(Long::toUnsignedString))
        .containsExactly(
            "6457827717110365317",
            "3203168211198807973",
            "9817491932198370423",
            "4593380528125082431",
            "16408922859458223821");
  }

  @Example
  void keysAndPermutationsArePinned() {
    // Computed by a second implementation, in Python.
    assertThat(CounterRandom.of(42, 1, 0).key()).isEqualTo(5884338828493024937L);
    assertThat(CounterRandom.of(-5, 7).key()).isEqualTo(-5578737355403181781L);
    assertThat(new CounterRandom(1234567).permutation(10))
        .containsExactly(5, 9, 1, 0, 6, 7, 4, 2, 3, 8);
  }

  @Example
  void pathsGiveDifferentKeys() {
    HashSet<Long> keys = new HashSet<>();
    keys.add(CounterRandom.of(0).key());
    for (int a = 0; a < 30; a++) {
      keys.add(CounterRandom.of(0, a).key());
      for (int b = 0; b < 30; b++) {
        keys.add(CounterRandom.of(0, a, b).key());
        keys.add(CounterRandom.of(a + 1, b).key());
      }
    }
    assertThat(keys).hasSize(1 + 30 + 900 + 900);
  }

  @Example
  void placesOfAPermutationAreUniform() {
    int[][] seen = new int[5][5];
    for (int key = 0; key < 20_000; key++) {
      int[] order = CounterRandom.of(9, key).permutation(5);
      for (int place = 0; place < 5; place++) {
        seen[place][order[place]]++;
      }
    }
    // Expected 4000, standard deviation 57.
    for (int[] counts : seen) {
      for (int count : counts) {
        assertThat(count).isBetween(3_700, 4_300);
      }
    }
  }

  @Example
  void boundedNumbersStayInTheirBounds() {
    CounterRandom random = new CounterRandom(3);
    for (int bound : new int[] {1, 2, 7, Integer.MAX_VALUE}) {
      for (int counter = 0; counter < 1000; counter++) {
        assertThat(random.below(bound, counter)).isBetween(0, bound - 1);
      }
    }
    assertThatThrownBy(() -> random.below(0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid bound: 0 (must be > 0)");
  }

  @Example
  void refusesWhatIsNotInTheEpoch() {
    EpochOrder order = new EpochOrder(groups(List.of(3, 4)), 1, 0);
    assertThat(order.slice(7, 0)).isEmpty();
    assertThatThrownBy(() -> order.slice(5, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid slice: 3 samples from position 5 (the epoch has 7)");
    assertThatThrownBy(() -> order.slice(-1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> order.positions(2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid row group: 2 (must be in [0, 2))");
    assertThatThrownBy(() -> new EpochOrder(List.of(), 1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid row groups: none");
    assertThatThrownBy(() -> new EpochOrder(groups(List.of(1)), 1, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Invalid epoch: -1 (must be >= 0)");
    RowGroup group = groups(List.of(3)).get(0);
    assertThatThrownBy(() -> new RowGroupSlice(group, new CounterRandom(0), 2, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "Invalid slice of row group 0 of file:/shard.parquet: 2 rows from 2 (it has 3)");
  }
}
