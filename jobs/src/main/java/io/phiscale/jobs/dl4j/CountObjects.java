package io.phiscale.jobs.dl4j;

import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;

/** The number of objects in a partition. */
final class CountObjects<T> implements FlatMapFunction<Iterator<T>, Long> {
  private static final long serialVersionUID = 1L;

  @Override
  public Iterator<Long> call(Iterator<T> objects) {
    long count = 0;
    while (objects.hasNext()) {
      objects.next();
      count++;
    }
    return List.of(count).iterator();
  }
}
