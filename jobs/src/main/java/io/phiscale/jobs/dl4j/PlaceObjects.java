package io.phiscale.jobs.dl4j;

import io.phiscale.pipeline.shard.CounterRandom;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.Function2;
import scala.Tuple2;

/**
 * Gives every object its place in the epoch's order: a permutation of the objects' numbers, which
 * count through the partitions one after the other. How many partitions there are does not matter.
 */
final class PlaceObjects<T> implements Function2<Integer, Iterator<T>, Iterator<Tuple2<Long, T>>> {
  private static final long serialVersionUID = 1L;

  private final long[] counts;
  private final CounterRandom random;

  /**
   * @param counts objects in each partition
   * @param random of the epoch
   */
  PlaceObjects(List<Long> counts, CounterRandom random) {
    this.counts = counts.stream().mapToLong(Long::longValue).toArray();
    this.random = random;
  }

  @Override
  public Iterator<Tuple2<Long, T>> call(Integer partition, Iterator<T> objects) {
    int first = 0;
    int total = 0;
    for (int i = 0; i < counts.length; i++) {
      if (i == partition) {
        first = total;
      }
      total = Math.addExact(total, Math.toIntExact(counts[i]));
    }
    int count = (int) counts[partition];
    int[] order = random.permutation(total);
    int[] place = new int[count];
    for (int position = 0; position < total; position++) {
      int own = order[position] - first;
      if (own >= 0 && own < count) {
        place[own] = position;
      }
    }
    return new Placed<>(objects, place, partition);
  }

  private static final class Placed<T> implements Iterator<Tuple2<Long, T>> {
    private final Iterator<T> objects;
    private final int[] place;
    private final int partition;
    private int next;

    Placed(Iterator<T> objects, int[] place, int partition) {
      this.objects = objects;
      this.place = place;
      this.partition = partition;
    }

    @Override
    public boolean hasNext() {
      if (objects.hasNext() == next < place.length) {
        return objects.hasNext();
      }
      throw new IllegalStateException(
          String.format(
              "Partition %s of the training data held %s objects and now another number: its RDD"
                  + " must give the same every time, or be cached",
              partition, place.length));
    }

    @Override
    public Tuple2<Long, T> next() {
      return new Tuple2<>((long) place[next++], objects.next());
    }
  }
}
